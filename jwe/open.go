package jwe

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Open implements [envelope.Envelope]. It accepts the compact and both JSON
// serializations.
//
// Beside an [*envelope.OpenError], it returns an error that wraps
// [keyset.ErrUnavailable] if a remote key could not be asked and no other opened
// the message, or the cause of ctx.
func (e *Envelope) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	return e.x.Open(ctx, int64(len(sealed)), func(c *exchange.Call) (*envelope.Message, error) {
		return e.open(c, sealed)
	})
}

func (e *Envelope) open(c *exchange.Call, sealed []byte) (*envelope.Message, error) {
	if most := e.c.Layers.maxMessage(e.c.MaxSize); int64(len(sealed)) > most {
		return nil, envelope.Reject(envelope.TooLarge, fmt.Errorf("message of %d bytes: %w of %d", len(sealed), errTooLarge, most))
	}
	if e.c.Layers == SignThenEncrypt {
		return e.openSealed(c, sealed)
	}
	return e.openOuter(c, sealed)
}

// openOuter takes a JWS around a JWE. Nothing is decrypted before a signature counts.
func (e *Envelope) openOuter(c *exchange.Call, message []byte) (*envelope.Message, error) {
	if !structureOf(message).signed {
		return nil, envelope.Reject(envelope.Malformed, fmt.Errorf("Layers asks for a JWS around a JWE: %w", describe(message)))
	}
	sealed, verdicts, err := e.verify(c, message, envelope.Outer)
	if err != nil {
		return nil, err
	}
	if err := verdicts.Rejection(); err != nil {
		return nil, err
	}
	c.RememberBy(sealed)
	m, err := e.openSealed(c, sealed)
	if err != nil {
		return nil, err
	}
	if err := verdicts.FillOuter(m); err != nil || e.c.Layers != EncryptThenSign {
		return m, err
	}
	return m, e.claimsInside(c, m)
}

// claimsInside judges what the payload of a message says that is signed only around the
// outside, once it is decrypted: it counts as that of any other.
func (e *Envelope) claimsInside(c *exchange.Call, m *envelope.Message) error {
	j := &judge{e: e, c: c, layer: envelope.Outer, payload: m.Payload}
	says, refused := j.says(m.Header)
	if refused == nil {
		refused = c.Accept(says)
	}
	if refused == nil {
		return nil
	}
	var by []keyset.ID
	for _, u := range m.Signers {
		by = append(by, u.ID)
	}
	return envelope.Reject(refused.Reason, refused.Cause, by...)
}

// openSealed takes a JWE, of at most [maxSealed]: open or, inside of a JWS, verify has
// seen to that.
func (e *Envelope) openSealed(c *exchange.Call, sealed []byte) (*envelope.Message, error) {
	t, err := parseSealed(sealed)
	if err != nil {
		return nil, malformed(around(sealed, err))
	}
	// The tag has exactly its size: what is taken from one end of the ciphertext and
	// added to the other is not the same token (trap J6).
	if decodedLen(t.tag) != t.header.enc.sizes().tag && t.header.enc.purpose() == forContent {
		return nil, malformed(around(sealed, errors.New("tag of the wrong size")))
	}
	ways, err := e.allowed(t)
	if err != nil {
		return nil, err
	}
	body := e.scratch.Take(t.bodySize())
	defer e.scratch.Give(body)
	if err := t.decodeBody(*body); err != nil {
		return nil, malformed(around(sealed, err))
	}
	m := &envelope.Message{Content: string(t.header.enc)}
	content, err := e.decrypt(c, m, t, ways, *body)
	if err != nil {
		return nil, err
	}
	if len(t.iv) != t.header.enc.sizes().iv {
		c.Waive(waiveLongIV)
	}
	if t.header.carries() {
		c.Waive(waiveCarried)
	}
	if t.header.zip {
		c.Waive(waiveCompression)
		space, inflated, err := e.inflate(content)
		defer e.inflated.Give(space)
		if err != nil {
			return nil, err
		}
		content = inflated
	}
	switch is := e.structureOf(content); {
	case is.signed && e.c.Layers == EncryptThenSign:
		return nil, envelope.Reject(envelope.Malformed, errors.New("a JWS inside of the JWE, and Layers is EncryptThenSign"), m.Decrypter.ID)
	case is.signed && !is.plain:
		return nil, envelope.Reject(envelope.Malformed, errAround, m.Decrypter.ID)
	case is.signed:
		return m, e.openSigned(c, m, content)
	}
	return m, e.openUnsigned(c, m, t.header, content)
}

