package seipd

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/scratch"
)

// Packet type IDs of encrypted data with integrity protection.
const (
	tagSEIPD = 18
	tagAEAD  = 20 // LibrePGP
)

// A Header is the clear beginning of encrypted data.
type Header struct {
	AEAD   bool                  // SEIPD version 2, or the packet of LibrePGP
	Libre  bool                  // the packet of LibrePGP, which GnuPG 2.3 and later write
	Cipher packet.CipherFunction // under AEAD; otherwise the session key packet says it
	Mode   packet.AEADMode

	chunk byte
	salt  []byte // 32 bytes, or the initial nonce of LibrePGP
}

var (
	errHeader    = errors.New("invalid AEAD header")
	errTruncated = errors.New("truncated encrypted data")
)

// ReadHeader reads the header of a packet with integrity protection, and no more,
// from its body. Whether its algorithms are allowed is not asked. An error is
// that of body, or says what is wrong.
func ReadHeader(tag byte, body io.Reader) (*Header, error) {
	var head [4]byte
	if tag != tagSEIPD && tag != tagAEAD {
		return nil, fmt.Errorf("packet of type %d is not protected data", tag)
	}
	if err := readFull(body, head[:1]); err != nil {
		return nil, err
	}
	switch {
	case tag == tagSEIPD && head[0] == 1:
		return &Header{}, nil
	case tag == tagSEIPD && head[0] != 2:
		return nil, fmt.Errorf("encrypted data of version %d", head[0])
	case tag == tagAEAD && head[0] != 1:
		return nil, fmt.Errorf("%w: version %d", errHeader, head[0])
	}
	if err := readFull(body, head[1:]); err != nil {
		return nil, err
	}
	h := &Header{AEAD: true, Libre: tag == tagAEAD, Cipher: packet.CipherFunction(head[1]), Mode: packet.AEADMode(head[2]), chunk: head[3]}
	switch {
	case h.Mode < packet.AEADModeEAX || h.Mode > packet.AEADModeGCM || h.Libre && h.Mode == packet.AEADModeGCM:
		return nil, fmt.Errorf("%w: mode %d", errHeader, h.Mode)
	case h.chunk > maxChunkOctet:
		return nil, fmt.Errorf("%w: chunks of 2^%d bytes", errHeader, 6+int(h.chunk))
	}
	h.salt = make([]byte, 32)
	if h.Libre {
		h.salt = h.salt[:h.Mode.IvLength()]
	}
	return h, readFull(body, h.salt)
}

func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errTruncated
	}
	return err
}

// Version is that of the data packet in RFC 9580: 2 under AEAD of SEIPD, else 1.
func (h *Header) Version() int {
	if h.AEAD && !h.Libre {
		return 2
	}
	return 1
}

// ModeName returns the name of the mode of operation.
func (h *Header) ModeName() string {
	if !h.AEAD {
		return "CFB"
	}
	return map[packet.AEADMode]string{packet.AEADModeEAX: "EAX", packet.AEADModeOCB: "OCB", packet.AEADModeGCM: "GCM"}[h.Mode]
}

func (h *Header) same(g *Header) bool {
	return h.AEAD == g.AEAD && h.Libre == g.Libre && h.Cipher == g.Cipher && h.Mode == g.Mode &&
		h.chunk == g.chunk && bytes.Equal(h.salt, g.salt)
}

// Open decrypts a body in memory that follows the header. It overwrites the body
// if it may. The result is intact, or the error is [ErrIntegrity].
func (h *Header) Open(pool *scratch.Pool, key, body []byte, overwrite bool) (*Plaintext, error) {
	var plain []byte
	var err error
	if h.AEAD {
		plain, err = h.openAEAD(key, body, overwrite)
	} else {
		plain, err = openCFB(pool, key, body, overwrite)
	}
	if err != nil {
		return nil, ErrIntegrity
	}
	return &Plaintext{size: int64(len(plain)), memory: plain}, nil
}

func (h *Header) stream(key []byte, body io.Reader) (stream, error) {
	if h.AEAD {
		c, err := h.chunks(key)
		if err != nil {
			return nil, err
		}
		return &aeadStream{in: body, c: c}, nil
	}
	return newCFBStream(key, body)
}
