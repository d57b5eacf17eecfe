package inflate_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/inflate"
	"github.com/sealwax/sealwax/internal/seeds"
)

type reader interface{ Next() ([]byte, error) }

// all reads r to its end.
func all(r reader) ([]byte, error) {
	var out []byte
	for {
		run, err := r.Next()
		out = append(out, run...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

func deflate(t testing.TB, level int, data []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func payloads() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 300<<10)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var records strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&records, "6%02d%09d%-17s%010d%-22s%015d\n", 22, r.IntN(1e9), "0000123456789", r.IntN(1e6), "ACME CORPORATION", i)
	}
	return map[string][]byte{
		"nothing": {},
		"a byte":  {7},
		"zeros":   make([]byte, 1<<20),
		"random":  random,
		"records": []byte(records.String()),
		"text":    bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog. "), 5000),
	}
}

func TestInflatesWhatWasDeflated(t *testing.T) {
	for name, data := range payloads() {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, 6, flate.BestCompression} {
			in := deflate(t, level, data)
			t.Run(fmt.Sprintf("%s/%d", name, level), func(t *testing.T) {
				for _, src := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)), iotest.DataErrReader(bytes.NewReader(in))} {
					out, err := all(inflate.NewReader(src))
					require.NoError(t, err)
					require.True(t, bytes.Equal(data, out))
				}
			})
		}
	}
}

func TestZlib(t *testing.T) {
	for name, data := range payloads() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := zlib.NewWriter(&b)
			_, err := w.Write(data)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			out, err := all(inflate.NewZlib(bytes.NewReader(b.Bytes())))
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, out))

			for _, at := range []int{0, 1, b.Len() - 4, b.Len() - 1} {
				bad := bytes.Clone(b.Bytes())
				bad[at] ^= 0x10
				_, err = all(inflate.NewZlib(bytes.NewReader(bad)))
				assert.ErrorIs(t, err, inflate.ErrCorrupt, "byte %d", at)
			}
			_, err = all(inflate.NewZlib(bytes.NewReader(b.Bytes()[:b.Len()-1])))
			assert.ErrorIs(t, err, inflate.ErrCorrupt)
		})
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	fault := errors.New("disk on fire")
	in := deflate(t, 6, payloads()["records"])
	for _, n := range []int{0, 1, 5000} {
		src := io.MultiReader(bytes.NewReader(in[:n]), iotest.ErrReader(fault))
		_, err := all(inflate.NewReader(src))
		assert.ErrorIs(t, err, fault)
	}
	_, err := all(inflate.NewReader(idle{}))
	assert.ErrorIs(t, err, io.ErrNoProgress)
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// Tables are counted: for what a block of a table and so many literals costs, it
// must bring data.
func TestTablesAreCounted(t *testing.T) {
	for _, tt := range []struct {
		literals int
		refused  bool
	}{{0, true}, {40, true}, {300, true}, {2000, false}} {
		t.Run(fmt.Sprint(tt.literals), func(t *testing.T) {
			in := Tables(1<<20, tt.literals)
			want, err := io.ReadAll(flate.NewReader(bytes.NewReader(in)))
			require.NoError(t, err, "the standard library reads it")
			out, err := all(inflate.NewReader(bytes.NewReader(in)))
			if tt.refused {
				require.ErrorIs(t, err, inflate.ErrTables)
				require.Less(t, len(out), 64<<10)
				return
			}
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, out))
		})
	}
	// A few such blocks are nobody's business.
	out, err := all(inflate.NewReader(bytes.NewReader(Tables(4<<10, 1))))
	require.NoError(t, err)
	require.NotEmpty(t, out)
}

func FuzzInflate(f *testing.F) {
	for _, data := range payloads() {
		if len(data) > 5000 {
			data = data[:5000]
		}
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 9} {
			f.Add(deflate(f, level, data))
		}
	}
	f.Add(Tables(300, 3))
	f.Fuzz(func(t *testing.T, in []byte) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), 4<<20))
		var out []byte
		r := inflate.NewReader(bytes.NewReader(in))
		var err error
		for err == nil && len(out) < 4<<20 {
			var run []byte
			run, err = r.Next()
			out = append(out, run...)
		}
		if len(out) > 4<<20 {
			out = out[:4<<20]
		}
		if errors.Is(err, inflate.ErrTables) {
			return
		}
		if (err != nil && err != io.EOF) != (wantErr != nil) {
			t.Fatalf("ours: %v, compress/flate: %v", err, wantErr)
		}
		if wantErr == nil && !bytes.Equal(out, want) {
			t.Fatal("other bytes than compress/flate")
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	for _, name := range []string{"records", "text", "random"} {
		data := payloads()[name]
		in := deflate(b, 6, data)
		b.Run(name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r := inflate.NewReader(bytes.NewReader(in))
				for err := error(nil); err == nil; _, err = r.Next() {
				}
			}
		})
		b.Run(name+"/flate", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, _ = io.Copy(io.Discard, flate.NewReader(bytes.NewReader(in)))
			}
		})
	}
}

// What tables cost, beside honest data of the same size.
func BenchmarkTables(b *testing.B) {
	honest := deflate(b, 6, payloads()["records"])
	for len(honest) < 1<<20 {
		honest = deflate(b, flate.HuffmanOnly, bytes.Repeat(payloads()["records"], 2))
	}
	run := func(name string, in []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				r := inflate.NewReader(bytes.NewReader(in))
				for err := error(nil); err == nil; _, err = r.Next() {
				}
			}
		})
	}
	run("honest", honest[:1<<20])
	for _, n := range []int{0, 40, 300, 2000} {
		run(fmt.Sprint(n), Tables(1<<20, n))
	}
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
