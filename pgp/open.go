package pgp

import (
	"bytes"
	"context"
	"math"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
	"github.com/sealwax/sealwax/keyset"
)

// Open implements [envelope.Envelope].
func (e *Envelope) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	return e.x.Open(ctx, int64(len(sealed)), func(c *exchange.Call) (*envelope.Message, error) {
		if len(sealed) >= seipd.Large {
			return e.open(c, sealed, nil)
		}
		// A small message is decoded and decrypted in a buffer that the next
		// one uses again; a large one where its payload stays.
		space := e.decoded.Take(base64url.DecodedLen(len(sealed)))
		defer e.decoded.Give(space)
		m, err := e.open(c, sealed, *space)
		if err == nil {
			m.Payload = bytes.Clone(m.Payload)
		}
		return m, err
	})
}

// open is the pass over a message in memory, which keeps what it decrypts; openTo
// does the same in passes over a stream, which keep nothing.
func (e *Envelope) open(c *exchange.Call, sealed, space []byte) (*envelope.Message, error) {
	if int64(len(sealed)) > maxSealed(e.maxSize) {
		return nil, envelope.Reject(envelope.TooLarge, errTooLarge)
	}
	o, body, encoding, err := readWhole(sealed, space)
	if err != nil {
		return nil, rejectOuter(sealed, err)
	}
	if err := o.allowed(); err != nil {
		return nil, err
	}
	owned := encoding != openpgp.Binary // what the caller passed is never written to
	var plain *seipd.Plaintext
	how, err := e.decrypt(c, o, func(sk cert.SessionKey, last bool) (intact bool, err error) {
		failed := openpgp.Guard(func() (err error) {
			plain, err = o.header.Open(&e.scratch, sk.Key, body, last && owned)
			return err
		})
		return failed == nil, nil
	})
	if err != nil {
		return nil, err
	}
	in, err := e.reading(c, e.maxSize).Read(plain)
	if err != nil {
		return nil, rejectInner(c, err)
	}
	m := &envelope.Message{Payload: in.Payload, Decrypter: how.use, Content: how.content}
	m.Addressed, m.PostQuantum = recipients(c, o)
	return m, e.signatures(c, in).judge(m)
}

// readWhole reads what stands outside of the encryption of a message in memory, and
// returns the body of the data behind its header.
func readWhole(sealed, space []byte) (o *outer, body []byte, encoding string, err error) {
	binary, encoding, err := openpgp.DecodeMessage(sealed, space)
	if err != nil {
		return nil, nil, encoding, err
	}
	if o, err = readOuter(openpgp.NewReader(binary)); err != nil {
		return nil, nil, encoding, err
	}
	o.size, o.decoded = int64(len(sealed)), int64(len(binary))
	if body, err = o.e.Body.Whole(math.MaxInt64); err != nil {
		return nil, nil, encoding, err
	}
	return o, body, encoding, o.e.End()
}

// recipients lists the recipients that the message names, by our ID where we know the key,
// and returns [envelope.Message].PostQuantum as far as it is about them.
func recipients(c *exchange.Call, o *outer) (named []keyset.ID, worth keyset.Use) {
	var postQuantum []*cert.Component // of ours, that may open
	for k := range c.Own.Opening() {
		if key, ok := k.Material.(*Key); ok {
			for _, p := range key.lax {
				if p.PostQuantum() {
					postQuantum = append(postQuantum, p)
				}
			}
		}
	}
	if o.e.Passwords == 0 && len(o.sessions) == len(o.e.Sessions) { // or else one is of a version that is not known
		worth = keyset.Encryption
	}
	for _, s := range o.sessions {
		if s.Hidden() || !slices.ContainsFunc(postQuantum, s.Fits) {
			worth = 0
		}
		if s.Hidden() || len(named) == exchange.MaxRecipients {
			continue
		}
		id := s.Name()
		for _, set := range []*keyset.Set{c.Own, c.Peer} {
			for k := range set.All() {
				if key, ok := k.Material.(*Key); ok && slices.ContainsFunc(key.lax, s.Names) {
					id = k.ID()
				}
			}
		}
		named = append(named, id)
	}
	return named, worth
}
