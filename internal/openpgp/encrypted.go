package openpgp

import (
	"errors"
	"fmt"
	"io"
)

const (
	// MaxPackets is how many packets of one message are read, on each level.
	MaxPackets = 256

	// MaxPacket is the largest size of a packet that is neither data nor padding.
	MaxPacket = 128 << 10
)

var (
	// ErrNotEncrypted is returned for a message that is not encrypted.
	ErrNotEncrypted = errors.New("the message is not encrypted")

	// ErrPassword is returned for a message that is encrypted to passwords only.
	ErrPassword = errors.New("the message is encrypted to passwords only")

	errPackets  = fmt.Errorf("more than %d packets", MaxPackets)
	errNoData   = errors.New("no encrypted data")
	errTrailing = errors.New("data after the end of the message")
)

// An Encrypted is an encrypted message before it is decrypted, RFC 9580, Section
// 10.3: session keys, then encrypted data, and nothing after it.
type Encrypted struct {
	Sessions []Packet // session keys for public keys, in their order
	Tag      byte     // of the data
	Body     *Body    // of the data

	in        *Reader
	Passwords int
}

// ReadEncrypted reads a message up to the body of its encrypted data.
func ReadEncrypted(in *Reader) (*Encrypted, error) {
	e := &Encrypted{in: in}
	for n := 0; ; n++ {
		if n == MaxPackets {
			return nil, errPackets
		}
		tag, body, err := in.Next()
		if err == io.EOF {
			return nil, errNoData
		}
		if err != nil {
			return nil, err
		}
		switch tag {
		case TagSEIPD, TagSED, TagAEAD:
			e.Tag, e.Body = tag, body
			return e, nil
		case TagOnePass, TagSignature, TagLiteral, TagCompressed:
			return nil, ErrNotEncrypted
		}
		if err := e.add(tag, body); err != nil {
			return nil, err
		}
	}
}

// add takes in a packet that stands before the encrypted data.
func (e *Encrypted) add(tag byte, body *Body) error {
	switch {
	case Void(tag):
		return body.skip()
	case tag == TagSKESK:
		e.Passwords++
		return body.skip()
	case tag != TagPKESK:
		return fmt.Errorf("packet of type %d in an encrypted message", tag)
	}
	octets, err := body.Whole(MaxPacket)
	if err == nil {
		e.Sessions = append(e.Sessions, Packet{tag, clip(octets, e.in)})
	}
	return err
}

// clip returns bytes that stay as they are when the input is read further.
func clip(octets []byte, in *Reader) []byte {
	if in.more == nil {
		return octets
	}
	return append([]byte(nil), octets...)
}

// End is to be called after the body was read: only packets that say nothing may
// follow. It returns [ErrPassword] if the message is whole and has no session key
// for a public key.
func (e *Encrypted) End() error {
	if err := e.in.void(); err != nil {
		return err
	}
	if len(e.Sessions) == 0 && e.Passwords != 0 {
		return ErrPassword
	}
	return nil
}

// void reads what follows a message: packets that say nothing.
func (r *Reader) void() error {
	for range MaxPackets {
		tag, body, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if r.err != nil {
			return r.err
		}
		if err != nil || !Void(tag) {
			return errTrailing
		}
		if err := body.skip(); err != nil {
			return err
		}
	}
	return errPackets
}

// skip reads a body to its end.
func (b *Body) skip() error {
	for {
		_, err := b.Next(1 << 20)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
