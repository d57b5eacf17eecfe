package pgp

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
	"github.com/sealwax/sealwax/keyset"
)

// An opened says how the encrypted data was decrypted.
type opened struct {
	use     envelope.KeyUse
	content string
}

// decrypt finds the session key that opens o. attempt decrypts the data with a
// candidate and reports whether it was intact to its end; its error ends the search.
//
// The order is: packets with an integrity check of their own (ECDH), then RSA;
// in each, those that name a key of ours, then the hidden ones, for which the
// key that opened last is tried first. A body that does not open is the same
// step to the next candidate as a session key that does not decrypt.
//
// PKCS #1 v1.5 must be no oracle (RFC 9580, Section 12.5). So each RSA packet
// yields one candidate, the session key if it conforms or else a random one, and
// the candidate reaches the body because of its place, whichever it is. What may
// depend on conformity is which of our keys is tried under a packet that hides its
// recipient: the trial stops at the first key under which it conforms. A random
// packet does so with a chance of about 2^-40.
//
// last tells attempt that no candidate comes after this one.
func (e *Envelope) decrypt(c *exchange.Call, o *outer, attempt func(sk cert.SessionKey, last bool) (bool, error)) (*opened, error) {
	all, err := e.trials(c, o)
	if err != nil {
		return nil, err
	}
	d := decryption{o: o, attempt: attempt}
	trials := all
	var outage error
	for width := 1; len(trials) != 0 && d.bodies < o.maxBodies(); width = runtime.GOMAXPROCS(0) {
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
			if !u.conforms && !u.session.IsRSA() || d.bodies == o.maxBodies() {
				continue
			}
			d.last = len(trials) == 0 && i == len(unwrapped)-1
			out, err := d.try(u.sk, u.conforms)
			if err != nil {
				return nil, err
			}
			if out != nil {
				key, _ := c.Own.Lookup(u.id)
				out.use = keyUse(u.part, key, true, keyset.Encryption, u.part.Name)
				return out, nil
			}
		}
	}
	if outage != nil {
		return nil, outage
	}
	return nil, d.reject(c, all[:len(all)-len(trials)])
}

// A decryption counts the attempts on one body.
type decryption struct {
	o         *outer
	attempt   func(sk cert.SessionKey, last bool) (bool, error)
	last      bool // there is no candidate after this one
	bodies    int
	unwrapped bool  // a session key that conforms reached the body
	refused   error // such a session key was for what is not allowed
}

// try decrypts the body with one candidate. A candidate for a cipher that is
// not allowed costs what any other does.
func (d *decryption) try(sk cert.SessionKey, conforms bool) (*opened, error) {
	d.bodies++
	content, refused := d.o.content(sk)
	if size, fixed := d.o.keySize(); refused != nil || fixed && len(sk.Key) != size {
		sk = cert.RandomSessionKey(3)
		sk.Key = sk.Key[:size]
	}
	intact, err := d.attempt(sk, d.last)
	if conforms {
		d.unwrapped = true
		if refused != nil {
			d.refused = refused
		}
	}
	if err != nil || refused != nil || !intact {
		return nil, err
	}
	return &opened{content: content}, nil
}

// reject says why nothing opened, after the keys of ours that were tried.
func (d *decryption) reject(c *exchange.Call, trials []trial) error {
	named := addressed(c, d.o)
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
		return envelope.Reject(envelope.Corrupt, seipd.ErrIntegrity, named...)
	case d.bodies == 0 && toRevoked(c, d.o):
		return envelope.Reject(envelope.RevokedRecipient, errors.New("the message names a revoked key"), named...)
	case len(tried) == 0:
		return envelope.Reject(envelope.NotForUs, notForUs(c, d.o), named...)
	}
	for _, id := range named {
		if !slices.Contains(tried, id) {
			tried = append(tried, id)
		}
	}
	return envelope.Reject(envelope.NotForUs, errors.New("decrypts under no key of ours"), tried...)
}

// notForUs says why no key of ours was tried.
func notForUs(c *exchange.Call, o *outer) error {
	for k := range c.Own.All() {
		key, ok := k.Material.(*Key)
		if !ok {
			continue
		}
		for _, part := range key.lax {
			for _, s := range o.sessions {
				switch {
				case !s.Names(part):
				case !part.Encrypt:
					return fmt.Errorf("the message names %s of our key %s, which does not decrypt: "+
						"the partner must encrypt to the encryption subkey", part.ID, k.ID())
				case s.Version != o.sessionVersion():
					return fmt.Errorf("the message names our key %s in a session key packet of version %d, "+
						"which does not go with its encrypted data", k.ID(), s.Version)
				default:
					return fmt.Errorf("the message names our key %s, which is %s and does not open", k.ID(), k.State)
				}
			}
		}
	}
	return errors.New("the message names no key of ours")
}

// toRevoked reports whether the message names a revoked key of ours.
func toRevoked(c *exchange.Call, o *outer) bool {
	for _, s := range o.sessions {
		for k := range c.Own.All() {
			key, ok := k.Material.(*Key)
			if !ok || k.State != keyset.Revoked {
				continue
			}
			if slices.ContainsFunc(key.lax, s.Names) {
				return true
			}
		}
	}
	return false
}
