package pgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Packet type IDs, RFC 9580, Section 5.
const (
	tagPKESK         = 1
	tagSignature     = 2
	tagSKESK         = 3
	tagOnePass       = 4
	tagSecretKey     = 5
	tagPublicKey     = 6
	tagSecretSubkey  = 7
	tagCompressed    = 8
	tagSED           = 9
	tagMarker        = 10
	tagLiteral       = 11
	tagUserID        = 13
	tagPublicSubkey  = 14
	tagUserAttribute = 17
	tagSEIPD         = 18
	tagAEAD          = 20 // LibrePGP
	tagPadding       = 21

	// firstNonCritical is the first of the types that are passed over by
	// those who do not know them (RFC 9580, Section 4.3).
	firstNonCritical = 40
)

// A rawPacket is one packet: its type and its body, with partial lengths
// joined. The body may share memory with the input.
type rawPacket struct {
	tag  byte
	body []byte
}

var (
	errTruncated = errors.New("truncated packet")
	errPacket    = errors.New("invalid packet header")
)

// nextPacket reads the packet at the beginning of in, RFC 9580, Section 4.2.
// An indeterminate length reaches to the end of in.
func nextPacket(in []byte) (p rawPacket, rest []byte, err error) {
	if len(in) == 0 {
		return p, nil, io.EOF
	}
	if in[0]&0x80 == 0 {
		return p, nil, errPacket
	}
	if in[0]&0x40 == 0 {
		return oldPacket(in)
	}
	p.tag = in[0] & 0x3f
	in = in[1:]
	var joined []byte
	for first := true; ; first = false {
		n, size, partial, err := newLength(in)
		if err != nil {
			return p, nil, err
		}
		in = in[size:]
		if uint64(n) > uint64(len(in)) {
			return p, nil, errTruncated
		}
		switch {
		case partial && first && n < 512:
			// RFC 9580, Section 4.2.1.4: the first partial length is at least 512.
			return p, nil, errPacket
		case partial && !partialAllowed(p.tag):
			return p, nil, errPacket
		case !partial && first:
			p.body = in[:n]
			return p, in[n:], nil
		case first:
			joined = make([]byte, 0, len(in))
		}
		joined = append(joined, in[:n]...)
		in = in[n:]
		if !partial {
			p.body = joined
			return p, in, nil
		}
	}
}

func partialAllowed(tag byte) bool {
	switch tag {
	case tagLiteral, tagCompressed, tagSED, tagSEIPD, tagAEAD:
		return true
	}
	return false
}

// newLength reads a length of the OpenPGP format, RFC 9580, Section 4.2.1.
func newLength(in []byte) (n uint32, size int, partial bool, err error) {
	switch {
	case len(in) == 0:
		return 0, 0, false, errTruncated
	case in[0] < 192:
		return uint32(in[0]), 1, false, nil
	case in[0] < 224:
		if len(in) < 2 {
			return 0, 0, false, errTruncated
		}
		return (uint32(in[0])-192)<<8 + uint32(in[1]) + 192, 2, false, nil
	case in[0] < 255:
		return 1 << (in[0] & 0x1f), 1, true, nil
	case len(in) < 5:
		return 0, 0, false, errTruncated
	}
	return binary.BigEndian.Uint32(in[1:]), 5, false, nil
}

// oldPacket reads a packet with a header of the legacy format, RFC 9580, Section 4.2.2.
func oldPacket(in []byte) (p rawPacket, rest []byte, err error) {
	p.tag = in[0] >> 2 & 0x0f
	size := 1 << (in[0] & 3)
	in = in[1:]
	if size == 8 {
		if !partialAllowed(p.tag) {
			return p, nil, errPacket
		}
		p.body = in
		return p, nil, nil
	}
	if len(in) < size {
		return p, nil, errTruncated
	}
	var n uint64
	for _, b := range in[:size] {
		n = n<<8 | uint64(b)
	}
	in = in[size:]
	if n > uint64(len(in)) {
		return p, nil, errTruncated
	}
	p.body = in[:n]
	return p, in[n:], nil
}

// encode returns p with a header of the OpenPGP format and a definite length.
func (p rawPacket) encode() []byte {
	out := make([]byte, 0, len(p.body)+6)
	out = appendLength(append(out, 0xc0|p.tag), len(p.body))
	return append(out, p.body...)
}

// packetHead returns the header of a packet of the OpenPGP format and a definite
// length.
func packetHead(tag byte, length int) []byte { return appendLength([]byte{0xc0 | tag}, length) }

// appendLength appends a length, RFC 9580, Section 4.2.1.
func appendLength(out []byte, n int) []byte {
	switch {
	case n < 192:
		return append(out, byte(n))
	case n < 8384:
		return append(out, byte((n-192)>>8)+192, byte(n-192))
	}
	return binary.BigEndian.AppendUint32(append(out, 255), uint32(n))
}

// parse hands one packet to the library. Each call returns a packet of its
// own: the library writes to what it parses (T16).
func (p rawPacket) parse() (packet.Packet, error) {
	var out packet.Packet
	err := guard(func() (err error) {
		out, err = packet.Read(bytes.NewReader(p.encode()))
		return err
	})
	return out, err
}

// guard runs a step of the library on octets of a stranger. A panic in there
// is a flaw of the library that must not take the server down: it becomes an
// error, and so a rejected message or a key that cannot be read.
func guard(step func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the OpenPGP library panicked: %v", r)
		}
	}()
	return step()
}
