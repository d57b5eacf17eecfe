package pgp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func sealTo(t testing.TB, e *pgp.Envelope, payload []byte) []byte {
	var b bytes.Buffer
	require.NoError(t, e.SealTo(context.Background(), &b, bytes.NewReader(payload)))
	return b.Bytes()
}

// recipients is one who is sent version 1 of the data, and one who is sent version 2.
func recipients(t testing.TB, plain *pgp.Key) map[string]*pgp.Key {
	return map[string]*pgp.Key{"version 1": plain, "version 2": readsAEAD(t, "aead", packet.AEADModeOCB)}
}

func TestSealTo(t *testing.T) {
	for data, to := range recipients(t, partner()) {
		for _, enc := range []pgp.Encoding{pgp.Binary, pgp.Base64URL, pgp.Armor} {
			ours := newEnvelope(t, pgp.Config{Own: active(t, bank(), bankRSA(), v6Own(t)), Peer: active(t, public(to)),
				Encoding: enc, SealContext: "batch", OpenContext: "receipt"})
			theirs := newEnvelope(t, pgp.Config{Own: active(t, to), Peer: active(t, public(bank()), public(bankRSA()), public(v6Own(t))), OpenContext: "batch"})
			for _, n := range []int{0, 1, 511, 512, 1<<16 - 1, 1 << 16, 1<<16 + 1, 300_000} {
				t.Run(fmt.Sprint(data, " ", enc, " ", n), func(t *testing.T) {
					payload := bytes.Repeat([]byte("0123456789\n"), n/11+1)[:n]
					m := open(t, theirs, sealTo(t, ours, payload)) // Open and OpenTo
					assert.True(t, bytes.Equal(payload, m.Payload))
					assert.Len(t, m.Signers, 3)
					assert.True(t, m.Bound)
				})
			}
		}
	}
}

func TestSealToErrors(t *testing.T) {
	ours, _ := conversation(t, bank(), partner())
	err := ours.SealTo(t.Context(), io.Discard, errReader{})
	assert.ErrorIs(t, err, errBroken)
	assert.ErrorIs(t, ours.SealTo(t.Context(), &failingWriter{after: 100}, bytes.NewReader(make([]byte, 1<<20))), errBroken)
	ctx, cancel := context.WithCancel(t.Context())
	r := &hook{Reader: bytes.NewReader(make([]byte, 1<<20)), at: 1 << 17, f: cancel}
	assert.ErrorIs(t, ours.SealTo(ctx, io.Discard, r), context.Canceled)
	none := newEnvelope(t, pgp.Config{Own: inState(t, keyset.Pending, bank()), Peer: active(t, public(partner()))})
	assert.ErrorIs(t, none.SealTo(t.Context(), io.Discard, bytes.NewReader(body)), envelope.ErrNoKey)
}

type failingWriter struct{ after int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

// A hook calls f once, when so many bytes have been read.
type hook struct {
	io.Reader
	at int
	f  func()
}

func (h *hook) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if h.at -= n; h.at <= 0 && h.f != nil {
		h.f()
		h.f = nil
	}
	return n, err
}

// batch writes a large message to a file and returns it, opened.
func batch(t testing.TB, e *pgp.Envelope, size int64) *os.File {
	f, err := os.Create(filepath.Join(t.TempDir(), "batch.pgp"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.WriteString("header that is not ours\n")
	require.NoError(t, err)
	require.NoError(t, e.SealTo(context.Background(), f, io.LimitReader(&pattern{}, size)))
	_, err = f.Seek(int64(len("header that is not ours\n")), io.SeekStart)
	require.NoError(t, err)
	return f
}

// A pattern is a payload without end in which no two blocks are the same.
type pattern struct{ n int }

func (r *pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.n ^ r.n>>8 ^ r.n>>16)
		r.n++
	}
	return len(p), nil
}

