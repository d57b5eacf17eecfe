package jwe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Seal implements [envelope.Envelope]. It returns an error if payload is longer
// than [Config.MaxSize], one that wraps [envelope.ErrNoKey] if a party has no key
// to seal with or an active one that may not be used, and one that wraps
// [keyset.ErrUnavailable] if a remote key could not be asked to sign. What a remote key
// answers wrongly is an error that wraps neither.
func (e *Envelope) Seal(ctx context.Context, payload []byte) ([]byte, error) {
	return e.x.Seal(ctx, func(c *exchange.Call) ([]byte, error) {
		out, err := e.seal(c, payload)
		if err != nil {
			return nil, fmt.Errorf("jwe: seal: %w", err)
		}
		return out, nil
	})
}

// parties chooses the keys to encrypt to and, unless nothing is signed, those to sign
// with.
func (e *Envelope) parties(c *exchange.Call) (to []addressee, by []signer, err error) {
	few := func(keys []keyset.Key, err error) ([]keyset.Key, error) {
		if err != nil {
			return nil, err
		}
		if !e.c.JSON {
			keys = keys[:1]
		}
		return keys, checkCount(len(keys))
	}
	theirs, err := few(c.SealingPeer())
	if err != nil {
		return nil, nil, err
	}
	if to, err = e.addressees(c, theirs); err != nil || e.waived.encryptOnly {
		return to, nil, err
	}
	ours, err := few(c.SealingOwn())
	if err != nil {
		return nil, nil, err
	}
	var uses []envelope.KeyUse
	for _, key := range ours {
		s, err := e.signer(c, key)
		if err != nil {
			return nil, nil, err
		}
		by, uses = append(by, s), append(uses, s.use())
	}
	return to, by, c.Demand(func() []envelope.KeyUse { return uses })
}

func (e *Envelope) seal(c *exchange.Call, payload []byte) ([]byte, error) {
	if int64(len(payload)) > e.c.MaxSize {
		return nil, fmt.Errorf("payload of %d bytes: %w of %d", len(payload), errTooLarge, e.c.MaxSize)
	}
	inside := e.c.Layers != EncryptThenSign && !e.waived.encryptOnly
	if !inside && structureOf(payload).signed {
		return nil, errors.New("the payload is a JWS, or has one in it: the partner would take it for a signed message, and not for the payload")
	}
	to, by, err := e.parties(c)
	if err != nil {
		return nil, err
	}
	if e.waived.encryptOnly {
		c.Waive(waiveEncryptOnly)
		return e.encrypt(c, to, payload, false)
	}
	number := newNumber()
	if !inside {
		sealed, err := e.encrypt(c, to, payload, false)
		if err != nil {
			return nil, err
		}
		return e.signAround(c, by, sealed, number)
	}
	signers, size, err := e.signers(c, by, len(payload), number, envelope.Inner)
	if err != nil {
		return nil, err
	}
	buf := e.scratch.Take(size)
	defer e.scratch.Give(buf)
	content, err := e.sign(c, signers, payload, (*buf)[:0])
	if err != nil {
		return nil, err
	}
	sealed, err := e.encrypt(c, to, content, true)
	if err != nil || e.c.Layers == SignThenEncrypt {
		return sealed, err
	}
	return e.signAround(c, by, sealed, number)
}

// speaks reports whether the signature of a layer speaks of the message: it has the
// header of the Config, and says when the message was made and whom it is for. Of a
// message with two layers, only the inner one does.
func (e *Envelope) speaks(layer envelope.Layer) bool {
	return layer == envelope.Inner || e.c.Layers == EncryptThenSign
}

// signAround returns the JWS around a JWE.
func (e *Envelope) signAround(c *exchange.Call, by []signer, sealed []byte, number string) ([]byte, error) {
	signers, size, err := e.signers(c, by, len(sealed), number, envelope.Outer)
	if err != nil {
		return nil, err
	}
	return e.sign(c, signers, sealed, make([]byte, 0, size))
}

// signers gives the keys their headers, and returns the size of a JWS by all of them,
// or more.
func (e *Envelope) signers(c *exchange.Call, by []signer, payload int, number string, layer envelope.Layer) (out []signer, size int, err error) {
	var more []parameter
	if e.speaks(layer) {
		if more, err = made(c.Context(), e.signedHeader, c.At); err != nil {
			return nil, 0, err
		}
	}
	total := encoded(int64(payload)) + 128 // for the tag, and for the members in JSON
	for _, s := range by {
		if err := e.head(c, &s, number, layer, more); err != nil {
			return nil, 0, err
		}
		out, total = append(out, s), total+s.size()
	}
	return out, int(total), nil
}

// sign appends the JWS to out, which has the room.
func (e *Envelope) sign(c *exchange.Call, by []signer, payload, out []byte) ([]byte, error) {
	switch {
	case e.c.JSON:
		return e.signJSON(c, by, payload, out)
	case e.c.Members && by[0].layer == envelope.Inner:
		return e.signMembers(c, by[0], payload, out)
	}
	return e.signCompact(c, by[0], payload, out)
}

func materialOf(entry keyset.Key) (*Key, error) {
	k, ok := entry.Material.(*Key)
	if !ok {
		return nil, fmt.Errorf("key %s is not a key of this package but a %T", entry.ID(), entry.Material)
	}
	return k, nil
}

// A signer is a key of ours with its header.
type signer struct {
	entry     keyset.Key
	key       *Key
	alg       Algorithm
	protected []byte // as it is sent
	layer     envelope.Layer
}

