package pgp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// A source is the sealed message as OpenTo reads it. It tells the faults of
// whatever it reads from the faults of the message, and gives up with ctx.
type source struct {
	ctx context.Context
	r   io.Reader
	n   int64 // octets read
	max int64
	err error // not the message's fault; or errTooLarge
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if s.n += int64(n); s.n > s.max {
		s.err = errTooLarge
		return 0, s.err
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// decodeStream is decodeMessage for a stream. What is wrong with the encoding
// beyond its beginning is an error of the returned reader.
func decodeStream(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(1)
	if len(head) == 0 {
		return nil, orEmpty(err)
	}
	if head[0] >= 0x80 {
		return in, nil
	}
	for isSpace(head[0]) {
		_, _ = in.Discard(1)
		if head, err = in.Peek(1); len(head) == 0 {
			return nil, orEmpty(err)
		}
	}
	text := &textReader{in: in}
	if head[0] == '-' {
		if err := skipArmorHeader(in); err != nil {
			return nil, err
		}
		text.armor, text.fresh = true, true
	}
	return bufio.NewReaderSize(base64.NewDecoder(base64.RawStdEncoding.Strict(), text), 64<<10), nil
}

func orEmpty(err error) error {
	if err == nil || err == io.EOF {
		return errEmpty
	}
	return err
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// skipArmorHeader reads up to the empty line that ends the armor headers.
func skipArmorHeader(in *bufio.Reader) error {
	for i := range 64 {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return errArmor
		}
		line = bytes.TrimRight(line, " \t\r\n")
		switch {
		case i == 0 && string(line) != "-----BEGIN "+armorMessage+"-----":
			return errArmorType
		case i > 0 && len(line) == 0:
			return nil
		case i > 0 && !bytes.Contains(line, []byte(":")):
			return errArmor
		}
	}
	return errArmor
}

// A textReader passes on the characters of base64, in the standard alphabet and
// without padding and white space. It ends at the end of the input, or of the
// armor, and refuses what decodeMessage refuses.
type textReader struct {
	in     *bufio.Reader
	armor  bool
	fresh  bool // at the beginning of a line
	n      int64
	pad    int64
	std    bool
	url    bool
	spaces bool // white space other than line ends, which must be at the end
	err    error
}

func (t *textReader) Read(p []byte) (int, error) {
	for n := range p {
		c, err := t.next()
		if err != nil {
			return n, err
		}
		p[n] = c
	}
	return len(p), nil
}

// next returns the next character of the payload.
func (t *textReader) next() (byte, error) {
	for t.err == nil {
		c, err := t.in.ReadByte()
		switch {
		case err == io.EOF:
			t.err = t.end(!t.armor)
		case err != nil:
			t.err = err
		case c == '\r' || c == '\n':
			t.fresh = true
		case c == ' ' || c == '\t':
			t.spaces = !t.armor
		case c == '=' && t.armor && t.fresh && (t.n+t.pad)%4 == 0:
			t.err = t.checksum()
		case c == '=':
			t.fresh = false
			if t.pad++; t.pad > 2 || t.spaces {
				t.err = errNotBase64
			}
		case c == '-' && t.armor:
			t.err = t.endLine()
		case t.pad != 0 || t.spaces:
			t.err = errNotBase64
		default:
			t.fresh = false
			t.n++
			if c, t.err = t.letter(c); t.err == nil {
				return c, nil
			}
		}
	}
	return 0, t.err
}

func (t *textReader) letter(c byte) (byte, error) {
	switch c {
	case '+', '/':
		t.std = true
	case '-':
		t.url, c = true, '+'
	case '_':
		t.url, c = true, '/'
	}
	if t.std && t.url {
		return 0, errAlphabets
	}
	if t.armor && t.url {
		return 0, errArmor
	}
	return c, nil
}

// end returns io.EOF if the text may end here.
func (t *textReader) end(here bool) error {
	if !here || t.armor && (t.n+t.pad)%4 != 0 || t.pad != 0 && (t.n+t.pad)%4 != 0 {
		return errNotBase64
	}
	return io.EOF
}

// checksum passes over the checksum line of armor, which is not looked at.
func (t *textReader) checksum() error {
	line, err := t.in.ReadSlice('\n')
	if err != nil || len(bytes.TrimRight(line, " \t\r\n")) != 4 {
		return errArmor
	}
	return nil
}

// endLine reads the end of armor and what may follow it: nothing.
func (t *textReader) endLine() error {
	const rest = "----END " + armorMessage + "-----"
	line := make([]byte, len(rest))
	if _, err := io.ReadFull(t.in, line); err != nil || string(line) != rest || !t.fresh {
		return errArmor
	}
	for {
		c, err := t.in.ReadByte()
		if err == io.EOF {
			return t.end(true)
		}
		if err != nil {
			return err
		}
		if !isSpace(c) {
			return errArmor
		}
	}
}

// A packetBody is the body of a packet in a stream, with partial lengths joined.
type packetBody struct {
	in      *bufio.Reader
	left    int64
	partial bool
	endless bool // of indeterminate length
	err     error
}

// nextStreamPacket is nextPacket for a stream. The body is to be read to its
// end before the next packet.
func nextStreamPacket(in *bufio.Reader) (tag byte, body *packetBody, err error) {
	head, err := in.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	if head&0x80 == 0 {
		return 0, nil, errPacket
	}
	body = &packetBody{in: in}
	if head&0x40 == 0 {
		tag = head >> 2 & 0x0f
		size := 1 << (head & 3)
		if size == 8 {
			body.endless = true
			if !partialAllowed(tag) {
				err = errPacket
			}
			return tag, body, err
		}
		for range size {
			b, err := in.ReadByte()
			if err != nil {
				return 0, nil, truncated(err)
			}
			body.left = body.left<<8 | int64(b)
		}
		return tag, body, nil
	}
	tag = head & 0x3f
	if err := body.length(); err != nil {
		return 0, nil, err
	}
	if body.partial && (body.left < 512 || !partialAllowed(tag)) {
		return 0, nil, errPacket
	}
	return tag, body, nil
}

func truncated(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errTruncated
	}
	return err
}

// length reads the next length of a body.
func (b *packetBody) length() error {
	var octets [5]byte
	for i := range octets {
		c, err := b.in.ReadByte()
		if err != nil {
			return truncated(err)
		}
		octets[i] = c
		n, _, partial, err := newLength(octets[:i+1])
		if err == nil {
			b.left, b.partial = int64(n), partial
			return nil
		}
	}
	return errPacket
}

func (b *packetBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.endless {
		n, err := b.in.Read(p)
		if err != nil {
			b.err = err
		}
		return n, err
	}
	for b.left == 0 {
		if !b.partial {
			return 0, io.EOF
		}
		if b.err = b.length(); b.err != nil {
			return 0, b.err
		}
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil {
		b.err = truncated(err)
		return n, b.err
	}
	return n, nil
}

// whole reads a body that must be small.
func (b *packetBody) whole(tag byte, max int64) (openpgp.Packet, error) {
	body, err := io.ReadAll(io.LimitReader(b, max+1))
	if err != nil {
		return openpgp.Packet{}, err
	}
	if int64(len(body)) > max {
		return openpgp.Packet{}, errSmallPacket
	}
	return openpgp.Packet{Tag: tag, Body: body}, nil
}

var errSmallPacket = errors.New("a packet is larger than any of its type")

// An aeadReader decrypts data under AEAD chunk by chunk, and returns nothing of
// a chunk before its tag was checked. Its buffer grows with the data, and not
// with the chunk size that the sender chose.
type aeadReader struct {
	in    io.Reader
	c     *chunks
	buf   bytes.Buffer // ciphertext not decrypted yet
	space []byte
	plain []byte // of space, not returned yet
	done  bool
	err   error
}

func (r *aeadReader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 && r.err == nil {
		if r.done {
			return 0, io.EOF
		}
		r.err = r.chunk()
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// chunk decrypts the next chunk; with the last one, it checks the final tag.
func (r *aeadReader) chunk() error {
	tag := r.c.aead.Overhead()
	whole := r.c.size + 2*tag
	_, err := io.CopyN(&r.buf, r.in, int64(whole-r.buf.Len()))
	if err != nil && err != io.EOF {
		return err
	}
	data := r.buf.Bytes()
	if len(data) < tag {
		return errIntegrity
	}
	// Whole is a full chunk and two tags: its own, and the final one or the
	// beginning of the next chunk.
	r.done = len(data) < whole
	n := len(data) - tag
	if n > 0 {
		if r.space, err = r.c.open(r.space[:0], data[:n]); err != nil {
			return err
		}
		r.plain = r.space
	}
	if r.done {
		return r.c.finish(data[n:])
	}
	r.buf.Next(n)
	return nil
}

// Close does nothing: the final tag was checked before the end was reached.
func (r *aeadReader) Close() error { return nil }