func TestOpenToOfAFile(t *testing.T) {
	for _, to := range recipients(t, bank()) {
		theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(to)), Encoding: pgp.Binary})
		ours := newEnvelope(t, pgp.Config{Own: active(t, to), Peer: active(t, public(partner()))})
		const size = 3 << 20
		f := batch(t, theirs, size)
		h := sha256.New()
		m, err := ours.OpenTo(t.Context(), h, f)
		require.NoError(t, err)
		want := sha256.New()
		_, err = io.CopyN(want, &pattern{}, size)
		require.NoError(t, err)
		assert.Equal(t, want.Sum(nil), h.Sum(nil))
		assert.True(t, m.SignedBy(partner().Info().ID))
		assert.Nil(t, m.Payload)
		assert.NotZero(t, m.Signers[0].Digest)
	}
}

// A file that changes between the passes: what changed never reaches dst.
func TestOpenToChangedBetweenPasses(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes some hundred MiB")
	}
	const size = 4 << 20
	for data, to := range recipients(t, bank()) {
		theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(to)), Encoding: pgp.Binary})
		ours := newEnvelope(t, pgp.Config{Own: active(t, to), Peer: active(t, public(partner()))})
		var whole bytes.Buffer
		_, err := ours.OpenTo(t.Context(), &whole, batch(t, theirs, size))
		require.NoError(t, err)
		for name, change := range map[string]func(f *os.File, end int64) error{
			"a bit":     func(f *os.File, end int64) error { return flipInFile(f, end/2) },
			"the end":   func(f *os.File, end int64) error { return flipInFile(f, end/2+end/4) },
			"truncated": func(f *os.File, end int64) error { return f.Truncate(end / 2) },
			"emptied":   func(f *os.File, end int64) error { return f.Truncate(0) },
			"replaced": func(f *os.File, end int64) error {
				var b bytes.Buffer
				if err := theirs.SealTo(t.Context(), &b, bytes.NewReader(bytes.Repeat([]byte("other "), 1<<20))); err != nil {
					return err
				}
				_, err := f.WriteAt(b.Bytes(), int64(len("header that is not ours\n")))
				return err
			},
		} {
			// The seeks are: offset, end, and one for each of three passes.
			for at := 4; at <= 5; at++ {
				f := batch(t, theirs, size)
				end, err := f.Seek(0, io.SeekEnd)
				require.NoError(t, err)
				_, err = f.Seek(int64(len("header that is not ours\n")), io.SeekStart)
				require.NoError(t, err)
				seeks := 0
				r := &seekHook{f, func() {
					if seeks++; seeks == at {
						require.NoError(t, change(f, end))
					}
				}}
				var dst bytes.Buffer
				m, err := ours.OpenTo(t.Context(), &dst, r)
				require.Error(t, err)
				assert.Nil(t, m)
				assert.Equal(t, at, seeks, "%s, %s", data, name)
				assert.NotErrorIs(t, err, envelope.ErrRejected, "the message was good, the file is at fault")
				assert.True(t, bytes.HasPrefix(whole.Bytes(), dst.Bytes()), "something else than the payload reached dst")
				assert.Less(t, dst.Len(), size)
			}
		}
	}
}

func flipInFile(f *os.File, at int64) error {
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 1
	_, err := f.WriteAt(b[:], at)
	return err
}

type seekHook struct {
	*os.File
	f func()
}

func (s *seekHook) Seek(offset int64, whence int) (int64, error) {
	s.f()
	return s.File.Seek(offset, whence)
}

