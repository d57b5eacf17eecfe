package jwe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Open implements [envelope.Envelope].
func (e *Envelope) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	return e.x.Open(ctx, int64(len(sealed)), func(c *exchange.Call) (*envelope.Message, error) {
		return e.open(c, sealed)
	})
}

func (e *Envelope) open(c *exchange.Call, sealed []byte) (*envelope.Message, error) {
	if int64(len(sealed)) > maxSealed(e.c.MaxSize) {
		return nil, envelope.Reject(envelope.TooLarge, fmt.Errorf("message of %d bytes: %w of %d", len(sealed), errTooLarge, maxSealed(e.c.MaxSize)))
	}
	t, err := parseSealed(sealed)
	if err != nil {
		return nil, envelope.Reject(envelope.Malformed, fmt.Errorf("not a JWE in compact serialization: %w", err))
	}
	if err := e.allowed(t); err != nil {
		return nil, err
	}
	agreed, err := t.header.agreement()
	if err == nil {
		err = t.checkSizes()
	}
	if err != nil {
		return nil, envelope.Reject(envelope.Malformed, err)
	}
	m := &envelope.Message{Content: string(t.header.enc)}
	content, err := e.decrypt(c, m, t, agreed)
	if err != nil {
		return nil, err
	}
	if looksSigned(content) {
		return m, e.openSigned(c, m, content)
	}
	return m, e.openUnsigned(c, m, t.header, content)
}

// allowed refuses what the header asks for, before any key is used.
func (e *Envelope) allowed(t *sealedToken) error {
	h := t.header
	if h.alg == "" || h.enc == "" {
		return envelope.Reject(envelope.Malformed, errors.New(`header without "alg" or "enc"`))
	}
	if err := h.forbidden(); err != nil {
		return envelope.Reject(envelope.Forbidden, err)
	}
	if h.alg.purpose() != forKey || !e.accept[h.alg] {
		return envelope.Reject(envelope.Forbidden, fmt.Errorf("key encryption %q", cut(string(h.alg))))
	}
	if h.enc.purpose() != forContent || !e.accept[h.enc] {
		return envelope.Reject(envelope.Forbidden, fmt.Errorf("content encryption %q", cut(string(h.enc))))
	}
	return nil
}

// A candidate is a key that may be the right one.
type candidate struct {
	entry keyset.Key
	key   *Key
}

func (c candidate) id() keyset.ID { return c.key.info.ID }

func (h *header) namesOf(c candidate) bool { return h.names(c.entry) }

// candidates returns those of the entries that are keys of this package and
// pass the test.
func candidates(entries func(func(keyset.Key) bool), pass func(*Key) bool) []candidate {
	var out []candidate
	for entry := range entries {
		if k, ok := entry.Material.(*Key); ok && pass(k) {
			out = append(out, candidate{entry, k})
		}
	}
	return out
}

// decrypt finds the key and returns the content. Whatever goes wrong looks the
// same from outside; the reasons are for the operator. Unwrapping is apart from
// the content, which is decrypted once: RSA-OAEP and AES key wrap show by
// themselves whether a key is the right one. ECDH-ES without a wrapped key does
// not, and costs one pass over the content for each key that fits.
func (e *Envelope) decrypt(c *exchange.Call, m *envelope.Message, t *sealedToken, agreed *agreement) ([]byte, error) {
	all := candidates(c.Own.Opening(), func(k *Key) bool { return t.fits(k, agreed) })
	all = exchange.Order(c, all, candidate.id, t.header.namesOf)
	var tried []keyset.ID
	for i, k := range all {
		if err := c.PrivateOp(); err != nil {
			return nil, err
		}
		tried = append(tried, k.id())
		key, err := t.unwrap(k.key, agreed)
		if err != nil {
			continue
		}
		direct := t.header.alg == ECDHES
		content, err := t.open(key, !direct || i == len(all)-1)
		if err == nil {
			m.Decrypter = exchange.Use(k.entry, true, keyset.Encryption, string(t.header.alg))
			m.Addressed = addressed(c, t.header, k.id())
			return content, nil
		}
		if !direct {
			return nil, envelope.Reject(envelope.Corrupt, errors.New("the key decrypts, the content does not"), k.id())
		}
	}
	return nil, e.undecrypted(c, t, agreed, all, tried)
}

// undecrypted says why no key of ours opened the message, as far as can be
// told without using a revoked one.
func (e *Envelope) undecrypted(c *exchange.Call, t *sealedToken, agreed *agreement, live []candidate, tried []keyset.ID) error {
	for _, k := range live {
		if t.header.alg == ECDHES && t.header.names(k.entry) {
			return envelope.Reject(envelope.Corrupt, errors.New("the content does not decrypt under the key that the message names"), k.id())
		}
	}
	var named, fitting []keyset.ID
	for entry := range c.Own.All() {
		info := entry.Material.Info()
		if entry.State != keyset.Revoked || info.Use&keyset.Encryption == 0 {
			continue
		}
		k, whole := entry.Material.(*Key)
		switch {
		case t.header.names(entry):
			named = append(named, info.ID)
		case !whole || t.fits(k, agreed): // of a tombstone nobody knows what fits
			fitting = append(fitting, info.ID)
		}
	}
	switch {
	case len(named) > 0:
		return envelope.Reject(envelope.RevokedRecipient, errors.New("the message names a revoked key"), named...)
	case len(live) == 0 && len(fitting) > 0:
		return envelope.Reject(envelope.RevokedRecipient, errors.New("only revoked keys fit the message"), fitting...)
	case len(live) == 0:
		return envelope.Reject(envelope.NotForUs, fmt.Errorf("no key of ours fits %s and the size or curve of the message", t.header.alg), addressed(c, t.header, "")...)
	}
	for _, id := range addressed(c, t.header, "") {
		if !slices.Contains(tried, id) {
			tried = append(tried, id)
		}
	}
	return envelope.Reject(envelope.NotForUs, errors.New("decrypts under no key of ours"), tried...)
}

// addressed returns what the message names: our ID where we know the key. The
// one that opened it goes before others of the same name.
func addressed(c *exchange.Call, h *header, opener keyset.ID) []keyset.ID {
	if h.kid == "" {
		return nil
	}
	var named []keyset.ID
	for entry := range c.Own.All() {
		if h.names(entry) {
			named = append(named, entry.ID())
		}
	}
	switch {
	case slices.Contains(named, opener):
		return []keyset.ID{opener}
	case len(named) > 0:
		return named[:1]
	}
	return []keyset.ID{keyset.ID(cut(h.kid))}
}

// openUnsigned takes a content that is no JWS, if a waiver permits it.
func (e *Envelope) openUnsigned(c *exchange.Call, m *envelope.Message, h *header, content []byte) error {
	if !e.encryptOnly {
		return envelope.Reject(envelope.Unsigned, errors.New("the content is not a JWS in compact serialization"), m.Decrypter.ID)
	}
	if int64(len(content)) > e.c.MaxSize {
		return envelope.Reject(envelope.TooLarge, fmt.Errorf("payload of %d bytes: %w of %d", len(content), errTooLarge, e.c.MaxSize))
	}
	c.Waive(encryptOnly)
	m.Payload, m.Header = content, h.message()
	return nil
}
