package pgp

import (
	"bytes"
	"encoding/binary"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
)

var (
	errTruncated = openpgp.ErrTruncated
	errPacket    = openpgp.ErrHeader
)

// nextPacket reads the packet at the beginning of in.
func nextPacket(in []byte) (p openpgp.Packet, rest []byte, err error) {
	r := openpgp.NewReader(in)
	p, err = r.Packet(int64(len(in)))
	return p, r.Rest(), err
}

func partialAllowed(tag byte) bool {
	switch tag {
	case openpgp.TagLiteral, openpgp.TagCompressed, openpgp.TagSED, openpgp.TagSEIPD, openpgp.TagAEAD:
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

// packetHead returns the header of a packet of the OpenPGP format and a definite
// length.
func packetHead(tag byte, length int) []byte { return openpgp.AppendHeader(nil, tag, int64(length)) }

// appendLength appends a length, RFC 9580, Section 4.2.1.
func appendLength(out []byte, n int) []byte { return openpgp.AppendLength(out, int64(n)) }

// parse hands one packet to the library. Each call returns a packet of its
// own: the library writes to what it parses (T16).
func parse(p openpgp.Packet) (packet.Packet, error) {
	var out packet.Packet
	err := guard(func() (err error) {
		out, err = packet.Read(bytes.NewReader(p.Encode()))
		return err
	})
	return out, err
}

func guard(step func() error) error { return openpgp.Guard(step) }
