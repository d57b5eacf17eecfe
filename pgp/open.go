package pgp

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Open implements [envelope.Envelope].
func (e *Envelope) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	return e.x.Open(ctx, int64(len(sealed)), func(c *exchange.Call) (*envelope.Message, error) {
		if len(sealed) >= large {
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

func (e *Envelope) open(c *exchange.Call, sealed, space []byte) (*envelope.Message, error) {
	if int64(len(sealed)) > maxSealed(e.maxSize) {
		return nil, envelope.Reject(envelope.TooLarge, errTooLarge)
	}
	binary, encoding, err := decodeMessage(sealed, space)
	if err != nil {
		return nil, envelope.Reject(envelope.Malformed, err)
	}
	if int64(len(binary)) > maxBinary(e.maxSize) {
		return nil, envelope.Reject(envelope.TooLarge, errTooLarge)
	}
	o, err := parseOuter(binary)
	switch {
	case errors.Is(err, errPassword):
		return nil, envelope.Reject(envelope.NotForUs, err)
	case err != nil:
		return nil, envelope.Reject(envelope.Malformed, err)
	}
	if err := e.checkData(c, o.data); err != nil {
		return nil, err
	}
	owned := encoding != Binary.String() // what the caller passed is never written to
	var read content
	how, err := e.decrypt(c, o, func(sk sessionKey, last bool) (err error) {
		read, err = e.decryptBody(o.data, sk, last && owned)
		return err
	})
	if err != nil {
		return nil, err
	}
	in, d := read.inner, read.doc
	if in == nil {
		if in, err = parseInner(read.plain, e.maxSize); err != nil {
			return nil, rejectInner(err)
		}
		d = inMemory(in.payload)
	}
	m := &envelope.Message{
		Payload:   in.payload,
		Decrypter: how.use,
		Content:   how.content,
		Addressed: addressed(c, o),
	}
	if len(in.signatures) == 0 {
		if !c.Waive(waiveUnsigned) {
			return nil, envelope.Reject(envelope.Unsigned, nil)
		}
		return m, nil
	}
	var v exchange.Verdicts
	for _, p := range in.signatures {
		if err := e.judge(c, &v, p, d); err != nil {
			return nil, err
		}
	}
	if err := v.Fill(m); err != nil {
		return nil, err
	}
	return m, nil
}

// addressed lists the recipients that the message names, by our ID where we
// know the key.
func addressed(c *exchange.Call, o *outer) []keyset.ID {
	var out []keyset.ID
	for _, s := range o.sessions {
		if s.hidden() {
			continue
		}
		id := s.name()
		for _, set := range []*keyset.Set{c.Own, c.Peer} {
			for k := range set.All() {
				if key, ok := k.Material.(*Key); ok && slices.ContainsFunc(key.lax, s.names) {
					id = k.ID()
				}
			}
		}
		out = append(out, id)
	}
	return out
}
