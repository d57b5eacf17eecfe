package pgp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
	"github.com/sealwax/sealwax/keyset"
)

// A trial is a key of ours that may decrypt a session key packet.
type trial struct {
	session *cert.SessionPacket
	id      keyset.ID // of the key
	part    *cert.Component
}

func (t trial) KeyID() keyset.ID     { return t.id }
func (t trial) Component() keyset.ID { return t.part.ID }
func (t trial) Named() bool          { return t.session.Names(t.part) }
func (t trial) Remote() bool         { return t.part.Remote != nil }
func (t trial) Cost() exchange.Cost  { return exchange.Cost(t.part.Cost(keyset.Encryption)) }

// revokedMaterial is what the components of revoked keys are, under every name.
func revokedMaterial(s *keyset.Set) map[string]bool {
	var revoked map[string]bool
	for k := range s.All() {
		if key, ok := k.Material.(*Key); ok && k.State == keyset.Revoked {
			if revoked == nil {
				revoked = map[string]bool{}
			}
			for _, p := range key.lax {
				revoked[p.Material] = true
			}
		}
	}
	return revoked
}

// trials lists what to try, in order, the trials of one packet together.
func (e *Envelope) trials(c *exchange.Call, o *outer) ([]trial, error) {
	revoked := revokedMaterial(c.Own)
	var all []trial
	var refused error
	for _, s := range o.sessions {
		if s.Version != o.sessionVersion() {
			continue
		}
		if s.Hidden() {
			all = slices.Grow(all, keyset.MaxKeys)
		}
		for k := range c.Own.Opening() {
			key, ok := k.Material.(*Key)
			if !ok {
				continue
			}
			// Validity is not asked: a message under way still opens. SHA-1
			// in self-signatures of our own key harms nobody here.
			for _, p := range key.lax {
				if !p.HasPrivate() || !p.Encrypt || revoked[p.Material] || !s.Fits(p) {
					continue
				}
				if err := allowed(p, keyset.Encryption, key.info.ID, c); err != nil {
					refused = envelope.Reject(envelope.Forbidden, err, key.info.ID)
					continue
				}
				all = append(all, trial{s, key.info.ID, p})
			}
		}
	}
	if len(all) == 0 && refused != nil {
		return nil, refused
	}
	exchange.Sort(c, all)
	return all, nil
}

// groups puts the trials of one packet together, each in the place of its best: packets
// with an integrity check of their own (ECDH) first, then RSA, then what would ask
// remote keys that the message does not name. Of RSA, PKCS #1 v1.5, each packet yields
// one candidate.
func groups(all []trial) []exchange.Group[trial, cert.SessionKey] {
	type kind struct {
		session *cert.SessionPacket
		remote  bool
	}
	var order []kind
	of := map[kind][]trial{}
	for _, t := range all {
		k := kind{t.session, t.Remote()}
		if of[k] == nil {
			order = append(order, k)
		}
		of[k] = append(of[k], t)
	}
	rank := func(k kind) int {
		switch {
		case exchange.Unasked(of[k][0]): // a packet names all keys that it fits, or hides
			return 2
		case k.session.IsRSA():
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b kind) int { return cmp.Compare(rank(a), rank(b)) })
	var out []exchange.Group[trial, cert.SessionKey]
	for _, k := range order {
		out = append(out, exchange.Group[trial, cert.SessionKey]{Trials: of[k], Implicit: k.session.IsRSA()})
	}
	return out
}

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
	search := exchange.NewSearch(c, func(ctx context.Context, t trial) (cert.SessionKey, int, error) {
		sk, conforms, err := t.session.Unwrap(ctx, t.part)
		if conforms {
			return sk, 1, err
		}
		return sk, 0, err
	})
	by, err := search.Run(groups(all), d.try)
	switch {
	case err != nil && !errors.Is(err, errBodies):
		return nil, err
	case by != nil:
		key, _ := c.Own.Lookup(by.id)
		return &opened{use: keyUse(by.part, key, true, keyset.Encryption, by.part.Name), content: d.content}, nil
	case search.Outage != nil:
		return nil, search.Outage
	}
	return nil, d.reject(c, search)
}

// errBodies ends a search that has decrypted the body as often as a message is worth.
var errBodies = errors.New("the body has been decrypted often enough")

// A decryption counts the attempts on one body.
type decryption struct {
	o         *outer
	attempt   func(sk cert.SessionKey, last bool) (bool, error)
	bodies    int
	content   string // what opened it
	unwrapped bool   // a session key that conforms reached the body
	refused   error  // such a session key was for what is not allowed
}

// try decrypts the body with one candidate. A candidate for a cipher that is
// not allowed costs what any other does.
func (d *decryption) try(one exchange.Candidate[trial, cert.SessionKey]) (bool, error) {
	if d.bodies == d.o.maxBodies() {
		return false, errBodies
	}
	d.bodies++
	sk := one.Key
	content, refused := d.o.content(sk)
	if size, fixed := d.o.keySize(); refused != nil || fixed && len(sk.Key) != size {
		sk = cert.RandomSessionKey(3)
		sk.Key = sk.Key[:size]
	}
	intact, err := d.attempt(sk, one.Last)
	if one.Conforms == 1 {
		d.unwrapped = true
		if refused != nil {
			d.refused = refused
		}
	}
	if err != nil || refused != nil || !intact {
		return false, err
	}
	d.content = content
	return true, nil
}

// reject says why nothing opened.
func (d *decryption) reject(c *exchange.Call, search *exchange.Search[trial, cert.SessionKey]) error {
	named, _ := recipients(c, d.o)
	switch {
	case d.refused != nil:
		return envelope.Reject(envelope.Forbidden, d.refused, named...)
	case d.unwrapped:
		return envelope.Reject(envelope.Corrupt, seipd.ErrIntegrity, named...)
	case d.bodies == 0 && toRevoked(c, d.o):
		return envelope.Reject(envelope.RevokedRecipient, errors.New("the message names a revoked key"), named...)
	case len(search.Tried) == 0:
		return envelope.Reject(envelope.NotForUs, notForUs(c, d.o), named...)
	}
	return search.NotForUs(errors.New("decrypts under no key of ours"), named)
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
