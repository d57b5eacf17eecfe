package pgp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/eax"
	"github.com/ProtonMail/go-crypto/ocb"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// Chunk sizes of AEAD are 2^(6+octet). RFC 9580, Section 5.13.2, ends at 16.
const (
	maxChunkOctet  = 16
	sealChunkOctet = 10 // 64 KiB; less for a shorter body, so that the reader needs no more memory than it has
)

// An aeadHeader is the clear beginning of data under AEAD: of SEIPD version 2
// (RFC 9580, Section 5.13.2), or of the packet of LibrePGP, which GnuPG 2.3 and
// later write.
type aeadHeader struct {
	libre  bool
	cipher packet.CipherFunction
	mode   packet.AEADMode
	chunk  byte
	salt   []byte // 32 octets, or the initial nonce of LibrePGP
	size   int    // of the header in the body of the packet
}

var errAEAD = errors.New("invalid AEAD header")

// parseAEAD reads the header. Whether its algorithms are allowed is not asked.
func parseAEAD(p openpgp.Packet) (*aeadHeader, error) {
	b := p.Body
	if len(b) < 4 {
		return nil, errTruncated
	}
	h := &aeadHeader{libre: p.Tag == openpgp.TagAEAD, cipher: packet.CipherFunction(b[1]), mode: packet.AEADMode(b[2]), chunk: b[3]}
	version, salt := byte(2), 32
	if h.libre {
		version, salt = 1, h.mode.IvLength()
	}
	switch {
	case b[0] != version:
		return nil, fmt.Errorf("%w: version %d", errAEAD, b[0])
	case h.mode < packet.AEADModeEAX || h.mode > packet.AEADModeGCM || h.libre && h.mode == packet.AEADModeGCM:
		return nil, fmt.Errorf("%w: mode %d", errAEAD, h.mode)
	case h.chunk > maxChunkOctet:
		return nil, fmt.Errorf("%w: chunks of 2^%d octets", errAEAD, 6+int(h.chunk))
	}
	h.size = 4 + salt
	if len(b) < h.size {
		return nil, errTruncated
	}
	h.salt = b[4:h.size]
	return h, nil
}

// name is [envelope.Message].Content, or an error if the cipher is not allowed.
func (h *aeadHeader) name() (string, error) {
	c, err := cipherName(h.cipher)
	return c + "/" + modeName(h.mode), err
}

func modeName(m packet.AEADMode) string {
	return map[packet.AEADMode]string{packet.AEADModeEAX: "EAX", packet.AEADModeOCB: "OCB", packet.AEADModeGCM: "GCM"}[m]
}

// chunks is the cryptography of one body: chunks of a fixed size, each with a
// tag, and a final tag over the length of all. It is used by one goroutine.
type chunks struct {
	aead  cipher.AEAD
	nonce []byte // with the index in its last 8 octets, or to be XORed there
	data  []byte // associated data
	libre bool
	size  int
	index uint64
	total uint64 // octets of plaintext so far
}

// chunks derives the keys of a body.
func (h *aeadHeader) chunks(sessionKey []byte) (*chunks, error) {
	if len(sessionKey) != h.cipher.KeySize() {
		return nil, errIntegrity
	}
	c := &chunks{libre: h.libre, size: 1 << (6 + h.chunk)}
	key := sessionKey
	if h.libre {
		c.data = []byte{0xc0 | openpgp.TagAEAD, 1, byte(h.cipher), byte(h.mode), h.chunk}
		c.nonce = append([]byte(nil), h.salt...)
	} else {
		c.data = []byte{0xc0 | openpgp.TagSEIPD, 2, byte(h.cipher), byte(h.mode), h.chunk}
		iv := h.mode.IvLength()
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
	switch h.mode {
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
		return nil, errIntegrity
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
		return errIntegrity
	}
	return nil
}

// decryptAEAD decrypts a whole body, into itself if it may. It needs no memory but
// the result, whatever chunk size the sender chose (T19).
func decryptAEAD(p openpgp.Packet, sessionKey []byte, overwrite bool) ([]byte, error) {
	h, err := parseAEAD(p)
	if err != nil {
		return nil, err
	}
	c, err := h.chunks(sessionKey)
	if err != nil {
		return nil, err
	}
	in, tag := p.Body[h.size:], c.aead.Overhead()
	if len(in) < tag {
		return nil, errIntegrity
	}
	in, final := in[:len(in)-tag], in[len(in)-tag:]
	var out []byte
	overwrite = overwrite && h.mode == packet.AEADModeGCM // the library's modes do not say whether they can
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
