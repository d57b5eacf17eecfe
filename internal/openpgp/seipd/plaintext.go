package seipd

import (
	"crypto/sha256"
	"errors"
	"io"
)

// Block is how much of a stream is authenticated at a time in a later pass, in
// bytes.
const Block = 64 << 10

var (
	// ErrIntegrity is the one error for data that is not intact, whatever is
	// wrong with it.
	ErrIntegrity = errors.New("the content is not intact")

	// ErrChanged is returned by a later pass that meets other bytes than the
	// first one authenticated.
	ErrChanged = errors.New("the message changed while it was opened")
)

// A Plaintext is decrypted data that is intact as a whole. It is read once, by
// one goroutine.
type Plaintext struct {
	size   int64
	memory []byte // of data in memory
	next   func() ([]byte, error)
}

// Size is the size of the encrypted data, in bytes.
func (p *Plaintext) Size() int64 { return p.size }

// Memory returns all of it, if it was decrypted in memory.
func (p *Plaintext) Memory() (octets []byte, ok bool) { return p.memory, p.next == nil }

// Next returns the next bytes, which are valid until it is called again, and
// io.EOF at the end. It is for plaintext that is not in memory; its errors are
// those of the source, and [ErrChanged].
func (p *Plaintext) Next() ([]byte, error) {
	if p.next == nil {
		return nil, io.EOF
	}
	return p.next()
}

// A Checked is what the first pass over a stream keeps: the data was intact, and
// this is how to know its bytes again.
type Checked struct {
	header *Header
	key    []byte
	size   int64
	blocks [][sha256.Size]byte // of the plaintext
}

// Check is the first pass: it decrypts all of the body, which follows the header,
// and returns an error that wraps [ErrIntegrity] if it is not intact, or that of
// body. Nothing of the plaintext leaves it.
func (h *Header) Check(key []byte, body io.Reader) (*Checked, error) {
	d, err := h.stream(key, body)
	if err != nil {
		return nil, err
	}
	c := &Checked{header: h, key: key}
	b := blocks{d: d}
	for {
		octets, err := b.next()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		c.size += int64(len(octets))
		c.blocks = append(c.blocks, sha256.Sum256(octets))
	}
}

// Plaintext returns the plaintext for a later pass over the same body. Each block
// is compared with what the first pass saw before it is handed out.
func (c *Checked) Plaintext(body io.Reader) (*Plaintext, error) {
	d, err := c.header.stream(c.key, body)
	if err != nil {
		return nil, err
	}
	b := blocks{d: d}
	at := 0
	next := func() ([]byte, error) {
		if at == len(c.blocks) {
			return nil, io.EOF
		}
		octets, err := b.next()
		switch {
		case err == io.EOF || errors.Is(err, ErrIntegrity):
			return nil, ErrChanged
		case err != nil:
			return nil, err
		case sha256.Sum256(octets) != c.blocks[at]:
			return nil, ErrChanged
		}
		at++
		return octets, nil
	}
	return &Plaintext{size: c.size, next: next}, nil
}

// Is reports whether what follows another header can be the data of c.
func (c *Checked) Is(h *Header) bool { return c.header.same(h) }

// blocks cuts what is decrypted into blocks of one size.
type blocks struct {
	d    stream
	rest []byte // of d
	buf  []byte
	end  error
}

// A stream decrypts a body. It returns io.EOF after the last byte of intact data
// and no other data, [ErrIntegrity], or the error of its source.
type stream interface {
	next() ([]byte, error)
}

func (b *blocks) next() ([]byte, error) {
	if b.buf == nil {
		b.buf = make([]byte, 0, Block)
	}
	b.buf = b.buf[:0]
	for len(b.buf) < Block {
		if len(b.rest) == 0 {
			if b.end != nil {
				break
			}
			b.rest, b.end = b.d.next()
			continue
		}
		n := min(Block-len(b.buf), len(b.rest))
		b.buf = append(b.buf, b.rest[:n]...)
		b.rest = b.rest[n:]
	}
	if len(b.rest) == 0 && b.end != nil && (b.end != io.EOF || len(b.buf) == 0) {
		return nil, b.end
	}
	return b.buf, nil
}
