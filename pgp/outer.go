package pgp

import (
	"context"
	"errors"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
)

// An outer is a message as it looks before anything is decrypted.
type outer struct {
	sessions []*cert.SessionPacket
	header   *seipd.Header // nil if the data has no integrity protection, or with failed
	failed   error         // what is wrong with the header
	size     int64         // of the message as it travels, in bytes
	decoded  int64         // of the message before its encoding, if it is in memory

	e *openpgp.Encrypted
}

// readOuter reads a message up to what follows the header of its encrypted data.
func readOuter(in *openpgp.Reader) (*outer, error) {
	e, err := openpgp.ReadEncrypted(in)
	if err != nil {
		return nil, err
	}
	o := &outer{e: e}
	for _, p := range e.Sessions {
		// A version that we do not know is for somebody else.
		if s, err := cert.ParseSessionPacket(p); err == nil {
			o.sessions = append(o.sessions, s)
		}
	}
	if e.Tag != openpgp.TagSED {
		if o.header, o.failed = seipd.ReadHeader(e.Tag, e.Body); o.failed != nil {
			o.header = nil
		}
	}
	return o, nil
}

// rejectOuter returns the rejection for an error of what stands outside of the
// encryption. head is the beginning of the message.
func rejectOuter(head []byte, err error) error {
	if errors.Is(err, openpgp.ErrPassword) {
		return envelope.Reject(envelope.NotForUs, err)
	}
	return envelope.Reject(envelope.Malformed, openpgp.Explain(head, err))
}

// allowed refuses encrypted data that is not protected as it must be, before any
// key is used. Whoever can change data without integrity protection (tag 9, RFC
// 9580, Section 5.7) can often read it, so that no waiver permits it.
func (o *outer) allowed() error {
	if o.failed != nil {
		return envelope.Reject(envelope.Malformed, o.failed)
	}
	if o.header == nil {
		return envelope.Reject(envelope.Forbidden, errors.New("the message has no integrity protection"))
	}
	if o.header.AEAD {
		if _, err := cipherName(o.header.Cipher); err != nil {
			return envelope.Reject(envelope.Forbidden, err)
		}
	}
	return nil
}

// content is [envelope.Message].Content, or why a session key is refused.
func (o *outer) content(sk cert.SessionKey) (string, error) {
	cipher := sk.Cipher
	if o.header.AEAD {
		if o.header.Libre && sk.Cipher != o.header.Cipher {
			return "", seipd.ErrIntegrity
		}
		cipher = o.header.Cipher
	}
	name, err := cipherName(cipher)
	return name + "/" + o.header.ModeName(), err
}

// keySize is the size of a session key for the data, and whether that is fixed:
// of version 1, only the session key packet says it.
func (o *outer) keySize() (size int, fixed bool) {
	if o.header.AEAD {
		return o.header.Cipher.KeySize(), true
	}
	return packet.CipherAES256.KeySize(), false
}

// sessionVersion is the version of the session key packets that go with the data:
// the two do not mix (RFC 9580, Section 10.3.2.1).
func (o *outer) sessionVersion() int {
	if o.header.Version() == 2 {
		return 6
	}
	return 3
}

// maxBodies is how many candidates for the session key reach the body. Which do
// follows from the places of their packets, and from nothing that is secret: four,
// or of a small body more, up to 1 MiB in all.
func (o *outer) maxBodies() int {
	return int(min(exchange.MaxRecipients, max(minBodies, bodiesWork/max(1, o.size))))
}

// rejectInner returns the rejection for an error of what was encrypted, unless the
// call was given up.
func rejectInner(c *exchange.Call, err error) error {
	if c.Context().Err() != nil {
		return context.Cause(c.Context())
	}
	if errors.Is(err, openpgp.ErrLimit) {
		return envelope.Reject(envelope.TooLarge, err)
	}
	return envelope.Reject(envelope.Malformed, err)
}

// reading is how the inside of a message is read.
func (e *Envelope) reading(c *exchange.Call, max int64) *openpgp.Reading {
	return &openpgp.Reading{Context: c.Context(), MaxSize: max, Overhead: overhead}
}

var errTooLarge = openpgp.ErrSize
