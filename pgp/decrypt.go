package pgp

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A trial is a key of ours that may decrypt a session key packet.
type trial struct {
	session *sessionPacket
	key     keyset.Key
	part    *component
}

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
func (e *Envelope) decrypt(c *exchange.Call, o *outer, attempt func(sessionKey) error) (*opened, error) {
	trials, err := e.trials(c, o)
	if err != nil {
		return nil, err
	}
	d := decryption{data: o.data, attempt: attempt}
	var outage error
	for len(trials) != 0 && d.bodies < maxBodies {
		n := 1
		for n < len(trials) && trials[n].session == trials[0].session && trials[n].remote() == trials[0].remote() {
			n++
		}
		group := trials[:n]
		trials = trials[n:]
		t, sk, conforms, err := unwrapFirst(c, group)
		if _, tooMuch := errors.AsType[*envelope.OpenError](err); tooMuch {
			return nil, err
		}
		if err != nil {
			outage = err // another key may open the message all the same
			continue
		}
		if !conforms && (!t.session.rsa() || d.bodies >= maxBodies-1) {
			continue
		}
		if out, ok := d.try(sk, conforms); ok {
			out.use = exchange.Use(t.key, true, keyset.Encryption, t.part.name)
			if !t.part.primary {
				out.use.Subkey = t.part.id
			}
			return out, nil
		}
	}
	if outage != nil {
		return nil, outage
	}
	return nil, d.reject(c, o)
}

// unwrapFirst unwraps one session key with the first of its trials for which
// that succeeds. The first is tried alone, being named or the one that opened
// last; the rest in parallel, because nothing tells them apart. If none
// succeeds, it returns a random session key with the first of them.
func unwrapFirst(c *exchange.Call, group []trial) (trial, sessionKey, bool, error) {
	if err := c.PrivateOp(); err != nil {
		return trial{}, sessionKey{}, false, err
	}
	if group[0].remote() {
		return unwrapRemotes(c, group)
	}
	sk, ok, err := group[0].session.unwrap(c.Context(), group[0].part)
	if ok || err != nil || len(group) == 1 {
		return group[0], sk, ok, err
	}
	rest := group[1:]
	keys, oks := make([]sessionKey, len(rest)), make([]bool, len(rest))
	width := runtime.GOMAXPROCS(0)
	for at := 0; at < len(rest); at += width {
		batch := rest[at:min(at+width, len(rest))]
		var wg sync.WaitGroup
		for i, t := range batch {
			if err := c.PrivateOp(); err != nil {
				wg.Wait()
				return trial{}, sessionKey{}, false, err
			}
			wg.Go(func() { keys[at+i], oks[at+i], _ = t.session.unwrap(c.Context(), t.part) })
		}
		wg.Wait()
		for i, t := range batch {
			if oks[at+i] {
				return t, keys[at+i], true, nil
			}
		}
	}
	return group[0], sk, false, nil
}

// unwrapRemotes is unwrapFirst for remote keys, one after another: each costs a
// call of a service. The first has been counted as a private-key operation.
func unwrapRemotes(c *exchange.Call, group []trial) (trial, sessionKey, bool, error) {
	var outage error
	sk := randomSessionKey(group[0].session.version)
	for i, t := range group {
		if !c.RemoteOp() {
			break
		}
		if i > 0 {
			if err := c.PrivateOp(); err != nil {
				return trial{}, sessionKey{}, false, err
			}
		}
		candidate, ok, err := t.session.unwrap(c.Context(), t.part)
		if ok {
			return t, candidate, true, nil
		}
		if err != nil {
			outage = err
		}
	}
	return group[0], sk, false, outage
}

// remote reports whether the key of a trial is elsewhere.
func (t trial) remote() bool { return t.part.remote != nil }

// trials lists what to try, in order, the trials of one packet together.
func (e *Envelope) trials(c *exchange.Call, o *outer) ([]trial, error) {
	revoked := map[keyset.ID]bool{} // components that a revoked key of ours has
	for k := range c.Own.All() {
		if key, ok := k.Material.(*Key); ok && k.State == keyset.Revoked {
			for _, p := range key.lax {
				revoked[p.id] = true
			}
		}
	}
	version := 3
	if o.data.tag == tagSEIPD && o.data.body[0] == 2 {
		version = 6 // RFC 9580, Section 10.3.2.1: the two do not mix
	}
	var all []trial
	var refused error
	for _, s := range o.sessions {
		if s.version != version {
			continue
		}
		for k := range c.Own.Opening() {
			key, ok := k.Material.(*Key)
			if !ok {
				continue
			}
			// Validity is not asked: a message under way still opens. SHA-1
			// in self-signatures of our own key harms nobody here.
			for _, p := range key.lax {
				if !p.private() || !p.encrypt || revoked[p.id] || !s.fits(p) {
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
	// The order of packets: authenticated ones first, then by their best key;
	// remote keys that the message does not name after all others.
	type group struct {
		session *sessionPacket
		last    bool
	}
	of := func(t trial) group { return group{t.session, t.remote() && !t.session.names(t.part)} }
	place := map[group]int{}
	for i, t := range all {
		if _, ok := place[of(t)]; !ok {
			place[of(t)] = i
			if t.session.rsa() {
				place[of(t)] += len(all)
			}
			if of(t).last {
				place[of(t)] += 2 * len(all)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b trial) int { return place[of(a)] - place[of(b)] })
	return all, nil
}

// A decryption counts the attempts on one body.
type decryption struct {
	data      rawPacket
	attempt   func(sessionKey) error
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
	err := d.attempt(sk)
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
func aead(p rawPacket) bool { return p.tag == tagAEAD || p.tag == tagSEIPD && p.body[0] == 2 }

// reject says why nothing opened.
func (d *decryption) reject(c *exchange.Call, o *outer) error {
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
	case d.bodies == 0 && toRevoked(c, o):
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
	var out []byte
	err := guard(func() (err error) {
		if aead(p) {
			out, err = decryptAEAD(p, sk.key)
			return err
		}
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
		var b bytes.Buffer
		b.Grow(len(p.body) + bytes.MinRead)
		if _, err := io.Copy(&b, r); err != nil {
			return err
		}
		out = b.Bytes()
		return r.Close()
	})
	if err != nil {
		return nil, errIntegrity
	}
	return out, nil
}

// checkData refuses encrypted data that is not protected as it must be, before
// any key is used.
func (e *Envelope) checkData(c *exchange.Call, p rawPacket) error {
	switch {
	case p.tag == tagSED:
		if !c.Waive(waiveUnprotected) {
			return envelope.Reject(envelope.Forbidden, errors.New("the message has no integrity protection"))
		}
	case len(p.body) == 0:
		return envelope.Reject(envelope.Malformed, errTruncated)
	case aead(p):
		h, err := parseAEAD(p)
		if err != nil {
			return envelope.Reject(envelope.Malformed, err)
		}
		if _, err := h.name(); err != nil {
			return envelope.Reject(envelope.Forbidden, err)
		}
	case p.body[0] != 1:
		return envelope.Reject(envelope.Malformed, fmt.Errorf("encrypted data of version %d", p.body[0]))
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
