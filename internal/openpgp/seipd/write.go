package seipd

import (
	"crypto/rand"
	"io"
	"math/bits"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/scratch"
)

// A Suite is how data is encrypted: in version 1 if Mode is zero, otherwise in
// version 2.
type Suite struct {
	Cipher packet.CipherFunction
	Mode   packet.AEADMode
}

// NewWriter returns a writer that encrypts into the body of a SEIPD packet, and is
// to be closed. size is that of the plaintext, or an upper bound.
func (s Suite) NewWriter(pool *scratch.Pool, dst io.Writer, key []byte, size int64) (io.WriteCloser, error) {
	if s.Mode != 0 {
		return newAEADWriter(dst, s, key, size)
	}
	return newCFBWriter(pool, dst, key)
}

// BodySize is the size of the body of so many bytes of plaintext.
func (s Suite) BodySize(plain int64) int64 {
	if s.Mode != 0 {
		const head, tag = 4 + 32, 16
		chunk := int64(1) << (6 + chunkOctet(plain))
		return head + plain + tag*((plain+chunk-1)/chunk+1)
	}
	return 1 + cfbPrefix + plain + cfbCode
}

// chunkOctet is the chunk size for so many bytes of plaintext.
func chunkOctet(plain int64) byte {
	return byte(min(sealChunkOctet, max(0, bits.Len64(uint64(plain))-6)))
}

// An aeadWriter encrypts into the body of a SEIPD packet of version 2.
type aeadWriter struct {
	dst    io.Writer
	c      *chunks
	buf    []byte // less than a chunk
	sealed []byte // room for one
}

func newAEADWriter(dst io.Writer, s Suite, key []byte, size int64) (*aeadWriter, error) {
	h := &Header{AEAD: true, Cipher: s.Cipher, Mode: s.Mode, chunk: chunkOctet(size), salt: make([]byte, 32)}
	rand.Read(h.salt)
	c, err := h.chunks(key)
	if err != nil {
		return nil, err
	}
	_, err = dst.Write(append([]byte{2, byte(h.Cipher), byte(h.Mode), h.chunk}, h.salt...))
	n := int(min(size, int64(c.size)))
	return &aeadWriter{dst: dst, c: c, buf: make([]byte, 0, n), sealed: make([]byte, 0, n+c.aead.Overhead())}, err
}

func (w *aeadWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) != 0 {
		chunk := p
		if len(w.buf) != 0 || len(p) < w.c.size {
			n := min(len(p), w.c.size-len(w.buf))
			w.buf = append(w.buf, p[:n]...)
			p = p[n:]
			if len(w.buf) < w.c.size {
				break
			}
			chunk, w.buf = w.buf, w.buf[:0]
		} else {
			chunk, p = p[:w.c.size], p[w.c.size:]
		}
		if err := w.chunk(chunk); err != nil {
			return 0, err
		}
	}
	return written, nil
}

func (w *aeadWriter) chunk(plain []byte) error {
	w.sealed = w.c.seal(w.sealed[:0], plain)
	_, err := w.dst.Write(w.sealed)
	return err
}

// Close writes the last chunk and the final tag.
func (w *aeadWriter) Close() error {
	if len(w.buf) != 0 {
		if err := w.chunk(w.buf); err != nil {
			return err
		}
	}
	_, err := w.dst.Write(w.c.last(nil))
	return err
}
