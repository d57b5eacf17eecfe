package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// What is written to a screen is in the end what it would be without the
// picture, wherever the writes are cut and however often the picture changes.
func TestTextStays(t *testing.T) {
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "%d%s\n", i, strings.Repeat(" word", i)) // up to 200 columns
		if i%7 == 0 {
			text.WriteByte('\n')
		}
	}
	text.WriteString("the end, without a line of its own")
	for _, size := range [][2]int{{80, 24}, {40, 24}, {132, 50}, {80, 12}} {
		for _, piece := range []int{1, 7, 80, 1000, 1 << 20} {
			t.Run(fmt.Sprint(size, " in pieces of ", piece), func(t *testing.T) {
				bare := newTerminal(t, size[0], size[1])
				for line := range strings.Lines(text.String()) {
					line, ended := strings.CutSuffix(line, "\n")
					_, err := io.WriteString(bare, strings.Join(wrapped(line, size[0]), "\n")+map[bool]string{true: "\n"}[ended])
					require.NoError(t, err)
				}

				v := newTerminal(t, size[0], size[1])
				s := newScreen(v, func() int { return size[0] }, true)
				n := 0
				s.show(func(int, palette) []string {
					n++
					rows := make([]string, n%10)
					for i := range rows {
						rows[i] = fmt.Sprintf("\x1b[32mpicture %d\x1b[0m %s", n, strings.Repeat("x", n%200))
					}
					return rows
				})
				for rest := text.String(); rest != ""; {
					cut := min(piece, len(rest))
					_, err := io.WriteString(s, rest[:cut])
					require.NoError(t, err)
					rest = rest[cut:]
					s.refresh()
				}
				assert.False(t, v.split, "a write must leave the terminal as it was")
				s.close()
				assert.Equal(t, bare.everything(), v.everything())
				assert.Positive(t, n)
			})
		}
	}
}

func TestPictureIsBelow(t *testing.T) {
	v := newTerminal(t, 80, 6)
	s := newScreen(v, func() int { return 80 }, true)
	defer s.close()
	var count atomic.Int64
	s.show(func(int, palette) []string { return []string{"--", fmt.Sprint(count.Load())} })
	for _, c := range []struct {
		write string
		want  []string
	}{
		{"", []string{"--", "0"}},
		{"a\n", []string{"a", "--", "1"}},
		{"b", []string{"a", "--", "2"}},
		{"b\nc\n", []string{"a", "bb", "c", "--", "3"}},
		{"d\ne\nf\n", []string{"d", "e", "f", "--", "4"}},
	} {
		_, err := io.WriteString(s, c.write)
		require.NoError(t, err)
		s.refresh()
		assert.Equal(t, c.want, v.visible())
		count.Add(1)
	}
	require.Eventually(t, func() bool { // nothing is written, and it is drawn all the same
		return slices.Equal(v.visible(), []string{"d", "e", "f", "--", "5"})
	}, 10*time.Second, time.Millisecond)
	_, err := io.WriteString(v, "^C") // what a person presses appears
	require.NoError(t, err)
	s.show(nil)
	assert.Equal(t, []string{"d", "e", "f"}, v.visible())
}

// A viewer looks at a terminal, and remembers the last picture.
type viewer struct {
	*terminal
	picture string
}

func (v *viewer) Write(p []byte) (int, error) {
	n, err := v.terminal.Write(p)
	rows := v.visible()
	if last := len(rows) - 1; last >= 0 && strings.HasPrefix(rows[last], "requests: ") {
		first := last
		for first > 0 && rows[first-1] != "" {
			first--
		}
		v.picture = strings.Join(rows[first:], "\n")
	}
	return n, err
}

// onTerminal runs a format of the program, with keys on curves alone. Before
// each step it shows the picture of the one before, and in the end that of the
// last one under the name "".
func onTerminal(ctx context.Context, v *viewer, name string, before func(step, picture string)) (status int) {
	quick := *formats[name][0]
	slow := quick.generate
	quick.generate = func(party string, use keyset.Use, n int) (keyset.Material, error) { return slow(party, use, n+1) }
	s := newScreen(v, func() int { return v.cols }, true)
	status = play(ctx, []*format{&quick}, 1, 0, s, func(step string, story *story) {
		s.refresh()
		s.mu.Lock()
		picture := v.picture
		s.mu.Unlock()
		before(step, picture)
	})
	s.close()
	before("", v.picture)
	return status
}

