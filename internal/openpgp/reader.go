package openpgp

import (
	"errors"
	"io"
)

// Errors of a [Reader] about what it reads.
var (
	ErrTruncated = errors.New("truncated packet")
	ErrHeader    = errors.New("invalid packet header")
	ErrLarge     = errors.New("a packet is larger than any of its type")
)

// A Reader reads packets, RFC 9580, Section 4.2, from bytes in memory, which it
// does not copy, or from a stream.
type Reader struct {
	run  []byte                 // bytes at hand
	more func() ([]byte, error) // the next ones, valid until it is called again; nil if there are none
	err  error                  // of more, but for io.EOF
}

// NewReader returns a Reader of bytes in memory.
func NewReader(in []byte) *Reader { return &Reader{run: in} }

// newRunReader returns a Reader of what more returns, up to io.EOF.
func newRunReader(more func() ([]byte, error)) *Reader { return &Reader{more: more} }

// fill makes sure that there is a byte at hand. It returns io.EOF at the end.
func (r *Reader) fill() error {
	for len(r.run) == 0 {
		switch {
		case r.err != nil:
			return r.err
		case r.more == nil:
			return io.EOF
		}
		var err error
		if r.run, err = r.more(); err == io.EOF {
			r.more = nil
		} else if err != nil {
			r.run, r.err = nil, err
		}
	}
	return nil
}

func (r *Reader) octet() (byte, error) {
	if err := r.fill(); err != nil {
		return 0, err
	}
	b := r.run[0]
	r.run = r.run[1:]
	return b, nil
}

// Next returns the type of the next packet and its body, which is to be read
// before Next is called again. It returns io.EOF at the end.
func (r *Reader) Next() (tag byte, body *Body, err error) {
	head, err := r.octet()
	if err != nil {
		return 0, nil, err
	}
	if head&0x80 == 0 {
		return 0, nil, ErrHeader
	}
	body = &Body{in: r}
	if head&0x40 == 0 {
		tag = head >> 2 & 0x0f
		return tag, body, body.oldLength(head&3, tag)
	}
	tag = head & 0x3f
	if err := body.length(); err != nil {
		return 0, nil, err
	}
	// A first part of less than 512 bytes is no reason to refuse: that rule
	// (Section 4.2.1.4) is for writers, and old ones do not keep it.
	if body.partial && !streamed(tag) {
		return 0, nil, ErrHeader
	}
	return tag, body, nil
}

// Packet returns the next packet as a whole, of at most max bytes. It returns
// io.EOF at the end.
func (r *Reader) Packet(max int64) (Packet, error) {
	tag, body, err := r.Next()
	if err != nil {
		return Packet{}, err
	}
	octets, err := body.Whole(max)
	return Packet{tag, octets}, err
}

// A Body is the body of a packet, with partial lengths joined.
type Body struct {
	in      *Reader
	left    int64 // of the part
	partial bool  // another part follows
	endless bool  // up to the end of the input
}

// length reads the length of the next part, RFC 9580, Section 4.2.1.
func (b *Body) length() error {
	first, err := b.in.octet()
	if err != nil {
		return truncated(err)
	}
	b.left, b.partial = int64(first), false
	rest := 0
	switch {
	case first < 192:
	case first < 224:
		b.left, rest = b.left-192, 1
	case first < 255:
		b.left, b.partial = 1<<(first&0x1f), true
	default:
		b.left, rest = 0, 4
	}
	for range rest {
		c, err := b.in.octet()
		if err != nil {
			return truncated(err)
		}
		b.left = b.left<<8 | int64(c)
	}
	if rest == 1 {
		b.left += 192
	}
	return nil
}

// oldLength reads the length of a header of the legacy format, RFC 9580, Section
// 4.2.2. Of kind 3, it is that of the rest of the input.
func (b *Body) oldLength(kind, tag byte) error {
	if kind == 3 {
		b.endless = true
		if !streamed(tag) {
			return ErrHeader
		}
		return nil
	}
	for range 1 << kind {
		c, err := b.in.octet()
		if err != nil {
			return truncated(err)
		}
		b.left = b.left<<8 | int64(c)
	}
	return nil
}

func truncated(err error) error {
	if err == io.EOF {
		return ErrTruncated
	}
	return err
}

// Next returns the next bytes of the body, at most max of them: without a copy,
// and valid until the input is read further. It returns io.EOF at the end.
func (b *Body) Next(max int) ([]byte, error) {
	for b.left == 0 && !b.endless {
		if !b.partial {
			return nil, io.EOF
		}
		if err := b.length(); err != nil {
			return nil, err
		}
	}
	if err := b.in.fill(); err != nil {
		if b.endless && err == io.EOF {
			return nil, io.EOF
		}
		return nil, truncated(err)
	}
	n := min(max, len(b.in.run))
	if !b.endless {
		n = int(min(int64(n), b.left))
		b.left -= int64(n)
	}
	out := b.in.run[:n:n]
	b.in.run = b.in.run[n:]
	return out, nil
}

// Read implements [io.Reader].
func (b *Body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	octets, err := b.Next(len(p))
	return copy(p, octets), err
}

// Whole returns all of the body if it has at most max bytes: without a copy, if
// it has one part and is in memory.
func (b *Body) Whole(max int64) ([]byte, error) {
	if !b.partial && b.left > max {
		return nil, ErrLarge
	}
	var out []byte
	for first := true; ; first = false {
		run, err := b.Next(int(^uint(0) >> 1))
		switch {
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, err
		case int64(len(out)+len(run)) > max:
			return nil, ErrLarge
		}
		if first && b.in.more == nil && !b.partial {
			out = run
			continue
		}
		if out == nil && b.partial && b.in.more == nil {
			out = make([]byte, 0, len(run)+len(b.in.run))
		}
		out = append(out, run...)
	}
}

// Rest returns what has not been read of bytes in memory.
func (r *Reader) Rest() []byte { return r.run }

// Drain reads what is left of the input, and returns its error.
func (r *Reader) Drain() error {
	for {
		r.run = nil
		if err := r.fill(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// NewStream returns a Reader of a message in a stream, in whatever way it is
// encoded. Errors of the encoding are those of [DecodeMessage].
func NewStream(src io.Reader) *Reader { return newRunReader(decodeStream(src)) }
