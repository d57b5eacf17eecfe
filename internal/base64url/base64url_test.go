package base64url_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/seeds"
)

var strict = base64.RawURLEncoding.Strict()

func octets(n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(n)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// sizes are all small ones, and those around every threshold.
func sizes() []int {
	var all []int
	for n := range 100 {
		all = append(all, n)
	}
	for _, n := range []int{4096, base64url.Halves, base64url.Halves * 3 / 4, 64 << 10, 1 << 20} {
		for d := -3; d <= 3; d++ {
			all = append(all, n+d)
		}
	}
	return all
}

// Both directions do what the standard library does.
func TestLikeTheStandardLibrary(t *testing.T) {
	for _, n := range sizes() {
		in := octets(n)
		want := strict.EncodeToString(in)
		got := make([]byte, base64url.EncodedLen(n)+1)
		got[len(got)-1] = '#'
		base64url.Encode(got, in)
		require.Equal(t, want, string(got[:len(got)-1]), n)
		require.Equal(t, byte('#'), got[len(got)-1], "written past the end")

		require.Equal(t, "x"+want, string(base64url.AppendEncode([]byte("x"), in)))

		back := append(make([]byte, n), '#')
		require.NoError(t, base64url.Decode(back[:n:n], []byte(want)))
		require.True(t, bytes.Equal(in, back[:n]), n)
		require.Equal(t, byte('#'), back[n])
		require.ErrorIs(t, base64url.Decode(make([]byte, n+1), []byte(want)), base64url.ErrInvalid, "a buffer of another size")
	}
}

// Whatever is changed in a spelling, it is refused or spells something else: no
// two strings spell the same bytes.
func TestOneSpelling(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 31} {
		in := octets(n)
		text := []byte(strict.EncodeToString(in))
		for i := range text {
			for c := range 256 {
				changed := bytes.Clone(text)
				changed[i] = byte(c)
				out := make([]byte, n)
				err := base64url.Decode(out, changed)
				m, want := strict.Decode(make([]byte, n+3), changed)
				if c == '\r' || c == '\n' {
					want = base64.CorruptInputError(i) // the standard library skips them
				}
				_ = m
				require.Equal(t, want == nil, err == nil, "%q", changed)
				if err == nil && byte(c) != text[i] {
					require.NotEqual(t, in, out, "%q", changed)
				}
			}
		}
	}
	for _, s := range []string{"A", "AAAAA", "AA=", "AA==", "AB", "AAB", "A A", "AAAA\n", "\nAAAA", "AAA+", "AAA/", "ÄAA"} {
		assert.ErrorIs(t, base64url.Decode(make([]byte, base64url.DecodedLen(len(s))), []byte(s)), base64url.ErrInvalid, "%q", s)
		_, err := base64url.DecodeString(s)
		assert.ErrorIs(t, err, base64url.ErrInvalid, "%q", s)
	}
}

// In a long text every place is looked at, in either half.
func TestEveryPlace(t *testing.T) {
	text := []byte(strict.EncodeToString(octets(base64url.Halves)))
	out := make([]byte, base64url.Halves)
	for i := 0; i < len(text); i += 1 + i%7*97 {
		good := text[i]
		text[i] = '.'
		require.ErrorIs(t, base64url.Decode(out, text), base64url.ErrInvalid, i)
		text[i] = good
	}
	require.NoError(t, base64url.Decode(out, text))
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "A", "AA", "AAA", "AAAA", "AB", "eyJhbGciOiJSU0EtT0FFUCJ9", "_-_-_-_-_", "AAAA\nAAAA", "AAAAAAAA="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out := make([]byte, base64url.DecodedLen(len(text)))
		if base64url.Decode(out, text) != nil {
			want := make([]byte, len(out)+3)
			if n, err := strict.Decode(want, text); err == nil && n == len(out) && len(text)%4 != 1 {
				t.Fatalf("%q is refused", text)
			}
			return
		}
		again := make([]byte, base64url.EncodedLen(len(out)))
		base64url.Encode(again, out)
		require.Equal(t, text, again)
	})
}

func BenchmarkBase64(b *testing.B) {
	for _, n := range []int{1 << 10, 48 << 10, 1 << 20} {
		in := octets(n)
		text := []byte(strict.EncodeToString(in))
		for name, f := range map[string]func(){
			"encode":     func() { base64url.Encode(text, in) },
			"decode":     func() { _ = base64url.Decode(in, text) },
			"encode std": func() { strict.Encode(text, in) },
			"decode std": func() { _, _ = strict.Decode(in, text) },
		} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, n>>10), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					f()
				}
			})
		}
	}
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