// allowed refuses what the header asks for, before any key is used, and returns
// the recipients that are left: what is wrong with one is no harm to another.
func (e *Envelope) allowed(t *sealedToken) ([]*recipient, error) {
	h := t.header
	if h.enc == "" {
		return nil, envelope.Reject(envelope.Malformed, errors.New(`header without "enc"`))
	}
	if err := e.forbidden(h); err != nil {
		return nil, envelope.Reject(envelope.Forbidden, err)
	}
	if h.zip && !e.waived.compression {
		return nil, envelope.Reject(envelope.Forbidden, errors.New("the message is compressed"))
	}
	if h.enc.purpose() != forContent || !e.accept[h.enc] {
		return nil, envelope.Reject(envelope.Forbidden, fmt.Errorf("content encryption %q", cut(string(h.enc))))
	}
	var ways []*recipient
	var first error
	for _, r := range t.recipients {
		err := e.allowedRecipient(t, r)
		if err == nil {
			ways = append(ways, r)
		} else if first == nil {
			first = err
		}
	}
	if len(ways) == 0 {
		return nil, first
	}
	return ways, t.checkSizes(e.waived.longIV)
}

func (e *Envelope) allowedRecipient(t *sealedToken, r *recipient) error {
	if r.err != nil {
		return malformed(r.err)
	}
	alg := r.header.alg
	switch {
	case alg == "":
		return envelope.Reject(envelope.Malformed, errors.New(`header without "alg"`))
	case alg.purpose() == forKey && alg.runs() != nil:
		return envelope.Reject(envelope.Forbidden, fmt.Errorf("key encryption %q: %w", alg, alg.runs()))
	case alg.purpose() != forKey || !e.accept[alg]:
		return envelope.Reject(envelope.Forbidden, fmt.Errorf("key encryption %q", cut(string(alg))))
	case alg == RSA1_5 && len(t.recipients) > 1:
		// Which of several unwraps first would tell whether its padding is
		// good: RFC 7516, Section 11.5.
		return envelope.Reject(envelope.Forbidden, errors.New("RSA1_5 in a message to several recipients"))
	case alg == ECDHES && len(t.recipients) > 1:
		return envelope.Reject(envelope.Malformed, errors.New("ECDH-ES without a wrapped key has one recipient"))
	}
	var err error
	if r.agreed, err = r.header.agreement(); err == nil {
		err = r.checkSize(t.header.enc)
	}
	if err != nil {
		return envelope.Reject(envelope.Malformed, err)
	}
	return nil
}

// openUnsigned takes a content that is no JWS, if the signature is around the JWE or a
// waiver permits that there is none.
func (e *Envelope) openUnsigned(c *exchange.Call, m *envelope.Message, h *header, content []byte) error {
	if !e.waived.encryptOnly && e.c.Layers != EncryptThenSign {
		return envelope.Reject(envelope.Unsigned, describe(content), m.Decrypter.ID)
	}
	if int64(len(content)) > e.c.MaxSize {
		return envelope.Reject(envelope.TooLarge, fmt.Errorf("payload of %d bytes: %w of %d", len(content), errTooLarge, e.c.MaxSize))
	}
	if e.waived.encryptOnly {
		c.Waive(waiveEncryptOnly)
		m.Header = h.message()
	}
	m.Payload = bytes.Clone(content) // out of the scratch
	return nil
}
