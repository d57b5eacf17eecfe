package jwe

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Seal implements [envelope.Envelope]. It returns an error if payload is longer
// than [Config.MaxSize].
func (e *Envelope) Seal(ctx context.Context, payload []byte) ([]byte, error) {
	return e.x.Seal(ctx, func(c *exchange.Call) ([]byte, error) {
		out, err := e.seal(c, payload)
		if err != nil {
			return nil, fmt.Errorf("jwe: seal: %w", err)
		}
		return out, nil
	})
}

func (e *Envelope) seal(c *exchange.Call, payload []byte) ([]byte, error) {
	if int64(len(payload)) > e.c.MaxSize {
		return nil, fmt.Errorf("payload of %d bytes: %w of %d", len(payload), errTooLarge, e.c.MaxSize)
	}
	to, err := c.SealingPeer()
	if err != nil {
		return nil, err
	}
	if e.encryptOnly {
		c.Waive(encryptOnly)
		return e.encrypt(c, to[0], payload, false)
	}
	by, err := c.SealingOwn()
	if err != nil {
		return nil, err
	}
	content, err := e.sign(c, by[0], payload)
	if err != nil {
		return nil, err
	}
	return e.encrypt(c, to[0], content, true)
}

func materialOf(entry keyset.Key) (*Key, error) {
	k, ok := entry.Material.(*Key)
	if !ok {
		return nil, fmt.Errorf("key %s is not a key of this package but a %T", entry.ID(), entry.Material)
	}
	return k, nil
}

// sign returns the JWS, with room at its end to be encrypted in place.
func (e *Envelope) sign(c *exchange.Call, by keyset.Key, payload []byte) ([]byte, error) {
	k, err := materialOf(by)
	if err != nil {
		return nil, err
	}
	alg, err := choose(k, keyset.Signing, e.c.Seal.Signature)
	if err != nil {
		return nil, err
	}
	h := newWriter()
	h.text("alg", string(alg))
	h.text("kid", k.info.Name)
	if e.c.PayloadType != "" {
		h.text("cty", e.c.PayloadType)
	}
	e.bind(h, c)
	protected, err := h.finish(e.signedHeader, c.At)
	if err != nil {
		return nil, fmt.Errorf("header of the JWS: %w", err)
	}
	size := encoded(int64(len(protected))) + 1 + encoded(int64(len(payload))) + 1 + encoded(int64(k.signatureSize()))
	out := make([]byte, 0, size+16)
	out = appendEncoded(out, protected)
	out = append(out, '.')
	out = appendEncoded(out, payload)
	signature, err := k.sign(alg, alg.digest(out))
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.info.ID, err)
	}
	out = append(out, '.')
	out = appendEncoded(out, signature)
	c.SealedOwn(exchange.Use(by, true, keyset.Signing, string(alg)))
	return out, nil
}

// encrypt returns the JWE. If signed is set, content is a JWS of ours, and may
// be overwritten.
func (e *Envelope) encrypt(c *exchange.Call, to keyset.Key, content []byte, signed bool) ([]byte, error) {
	k, err := materialOf(to)
	if err != nil {
		return nil, err
	}
	alg, err := choose(k, keyset.Encryption, e.c.Seal.Key)
	if err != nil {
		return nil, err
	}
	enc := e.c.Seal.Content
	if enc == "" {
		enc = A256GCM
	}
	w, err := k.wrap(alg, enc)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.info.ID, err)
	}
	h := newWriter()
	h.text("alg", string(alg))
	h.text("enc", string(enc))
	h.text("kid", k.info.Name)
	if signed && !hasParameter(e.header, "cty") {
		// RFC 7519, Section 5.2. "JOSE" would be as true, but libraries that
		// open both layers at once look for "JWT", and nothing looks for "JOSE".
		h.text("cty", "JWT")
	}
	if w.ephemeral != nil {
		h.value("epk", publicJWK(w.ephemeral))
	}
	protected, err := h.finish(e.header, c.At)
	if err != nil {
		return nil, fmt.Errorf("header of the JWE: %w", err)
	}
	iv := make([]byte, enc.sizes().iv)
	rand.Read(iv)
	aad := appendEncoded(nil, protected)
	var dst []byte
	if signed {
		dst = content[:0]
	}
	body, err := sealContent(enc, dst, w.content, iv, content, aad)
	if err != nil {
		return nil, err
	}
	n := len(body) - enc.sizes().tag
	out := make([]byte, 0, int64(len(aad))+4+encoded(int64(len(w.encrypted)))+encoded(int64(len(iv)))+
		encoded(int64(n))+encoded(int64(len(body)-n)))
	out = append(out, aad...)
	for _, part := range [][]byte{w.encrypted, iv, body[:n], body[n:]} {
		out = append(out, '.')
		out = appendEncoded(out, part)
	}
	c.SealedPeer(exchange.Use(to, false, keyset.Encryption, string(alg)))
	return out, nil
}

func hasParameter(list []parameter, name string) bool {
	for _, p := range list {
		if p.name == name {
			return true
		}
	}
	return false
}