// size is that of what the signature adds to a JWS, or more.
func (s signer) size() int64 {
	return int64(len(s.protected)) + encoded(int64(s.key.signatureSize())) + 64
}

// signer chooses the algorithm of a key of ours.
func (e *Envelope) signer(c *exchange.Call, by keyset.Key) (signer, error) {
	k, err := materialOf(by)
	if err != nil {
		return signer{}, err
	}
	alg, err := choose(k, keyset.Signing, e.c.Seal.Signature)
	if err == nil {
		err = permitted(c, k)
	}
	if err != nil {
		return signer{}, unusable(err)
	}
	return signer{entry: by, key: k, alg: alg}, nil
}

// head writes the header of a signature in one layer.
func (e *Envelope) head(c *exchange.Call, s *signer, number string, layer envelope.Layer, more []parameter) error {
	h := newWriter()
	h.text("alg", string(s.alg))
	h.text("kid", s.key.kid(keyset.Signing))
	e.bind(h, c, number, layer)
	protected, err := h.finish(more)
	if err != nil {
		return fmt.Errorf("header of the JWS: %w", err)
	}
	s.protected, s.layer = base64url.AppendEncode(nil, protected), layer
	return nil
}

// use is the account of the signature.
func (s signer) use() envelope.KeyUse {
	u := exchange.Use(s.entry, true, keyset.Signing, string(s.alg))
	u.Layer, u.PostQuantum = s.layer, s.alg.mldsa()
	return u
}

// signature returns the signature of s over a digest, and enters it into the account.
func (s signer) signature(c *exchange.Call, digest []byte) ([]byte, error) {
	octets, err := s.key.sign(c.Context(), s.alg, digest)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", s.key.info.ID, err)
	}
	c.SealedOwn(s.use())
	return octets, nil
}

// signCompact appends the JWS in compact serialization to out, which has the room.
func (e *Envelope) signCompact(c *exchange.Call, s signer, payload, out []byte) ([]byte, error) {
	out = append(out, s.protected...)
	out = append(out, '.')
	out, digest := appendDigested(s.alg, out, payload)
	octets, err := s.signature(c, digest)
	if err != nil {
		return nil, err
	}
	out = append(out, '.')
	return base64url.AppendEncode(out, octets), nil
}

// unusable is the error of an active key that may not do what it is for: with it there is
// no key to seal with, as in package pgp.
func unusable(err error) error { return fmt.Errorf("%w: %w", envelope.ErrNoKey, err) }

// encrypt returns the JWE. If signed is set, content is a JWS of ours in the
// scratch, and is overwritten.
func (e *Envelope) encrypt(c *exchange.Call, to []addressee, content []byte, signed bool) ([]byte, error) {
	enc := e.c.Seal.Content
	if enc == "" {
		enc = A256GCM
	}
	all, err := wrapFor(to, enc)
	if err != nil {
		return nil, err
	}
	if e.c.Compress {
		c.Waive(waiveCompression)
		space, deflated, err := e.deflate(content)
		defer e.deflated.Give(space)
		if err != nil {
			return nil, err
		}
		content = deflated
	}
	protected, err := e.protected(c, all, enc, signed)
	if err != nil {
		return nil, fmt.Errorf("header of the JWE: %w", err)
	}
	iv := make([]byte, enc.sizes().iv)
	rand.Read(iv)
	aad := base64url.AppendEncode(nil, protected)
	var dst []byte
	if signed || e.c.Compress {
		dst = content[:0]
	}
	body, err := sealContent(enc, dst, all[0].content, iv, content, aad)
	if err != nil {
		return nil, err
	}
	n := len(body) - enc.sizes().tag
	for _, a := range all {
		c.SealedPeer(a.use())
	}
	if e.c.JSON {
		return e.writeJSON(all, aad, iv, body[:n], body[n:])
	}
	key := all[0].encrypted
	out := make([]byte, 0, int64(len(aad))+4+encoded(int64(len(key)))+encoded(int64(len(iv)))+
		encoded(int64(n))+encoded(int64(len(body)-n)))
	out = append(out, aad...)
	for _, part := range [][]byte{key, iv, body[:n], body[n:]} {
		out = append(out, '.')
		out = base64url.AppendEncode(out, part)
	}
	return out, nil
}

// protected returns the protected header of the JWE: all of it, if there is one
// recipient.
func (e *Envelope) protected(c *exchange.Call, all []addressee, enc Algorithm, signed bool) ([]byte, error) {
	h := newWriter()
	h.buf.Grow(320) // what most need
	if alg, common := commonAlgorithm(all); common {
		h.text("alg", string(alg))
	}
	h.text("enc", string(enc))
	if e.c.Compress {
		h.text("zip", "DEF")
	}
	if signed && !hasParameter(e.header, "cty") && !e.c.Members {
		h.text("cty", e.contentType())
	}
	if len(all) == 1 {
		all[0].address(h)
	}
	more, err := made(c.Context(), e.header, c.At)
	if err != nil {
		return nil, err
	}
	return h.finish(more)
}

// contentType is the "cty" of the JWE. RFC 7519, Section 5.2, has "JWT" for a
// JWS in compact serialization. "JOSE" would be as true, but libraries that open
// both layers at once look for "JWT", and nothing looks for "JOSE". In JSON
// serialization a JWS is no JWT.
func (e *Envelope) contentType() string {
	if e.c.JSON {
		return "JOSE+JSON"
	}
	return "JWT"
}

func hasParameter(list []parameter, name string) bool {
	for _, p := range list {
		if p.name == name {
			return true
		}
	}
	return false
}