func TestOpenToLooksAtTheKeysBetweenPasses(t *testing.T) {
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank()))})
	sealed := sealTo(t, theirs, make([]byte, 1<<20))
	for _, tt := range []struct {
		revoke string
		want   envelope.Reason
	}{{"ours", envelope.RevokedRecipient}, {"theirs", envelope.RevokedSigner}} {
		own, peer := keyset.NewRing(active(t, bank())), keyset.NewRing(active(t, public(partner())))
		ours := newEnvelope(t, pgp.Config{Own: own, Peer: peer})
		revoke := func() {
			if tt.revoke == "ours" {
				require.NoError(t, own.Revoke(bank().Info().ID))
			} else {
				require.NoError(t, peer.Revoke(partner().Info().ID))
			}
		}
		reads := struct {
			io.Reader
			io.Seeker
		}{}
		r := bytes.NewReader(sealed)
		reads.Reader, reads.Seeker = &hook{Reader: r, at: len(sealed) / 2, f: revoke}, r
		var dst bytes.Buffer
		_, err := ours.OpenTo(t.Context(), &dst, reads)
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, tt.want, oe.Reason)
		assert.Zero(t, dst.Len())
	}
}

func TestOpenToErrorsOfOurs(t *testing.T) {
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank()))})
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()))})
	sealed := sealTo(t, theirs, make([]byte, 1<<20))
	type readSeeker struct {
		io.Reader
		io.Seeker
	}
	for _, at := range []int{1, len(sealed) / 2, len(sealed) + 100, len(sealed) + len(sealed)/2} {
		t.Run(fmt.Sprint("read error after ", at), func(t *testing.T) {
			r := bytes.NewReader(sealed)
			broken := &brokenReader{r: r, left: at}
			m, err := ours.OpenTo(t.Context(), io.Discard, readSeeker{broken, r})
			assert.ErrorIs(t, err, errBroken)
			assert.NotErrorIs(t, err, envelope.ErrRejected)
			assert.Nil(t, m)
		})
		t.Run(fmt.Sprint("canceled after ", at), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			r := bytes.NewReader(sealed)
			_, err := ours.OpenTo(ctx, io.Discard, readSeeker{&hook{Reader: r, at: at, f: cancel}, r})
			assert.ErrorIs(t, err, context.Canceled)
			assert.NotErrorIs(t, err, envelope.ErrRejected)
		})
	}
	_, err := ours.OpenTo(t.Context(), &failingWriter{after: 1000}, bytes.NewReader(sealed))
	assert.ErrorIs(t, err, errBroken)
	assert.NotErrorIs(t, err, envelope.ErrRejected)
	_, err = ours.OpenTo(t.Context(), io.Discard, noSeek{bytes.NewReader(sealed)})
	assert.ErrorIs(t, err, errBroken)
}

type brokenReader struct {
	r    io.Reader
	left int
}

func (b *brokenReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errBroken
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

type noSeek struct{ io.Reader }

func (noSeek) Seek(int64, int) (int64, error) { return 0, errBroken }

// A gibibyte in constant memory: "heap-MiB" is the most that was ever in use.
//
//	go test -bench Stream -benchtime 1x ./pgp
func BenchmarkStream1GiB(b *testing.B) {
	const size = 1 << 30
	theirs := newEnvelope(b, pgp.Config{Own: active(b, partner()), Peer: active(b, public(bank())), Encoding: pgp.Binary})
	ours := newEnvelope(b, pgp.Config{Own: active(b, bank()), Peer: active(b, public(partner()))})
	f := batch(b, theirs, size)
	start, err := f.Seek(0, io.SeekCurrent)
	require.NoError(b, err)
	b.SetBytes(size)
	for b.Loop() {
		_, err = f.Seek(start, io.SeekStart)
		require.NoError(b, err)
		w := &heapWatch{}
		_, err := ours.OpenTo(context.Background(), w, f)
		require.NoError(b, err)
		require.Equal(b, int64(size), w.n)
		b.ReportMetric(float64(w.most)/(1<<20), "heap-MiB")
		require.Less(b, w.most, uint64(64<<20))
	}
}

type heapWatch struct {
	n    int64
	most uint64
}

func (w *heapWatch) Write(p []byte) (int, error) {
	if w.n%(16<<20) < int64(len(p)) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapInuse)
	}
	w.n += int64(len(p))
	return len(p), nil
}
