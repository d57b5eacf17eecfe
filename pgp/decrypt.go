package pgp

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A trial is a session key packet and a key of ours that may decrypt it.
type trial struct {
	session *sessionPacket
	key     keyset.Key
	part    *component
}

// An opened is what came out of the encrypted data, whole and intact.
type opened struct {
	data    []byte
	use     envelope.KeyUse
	content string
}

// decrypt finds the key that opens o: named ones first, then the one that
// opened last, then the others. Session keys with an integrity check of their
// own (ECDH) come before RSA, where a good one and a bad one must not be told
// apart: a body that does not open and a session key that does not are the same
// step to the next candidate, and where no RSA key conforms, a random one is
// tried on the body all the same (RFC 9580, Section 12.5, and the Bleichenbacher
// attacks it names).
func (e *Envelope) decrypt(c *exchange.Call, o *outer) (*opened, error) {
	trials, err := e.trials(c, o)
	if err != nil {
		return nil, err
	}
	d := decryption{c: c, data: o.data}
	settled := map[*sessionPacket]bool{}
	for _, t := range trials {
		if settled[t.session] || d.bodies == maxBodies {
			continue
		}
		if err := c.PrivateOp(); err != nil {
			return nil, err
		}
		sk, err := t.session.unwrap(t.part)
		if err != nil {
			continue
		}
		settled[t.session] = true
		if out, ok := d.try(sk); ok {
			out.use = exchange.Use(t.key, true, keyset.Encryption, t.part.name)
			if !t.part.primary {
				out.use.Subkey = t.part.id
			}
			return out, nil
		}
	}
	if d.bodies == 0 {
		d.try(randomSessionKey())
		d.unwrapped = false
	}
	return nil, d.reject(c, o, trials)
}

// trials lists what to try, in order.
func (e *Envelope) trials(c *exchange.Call, o *outer) ([]trial, error) {
	revoked := map[keyset.ID]bool{} // components that a revoked key of ours has
	for k := range c.Own.All() {
		if key, ok := k.Material.(*Key); ok && k.State == keyset.Revoked {
			for _, p := range key.lax {
				revoked[p.id] = true
			}
		}
	}
	var all []trial
	var refused error
	for _, s := range o.sessions {
		for k := range c.Own.Opening() {
			key, ok := k.Material.(*Key)
			if !ok {
				continue
			}
			// Validity is not asked: a message under way still opens. SHA-1
			// in self-signatures of our own key harms nobody here.
			for _, p := range key.lax {
				if p.priv == nil || !p.encrypt || revoked[p.id] || !s.fits(p) {
					continue
				}
				if err := p.allowed(c.Waive); err != nil {
					refused = envelope.Reject(envelope.Forbidden, err, key.info.ID)
					continue
				}
				all = append(all, trial{s, k, p})
			}
		}
	}
	if len(all) == 0 && refused != nil {
		return nil, refused
	}
	all = exchange.Order(c, all,
		func(t trial) keyset.ID { return t.part.id },
		func(t trial) bool { return t.session.names(t.part) })
	slices.SortStableFunc(all, func(a, b trial) int { return rank(a.session) - rank(b.session) })
	return all, nil
}

func rank(s *sessionPacket) int {
	if s.rsa() {
		return 1
	}
	return 0
}

// A decryption counts the attempts on one body.
type decryption struct {
	c         *exchange.Call
	data      rawPacket
	bodies    int
	unwrapped bool  // a session key reached the body
	refused   error // a session key for what is not allowed
}

// try decrypts the body with one candidate. A candidate for a cipher that is
// not allowed costs what any other does.
func (d *decryption) try(sk sessionKey) (*opened, bool) {
	d.bodies++
	content, err := d.content(sk)
	if err != nil {
		d.refused = err
		sk = randomSessionKey()
	}
	data, bodyErr := decryptBody(d.data, sk)
	if err != nil || bodyErr != nil {
		d.unwrapped = true
		return nil, false
	}
	return &opened{data: data, content: content}, true
}

// content returns how the message says that it is encrypted, or why that is refused.
func (d *decryption) content(sk sessionKey) (string, error) {
	name, err := cipherName(sk.cipher)
	if err != nil {
		return "", err
	}
	return name + "/CFB", nil
}

// reject says why nothing opened.
func (d *decryption) reject(c *exchange.Call, o *outer, trials []trial) error {
	var named []keyset.ID
	for _, s := range o.sessions {
		if !s.hidden() {
			named = append(named, s.name())
		}
	}
	switch {
	case d.refused != nil:
		return envelope.Reject(envelope.Forbidden, d.refused, named...)
	case d.unwrapped:
		return envelope.Reject(envelope.Corrupt, errIntegrity, named...)
	case len(trials) == 0 && toRevoked(c, o):
		return envelope.Reject(envelope.RevokedRecipient, nil, named...)
	}
	return envelope.Reject(envelope.NotForUs, nil, named...)
}

// toRevoked reports whether the message names a revoked key of ours.
func toRevoked(c *exchange.Call, o *outer) bool {
	for _, s := range o.sessions {
		for k := range c.Own.All() {
			key, ok := k.Material.(*Key)
			if !ok || k.State != keyset.Revoked {
				continue
			}
			if slices.ContainsFunc(key.lax, s.names) {
				return true
			}
		}
	}
	return false
}

var errIntegrity = errors.New("the content is not intact")

// decryptBody decrypts the whole of the encrypted data, and returns nothing of
// it unless it is intact (T1).
func decryptBody(p rawPacket, sk sessionKey) ([]byte, error) {
	var out bytes.Buffer
	err := guard(func() error {
		parsed, err := p.parse()
		if err != nil {
			return err
		}
		data, ok := parsed.(*packet.SymmetricallyEncrypted)
		if !ok {
			return errIntegrity
		}
		r, err := data.Decrypt(sk.cipher, sk.key)
		if err != nil {
			return err
		}
		out.Grow(len(p.body) + bytes.MinRead)
		if _, err := io.Copy(&out, r); err != nil {
			return err
		}
		return r.Close()
	})
	if err != nil {
		return nil, errIntegrity
	}
	return out.Bytes(), nil
}

// checkData refuses encrypted data that is not protected, before any key is used.
func (e *Envelope) checkData(c *exchange.Call, p rawPacket) error {
	switch {
	case p.tag == tagSED:
		if !c.Waive(waiveUnprotected) {
			return envelope.Reject(envelope.Forbidden, errors.New("the message has no integrity protection"))
		}
	case p.tag == tagAEAD:
		return envelope.Reject(envelope.Forbidden, errors.New("encrypted with the AEAD packet of LibrePGP"))
	case len(p.body) == 0:
		return envelope.Reject(envelope.Malformed, errTruncated)
	case p.body[0] != 1:
		return envelope.Reject(envelope.Forbidden, errors.New("encrypted with AEAD (SEIPD version 2)"))
	}
	return nil
}
