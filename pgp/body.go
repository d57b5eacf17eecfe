package pgp

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
)

// partialSize is that of the parts in which a packet is written whose length is
// not known, RFC 9580, Section 4.2.1.4.
const (
	partialOctet = 16
	partialSize  = 1 << partialOctet
)

// A partialWriter writes the body of a packet in parts. It is to be closed.
type partialWriter struct {
	dst io.Writer
	buf []byte
}

func newPartialWriter(dst io.Writer, tag byte) (*partialWriter, error) {
	_, err := dst.Write([]byte{0xc0 | tag})
	return &partialWriter{dst, make([]byte, 1, 1+partialSize)}, err // the length stands before each part
}

func (w *partialWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) != 0 {
		if len(w.buf) == cap(w.buf) {
			w.buf[0] = 224 + partialOctet
			if _, err := w.dst.Write(w.buf); err != nil {
				return 0, err
			}
			w.buf = w.buf[:1]
		}
		n := copy(w.buf[len(w.buf):cap(w.buf)], p)
		w.buf, p = w.buf[:len(w.buf)+n], p[n:]
	}
	return written, nil
}

func (w *partialWriter) Close() error {
	if _, err := w.dst.Write(openpgp.AppendLength(nil, int64(len(w.buf)-1))); err != nil {
		return err
	}
	_, err := w.dst.Write(w.buf[1:])
	return err
}

// A buffer is a message that is being made in memory, in its encoding: what
// stands before the body of its last packet, and the body. Of base64, what is
// written is encoded at once.
type buffer struct {
	base64 bool
	head   []byte // of base64, up to a multiple of 3: the length in it may change
	at     int    // of a length of four bytes in head, or zero
	size   int    // of the body
	out    []byte
	rest   []byte // of base64, up to 2 bytes that are not encoded yet
}

// newBuffer returns a buffer for the packet that begins after before. size is that
// of its body; it need not be exact from [seipd.Large] on.
func newBuffer(encoding Encoding, before []byte, tag byte, size int) *buffer {
	b := &buffer{base64: encoding == Base64URL, head: openpgp.AppendHeader(before, tag, int64(size))}
	if size >= seipd.Large {
		b.at = len(b.head) - 4
	}
	if !b.base64 {
		b.out = append(make([]byte, 0, len(b.head)+size), b.head...)
		return b
	}
	whole := (len(b.head) + 2) / 3 * 3
	b.out = make([]byte, base64url.EncodedLen(whole), base64url.EncodedLen(whole+size))
	return b
}

func (b *buffer) Write(p []byte) (int, error) {
	b.size += len(p)
	if !b.base64 {
		b.out = append(b.out, p...)
		return len(p), nil
	}
	written := len(p)
	if odd := len(b.head) % 3; odd != 0 {
		n := min(3-odd, len(p))
		b.head, p = append(b.head, p[:n]...), p[n:]
	}
	if len(b.rest) != 0 {
		n := min(3-len(b.rest), len(p))
		b.rest, p = append(b.rest, p[:n]...), p[n:]
		if len(b.rest) < 3 {
			return written, nil
		}
		b.out = base64url.AppendEncode(b.out, b.rest)
	}
	whole := len(p) / 3 * 3
	b.out = base64url.AppendEncode(b.out, p[:whole])
	b.rest = append(b.rest[:0], p[whole:]...)
	return written, nil
}

// bytes returns the message.
func (b *buffer) bytes() []byte {
	if b.at != 0 {
		binary.BigEndian.PutUint32(b.head[b.at:], uint32(b.size))
	}
	if !b.base64 {
		copy(b.out, b.head)
		return b.out
	}
	base64url.Encode(b.out, b.head)
	return base64url.AppendEncode(b.out, b.rest)
}

// literalHead begins the body of a literal: binary, without file name and date,
// which nobody signs (T26).
const literalHead = "b\x00\x00\x00\x00\x00"

// announcements returns what stands before the payload of a signed message:
// one-pass signatures (RFC 9580, Section 10.3) and, for a payload whose size is
// known, the header of the literal.
func announcements(all []newSignature, size int) ([]byte, error) {
	var b bytes.Buffer
	for i, s := range all {
		if err := onePass(s.by.part, s.sig, i == len(all)-1).Serialize(&b); err != nil {
			return nil, err
		}
	}
	if size >= 0 {
		b.Write(openpgp.AppendHeader(nil, openpgp.TagLiteral, int64(len(literalHead)+size)))
		b.WriteString(literalHead)
	}
	return b.Bytes(), nil
}
