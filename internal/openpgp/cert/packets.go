package cert

import (
	"bytes"
	"io"
	"math"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// nextPacket reads the packet at the beginning of in.
func nextPacket(in []byte) (p openpgp.Packet, rest []byte, err error) {
	r := openpgp.NewReader(in)
	p, err = r.Packet(math.MaxInt64)
	return p, r.Rest(), err
}

// Parse hands one packet to the library. Each call returns a packet of its
// own: the library writes to what it parses (T16).
func Parse(p openpgp.Packet) (packet.Packet, error) {
	var out packet.Packet
	err := guard(func() (err error) {
		head := openpgp.AppendHeader(make([]byte, 0, 6), p.Tag, int64(len(p.Body)))
		out, err = packet.Read(io.MultiReader(bytes.NewReader(head), bytes.NewReader(p.Body)))
		return err
	})
	return out, err
}

func guard(step func() error) error { return openpgp.Guard(step) }
