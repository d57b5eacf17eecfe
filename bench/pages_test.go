package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
)

// TestEverythingIsMeasured runs the operations of the pages once, but for the largest
// payloads and most numbers of keys, which are the same code.
func TestEverythingIsMeasured(t *testing.T) {
	for name, p := range pages() {
		for _, q := range p.asked() {
			if q.size > medium && q.part != partSigners || q.keys > 2 {
				continue
			}
			t.Run(name+" "+q.String(), func(t *testing.T) {
				subjects, err := q.subjects()
				require.NoError(t, err)
				require.NotEmpty(t, subjects)
				for _, s := range subjects {
					assert.NoError(t, s.do(make([]time.Duration, len(s.steps))), s.name)
				}
			})
		}
	}
}

// TestInteroperability shows that what is compared is the same work: a message of each
// opens in every other, and is under the algorithms of its profile.
func TestInteroperability(t *testing.T) {
	for _, p := range profiles() {
		t.Run(p.id, func(t *testing.T) {
			for _, size := range []int{1, medium + 3, 300<<10 + 1} {
				all, err := p.build(size)
				require.NoError(t, err)
				want, told := payload(size), ""
				for _, from := range all {
					sealed, err := from.seal(want)
					require.NoError(t, err, "%s seals %d", from.name, size)
					for _, to := range all {
						got, err := to.open(bytes.Clone(sealed))
						if assert.NoError(t, err, "%s opens %d of %s", to.name, size, from.name) {
							assert.True(t, bytes.Equal(want, got), "%s opens %d of %s", to.name, size, from.name)
						}
					}
					said := algorithms(t, all[0].receiver, sealed)
					if told == "" {
						told = said
					}
					assert.Equal(t, told, said, from.name)
				}
			}
		})
	}
}

// algorithms are those of a message, as its receiver sees them.
func algorithms(t *testing.T, receiver envelope.Envelope, sealed []byte) string {
	t.Helper()
	m, err := receiver.Open(context.Background(), sealed)
	require.NoError(t, err)
	require.Len(t, m.Signers, 1)
	return fmt.Sprint(m.Content, " ", m.Decrypter.Algorithm, " ", m.Signers[0].Algorithm, " ", m.Waived)
}

// TestLimitIsWhole shows that the steps of the limit take back what they made, as often as
// they are asked to.
func TestLimitIsWhole(t *testing.T) {
	for _, p := range profiles() {
		t.Run(p.id, func(t *testing.T) {
			seal, open, err := p.bare(medium)
			require.NoError(t, err)
			for range 2 {
				for _, s := range append(seal, open...) {
					require.NoError(t, s.do(), s.name)
				}
			}
		})
	}
}

func TestPages(t *testing.T) {
	o := options{schedule: schedule{1, time.Microsecond}, cores: 2, only: regexp.MustCompile("^(jwe-ec (Seal|Open) 1 KiB|keys-jwe Open 1 KiB, 1 keys)$"), progress: io.Discard}
	var out bytes.Buffer
	require.NoError(t, o.make(pages()["performance"], false, &out))
	text := out.String()
	assert.Contains(t, text, "| ES256, ECDH-ES+A256KW, A256GCM | Seal: limit | sealwax | go-jose | jwx | Open: limit | sealwax | go-jose | jwx |\n|---|---|---|---|---|---|---|---|---|\n| 1 KiB | ")
	assert.Contains(t, text, "JWE 1 KiB, in private-key operations: sealwax, named | ")
	assert.Equal(t, 2, strings.Count(text, "|---|\n"), "what was not measured has no table")
	assert.NotContains(t, text, "NaN")
	cells := 0
	for line := range strings.Lines(text) {
		n := strings.Count(line, "|")
		if n != 0 && cells != 0 {
			assert.Equal(t, cells, n, line)
		}
		cells = n
	}
	assert.Error(t, o.make(page{file: "nowhere.md", asked: func() []asked { return nil }, write: options.writePerformance}, true, io.Discard))
}

// TestMarks replaces tables in a page.
func TestMarks(t *testing.T) {
	got, err := replaced([]byte("a\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nb\n"), []byte("\nnew\n"))
	require.NoError(t, err)
	assert.Equal(t, "a\n<!-- bench: begin -->\n\nnew\n\n<!-- bench: end -->\nb\n", string(got))
	_, err = replaced([]byte("a"), nil)
	assert.Error(t, err)
	for name, p := range pages() {
		text, err := os.ReadFile(filepath.Join("..", "docs", p.file))
		require.NoError(t, err)
		_, err = replaced(text, nil)
		assert.NoError(t, err, name)
	}
}

func TestUnits(t *testing.T) {
	for ns, want := range map[float64]string{13.72: "13.7 ns", 121_400: "121 µs", 82_398_000: "82.4 ms"} {
		assert.Equal(t, want, duration(ns))
	}
	for n, want := range map[float64]string{300: "300 B", 12 << 10: "12 KiB", 28.4 * (1 << 20): "28.4 MiB"} {
		assert.Equal(t, want, memory(n))
	}
	for n, want := range map[int]string{1: "1 B", small: "1 KiB", huge: "16 MiB"} {
		assert.Equal(t, want, sizeName(n))
	}
}

func TestPayloadDeflates(t *testing.T) {
	all, err := profileOf("jwe-def").build(large)
	require.NoError(t, err)
	sealed, err := all[0].seal(payload(large))
	require.NoError(t, err)
	assert.Less(t, len(sealed), large)      // base64 twice would be 1.8 times as long
	assert.Greater(t, len(sealed), large/4) // go-jose inflates to ten times the size at most
}
