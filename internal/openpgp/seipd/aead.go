package seipd

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"io"

	"github.com/ProtonMail/go-crypto/eax"
	"github.com/ProtonMail/go-crypto/ocb"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/secret"
)

// Chunk sizes of AEAD are 2^(6+byte). RFC 9580, Section 5.13.2, ends at 16.
const (
	maxChunkOctet  = 16
	sealChunkOctet = 10 // 64 KiB; less for a shorter body, so that the reader needs no more memory than it has
)

// chunks is the cryptography of one body: chunks of a fixed size, each with a
// tag, and a final tag over the length of all. It is used by one goroutine.
type chunks struct {
	aead  cipher.AEAD
	nonce []byte // with the index in its last 8 bytes, or to be XORed there
	data  []byte // associated data
	libre bool
	size  int
	index uint64
	total uint64 // bytes of plaintext so far
}

// chunks derives the keys of a body.
func (h *Header) chunks(sessionKey []byte) (*chunks, error) {
	return secret.Value(func() (*chunks, error) { return h.newChunks(sessionKey) })
}

func (h *Header) newChunks(sessionKey []byte) (*chunks, error) {
	if len(sessionKey) != h.Cipher.KeySize() {
		return nil, ErrIntegrity
	}
	c := &chunks{libre: h.Libre, size: 1 << (6 + h.chunk)}
	key := sessionKey
	if h.Libre {
		c.data = []byte{0xc0 | tagAEAD, 1, byte(h.Cipher), byte(h.Mode), h.chunk}
		c.nonce = append([]byte(nil), h.salt...)
	} else {
		c.data = []byte{0xc0 | tagSEIPD, 2, byte(h.Cipher), byte(h.Mode), h.chunk}
		iv := h.Mode.IvLength()
		derived, err := hkdf.Key(sha256.New, sessionKey, h.salt, string(c.data), len(sessionKey)+iv-8)
		if err != nil {
			return nil, err
		}
		key = derived[:len(sessionKey)]
		c.nonce = append(derived[len(sessionKey):len(derived):len(derived)], make([]byte, 8)...)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	switch h.Mode {
	case packet.AEADModeEAX:
		c.aead, err = eax.NewEAX(block)
	case packet.AEADModeOCB:
		c.aead, err = ocb.NewOCB(block)
	default:
		c.aead, err = cipher.NewGCM(block)
	}
	return c, err
}

// next returns nonce and associated data of the chunk or final tag that is next.
func (c *chunks) next(final bool) (nonce, data []byte) {
	var index [8]byte
	binary.BigEndian.PutUint64(index[:], c.index)
	nonce = append([]byte(nil), c.nonce...)
	for i, b := range index {
		nonce[len(nonce)-8+i] ^= b
	}
	data = c.data[:len(c.data):len(c.data)]
	if c.libre {
		data = append(data, index[:]...)
	}
	if final {
		data = binary.BigEndian.AppendUint64(data, c.total)
	}
	return nonce, data
}

// open appends the plaintext of one chunk with its tag to dst.
func (c *chunks) open(dst, chunk []byte) ([]byte, error) {
	nonce, data := c.next(false)
	// The library's EAX appends wrongly to what is not empty (T34): the rest of
	// dst is given as an empty slice, and append moves nothing if it was used.
	plain, err := c.aead.Open(dst[len(dst):], nonce, chunk, data)
	if err != nil {
		return nil, ErrIntegrity
	}
	c.index++
	c.total += uint64(len(plain))
	return append(dst, plain...), nil
}

// seal appends the ciphertext of one chunk with its tag to dst.
func (c *chunks) seal(dst, plain []byte) []byte {
	nonce, data := c.next(false)
	dst = c.aead.Seal(dst, nonce, plain, data)
	c.index++
	c.total += uint64(len(plain))
	return dst
}

// last appends the final tag to dst.
func (c *chunks) last(dst []byte) []byte {
	nonce, data := c.next(true)
	return c.aead.Seal(dst, nonce, nil, data)
}

// finish checks the final tag.
func (c *chunks) finish(tag []byte) error {
	nonce, data := c.next(true)
	if _, err := c.aead.Open(nil, nonce, tag, data); err != nil {
		return ErrIntegrity
	}
	return nil
}

// openAEAD decrypts a whole body, into itself if it may. It needs no memory but
// the result, whatever chunk size the sender chose (T19).
func (h *Header) openAEAD(key, body []byte, overwrite bool) ([]byte, error) {
	c, err := h.chunks(key)
	if err != nil {
		return nil, err
	}
	in, tag := body, c.aead.Overhead()
	if len(in) < tag {
		return nil, ErrIntegrity
	}
	in, final := in[:len(in)-tag], in[len(in)-tag:]
	var out []byte
	overwrite = overwrite && h.Mode == packet.AEADModeGCM // the library's modes do not say whether they can
	if overwrite {
		out = in[:0]
	} else {
		out = make([]byte, 0, len(in))
	}
	for len(in) != 0 {
		n := min(len(in), c.size+tag)
		if overwrite {
			plain, err := c.open(in[:0:n], in[:n])
			if err != nil {
				return nil, err
			}
			out = append(out, plain...)
		} else if out, err = c.open(out, in[:n]); err != nil {
			return nil, err
		}
		in = in[n:]
	}
	return out, c.finish(final)
}

// An aeadStream decrypts data under AEAD chunk by chunk. Its buffer grows with
// the data, and not with the chunk size that the sender chose.
type aeadStream struct {
	in    io.Reader
	c     *chunks
	buf   bytes.Buffer // ciphertext not decrypted yet
	space []byte
	end   error
}

func (s *aeadStream) next() ([]byte, error) {
	if s.end != nil {
		return nil, s.end
	}
	plain, err := s.chunk()
	s.end = err
	if err != nil && err != io.EOF {
		return nil, err
	}
	return plain, err
}

// chunk decrypts the next chunk; with the last one, it checks the final tag.
func (s *aeadStream) chunk() ([]byte, error) {
	tag := s.c.aead.Overhead()
	whole := s.c.size + 2*tag
	_, err := io.CopyN(&s.buf, s.in, int64(whole-s.buf.Len()))
	if err != nil && err != io.EOF {
		return nil, err
	}
	data := s.buf.Bytes()
	if len(data) < tag {
		return nil, ErrIntegrity
	}
	// Whole is a full chunk and two tags: its own, and the final one or the
	// beginning of the next chunk.
	last := len(data) < whole
	n := len(data) - tag
	var plain []byte
	if n > 0 {
		if plain, err = s.c.open(s.space[:0], data[:n]); err != nil {
			return nil, err
		}
		s.space = plain
	}
	if last {
		if err := s.c.finish(data[n:]); err != nil {
			return nil, err
		}
		return plain, io.EOF
	}
	s.buf.Next(n)
	return plain, nil
}