func TestPictureOfRotation(t *testing.T) {
	dots := func(n int) string { return "[" + strings.Repeat("=", n) + strings.Repeat(".", 78-n) + "]" }
	for name, want := range map[string]map[string]string{
		"pgp": {
			"add": "step 2 of 15: START, OpenPGP\n" + dots(10) + `
KEY                     AT THE BANK     AT THE SHOP
bank-2                  active          active
shop-2                  active          active
`,
			"prove": "step 4 of 15: HAND OVER, OpenPGP\n" + dots(20) + `
KEY                     AT THE BANK     AT THE SHOP
bank-2                  active          active
bank-3                  pending         pending
shop-2                  active          active
shop-3                  pending         pending
`,
			"remove": "step 8 of 15: RETIRE, OpenPGP\n" + dots(41) + `
KEY                     AT THE BANK     AT THE SHOP
bank-2                  retiring        retiring
bank-3                  active          active
shop-2                  retiring        retiring
shop-3                  active          active
`,
			"": "step 15 of 15: END, OpenPGP\n" + dots(78) + `
KEY                     AT THE BANK     AT THE SHOP
bank-2                  removed         removed
bank-3                  revoked         revoked
bank-4                  active          active
shop-2                  removed         removed
shop-3                  active          active
`,
		},
		"jose": {
			"hand over": "step 3 of 15: ADD, JOSE\n" + dots(15) + `
KEY                     AT THE BANK     AT THE SHOP
bank-encryption-2       active          active
bank-encryption-3       pending
bank-signing-2          active          active
bank-signing-3          pending
shop-encryption-2       active          active
shop-encryption-3                       pending
shop-signing-2          active          active
shop-signing-3                          pending
`,
			"": "step 15 of 15: END, JOSE\n" + dots(78) + `
KEY                     AT THE BANK     AT THE SHOP
bank-encryption-2       removed         removed
bank-encryption-3       active          active
bank-signing-2          removed         removed
bank-signing-3          revoked         revoked
bank-signing-4          active          active
shop-encryption-2       removed         removed
shop-encryption-3       active          active
shop-signing-2          removed         removed
shop-signing-3          active          active
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := &viewer{terminal: newTerminal(t, 80, 24)}
			seen := map[string]string{}
			status := onTerminal(t.Context(), v, name, func(step, picture string) { seen[step] = picture })
			assert.Zero(t, status)
			for step, picture := range want {
				assert.True(t, strings.HasPrefix(seen[step], picture), "before %q:\n%s\nwant:\n%s", step, seen[step], picture)
				assert.Regexp(t, `\nretiring: only opens; revoked: nothing; removed: gone\nrequests: \d+ in flight, \d+ done, 0 failed$`, seen[step])
			}
			assert.False(t, v.split)

			text := v.everything() // in the end it is the timeline, and the summary
			assert.NotContains(t, text, "in flight")
			assert.NotContains(t, text, "step ")
			assert.Contains(t, text, "  PROMOTE: ")
			assert.Regexp(t, `(?m)^KEY +ALGORITHM +USE +STATE +SEALED +OPENED +LAST USED$`, text)
			for _, ring := range []string{"bank, own", "bank, peer", "shop, own", "shop, peer"} {
				assert.Regexp(t, `(?m)^`+ring+`:\n(\S+ +\S+ +\S+ +(active|removed|revoked) +\d+ +\d+ +\d+\.\d{3}s\n){2,5}`, text)
			}
			requests, failed := total(t, text+"\n")
			assert.Positive(t, requests)
			assert.Zero(t, failed)
		})
	}
}

// Whoever interrupts the program gets the terminal back as it was.
func TestInterrupted(t *testing.T) {
	v := &viewer{terminal: newTerminal(t, 80, 24)}
	ctx, stop := context.WithCancel(t.Context())
	status := onTerminal(ctx, v, "pgp", func(step, picture string) {
		if step == "promote" {
			assert.Contains(t, picture, "step 5 of 15: PROVE")
			stop()
		}
	})
	assert.Equal(t, 1, status)
	text := v.everything()
	assert.Contains(t, text, "FAILED: context canceled")
	assert.NotContains(t, text, "in flight")
	assert.False(t, v.split)
	assert.Zero(t, v.col)
}

func TestOnlyTerminalsHavePictures(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // the one that every machine has
	require.NoError(t, err)
	defer device.Close()
	for _, c := range []struct {
		name string
		w    io.Writer
		term string
		want bool
	}{
		{"a buffer", new(bytes.Buffer), "xterm", false},
		{"a file", file, "xterm", false},
		{"a pipe", w, "xterm", false},
		{"a device", device, "xterm", true},
		{"a device that is dumb", device, "dumb", false},
		{"a device that says nothing", device, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, isTerminal(c.w, c.term))
		})
	}
}
