package pgp

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/keyset"
)

// An opened says how the encrypted data was decrypted.
type opened struct {
	session sessionKey
	use     envelope.KeyUse
	content string
}

// decrypt finds the session key that opens o. attempt decrypts the data with a
// candidate, and returns nil if it was intact to its end.
//
// The order is: packets with an integrity check of their own (ECDH), then RSA;
// in each, those that name a key of ours, then the hidden ones, for which the
// key that opened last is tried first. A body that does not open is the same
// step to the next candidate as a session key that does not decrypt.
//
// PKCS #1 v1.5 must be no oracle (RFC 9580, Section 12.5): each RSA packet
// yields one candidate, the session key if it conforms or else a random one,
// and either goes on to the body. So acceptance, error, and, but for the
// parsing in the standard library, time say nothing about a packet that
// somebody put before a good one. Random candidates leave one place among the
// [maxBodies] for one that conforms.
//
// last tells attempt that no candidate comes after this one.
func (e *Envelope) decrypt(c *exchange.Call, o *outer, attempt func(sk sessionKey, last bool) error) (*opened, error) {
	all, err := e.trials(c, o)
	if err != nil {
		return nil, err
	}
	d := decryption{data: o.data, attempt: attempt}
	trials := all
	var outage error
	for width := 1; len(trials) != 0 && d.bodies < maxBodies; width = runtime.GOMAXPROCS(0) {
		var groups [][]trial
		groups, trials = nextGroups(trials, width)
		unwrapped := unwrapGroups(c, groups)
		for i, u := range unwrapped {
			if _, tooMuch := errors.AsType[*envelope.OpenError](u.err); tooMuch {
				return nil, u.err
			}
			if u.err != nil {
				outage = u.err // another key may open the message all the same
				continue
			}
			// Data without integrity protection opens under any key: there
			// is nothing that a random one could be mistaken for.
			substitute := u.session.rsa() && o.data.Tag != openpgp.TagSED && d.bodies < maxBodies-1
			if d.bodies == maxBodies || !u.conforms && !substitute {
				continue
			}
			d.last = len(trials) == 0 && i == len(unwrapped)-1
			if out, ok := d.try(u.sk, u.conforms); ok {
				key, _ := c.Own.Lookup(u.id)
				out.use = u.part.use(key, true, keyset.Encryption, u.part.name)
				return out, nil
			}
		}
	}
	if outage != nil {
		return nil, outage
	}
	return nil, d.reject(c, o, all[:len(all)-len(trials)])
}

// A decryption counts the attempts on one body.
type decryption struct {
	data      openpgp.Packet
	attempt   func(sk sessionKey, last bool) error
	last      bool // there is no candidate after this one
	bodies    int
	unwrapped bool  // a session key that conforms reached the body
	refused   error // such a session key was for what is not allowed
}

// try decrypts the body with one candidate. A candidate for a cipher that is
// not allowed costs what any other does.
func (d *decryption) try(sk sessionKey, conforms bool) (*opened, bool) {
	d.bodies++
	content, refused := d.content(sk)
	if size, fixed := d.keySize(); refused != nil || fixed && len(sk.key) != size {
		sk = randomSessionKey(3)
		sk.key = sk.key[:size]
	}
	err := d.attempt(sk, d.last)
	if conforms {
		d.unwrapped = true
		if refused != nil {
			d.refused = refused
		}
	}
	if refused != nil || err != nil {
		return nil, false
	}
	return &opened{session: sk, content: content}, true
}

// content returns how the message is encrypted, or why that is refused.
func (d *decryption) content(sk sessionKey) (string, error) {
	if aead(d.data) {
		h, err := parseAEAD(d.data)
		if err != nil {
			return "", err
		}
		if h.libre && sk.cipher != h.cipher {
			return "", errIntegrity
		}
		return h.name()
	}
	name, err := cipherName(sk.cipher)
	return name + "/CFB", err
}

// keySize is the size of a session key for the data, and whether that is fixed:
// of version 1, only the session key packet says it.
func (d *decryption) keySize() (size int, fixed bool) {
	if aead(d.data) {
		if h, err := parseAEAD(d.data); err == nil {
			return h.cipher.KeySize(), true
		}
	}
	return packet.CipherAES256.KeySize(), false
}

// aead reports whether data is under AEAD.
func aead(p openpgp.Packet) bool {
	return p.Tag == openpgp.TagAEAD || p.Tag == openpgp.TagSEIPD && p.Body[0] == 2
}

// reject says why nothing opened, after the keys of ours that were tried.
func (d *decryption) reject(c *exchange.Call, o *outer, trials []trial) error {
	named := addressed(c, o)
	var tried []keyset.ID
	for _, t := range trials {
		if !slices.Contains(tried, t.id) {
			tried = append(tried, t.id)
		}
	}
	switch {
	case d.refused != nil:
		return envelope.Reject(envelope.Forbidden, d.refused, named...)
	case d.unwrapped:
		return envelope.Reject(envelope.Corrupt, errIntegrity, named...)
	case d.bodies == 0 && toRevoked(c, o):
		return envelope.Reject(envelope.RevokedRecipient, errors.New("the message names a revoked key"), named...)
	case len(tried) == 0:
		return envelope.Reject(envelope.NotForUs, errors.New("the message names no key of ours"), named...)
	}
	for _, id := range named {
		if !slices.Contains(tried, id) {
			tried = append(tried, id)
		}
	}
	return envelope.Reject(envelope.NotForUs, errors.New("decrypts under no key of ours"), tried...)
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

// checkData refuses encrypted data that is not protected as it must be, before
// any key is used.
func (e *Envelope) checkData(c *exchange.Call, p openpgp.Packet) error {
	switch {
	case p.Tag == openpgp.TagSED:
		if !c.Waive(waiveUnprotected) {
			return envelope.Reject(envelope.Forbidden, errors.New("the message has no integrity protection"))
		}
	case len(p.Body) == 0:
		return envelope.Reject(envelope.Malformed, errTruncated)
	case aead(p):
		h, err := parseAEAD(p)
		if err != nil {
			return envelope.Reject(envelope.Malformed, err)
		}
		if _, err := h.name(); err != nil {
			return envelope.Reject(envelope.Forbidden, err)
		}
	case p.Body[0] != 1:
		return envelope.Reject(envelope.Malformed, fmt.Errorf("encrypted data of version %d", p.Body[0]))
	}
	return nil
}

// pick returns a if choose is 1 and b if it is 0, which must be of one length,
// without a branch.
func pick(choose int, a, b []byte) []byte {
	out := bytes.Clone(b)
	subtle.ConstantTimeCopy(choose, out, a)
	return out
}
