package jwe

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// openSigned takes the JWS that was decrypted. Errors quote nothing of it but
// the "kid" of a key that we do not have.
func (e *Envelope) openSigned(c *exchange.Call, m *envelope.Message, content []byte) error {
	t, err := parseSigned(content)
	if err != nil {
		return malformed(err)
	}
	if n := int64(decodedLen(t.payload)); n > e.c.MaxSize {
		return envelope.Reject(envelope.TooLarge, fmt.Errorf("payload of %d bytes: %w of %d", n, errTooLarge, e.c.MaxSize))
	}
	payload, err := e.decodePayload(t)
	if err != nil && bytes.Contains(t.payload, dot) {
		return envelope.Reject(envelope.Unsigned, errors.New("the content is not a JWS: it has too many parts"))
	}
	if err != nil {
		return malformed(fmt.Errorf("payload of the JWS: %w", err))
	}
	j := judgement{e: e, c: c, t: t, payload: payload}
	j.judge()
	m.Payload = payload
	err = j.verdicts.Fill(m)
	if err != nil && j.exhausted != nil {
		err = j.exhausted
	}
	return err
}

// decodePayload returns the payload. The digest of a large one, which the first
// signature needs, is computed meanwhile.
func (e *Envelope) decodePayload(t *signedToken) ([]byte, error) {
	if len(t.payload) < base64url.Halves || len(t.signatures) == 0 {
		return decode(t.payload)
	}
	s := t.signatures[0]
	if s.err != nil || s.header.alg.whole() || s.header.alg.purpose() != forSignature || !e.accept[s.header.alg] {
		return decode(t.payload)
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.digest = s.header.alg.digest(s.protected, dot, t.payload) })
	payload, err := decode(t.payload)
	wg.Wait()
	return payload, err
}

// A judgement finds out who signed, and which signatures count.
type judgement struct {
	e         *Envelope
	c         *exchange.Call
	t         *signedToken
	payload   []byte
	verdicts  exchange.Verdicts
	counted   [][32]byte
	exhausted error // the end of the budget of the message
}

// judge judges every signature by itself. Trusted keys are tried first, for all
// signatures those that they name and then the others, and only then, to tell the
// operator more than "unknown", our own and the revoked ones. Where the work that
// a message is worth ends, what was found counts.
func (j *judgement) judge() {
	var cases []*suit
	for _, s := range j.t.signatures {
		if refused := j.refused(s); refused != nil {
			j.verdicts.Unusable(refused.Reason, refused.Cause())
			continue
		}
		k := &suit{j: j, s: s}
		k.all = candidates(j.c.Peer.Opening(), k.fits)
		cases = append(cases, k)
	}
	for _, named := range []bool{true, false} {
		for _, k := range cases {
			if k.signer == nil && j.exhausted == nil {
				k.signer, j.exhausted = k.find(k.all, func(t candidate) bool { return k.s.header.namesOf(t) == named })
			}
		}
	}
	for _, k := range cases {
		if k.signer != nil {
			k.weigh()
		} else {
			k.explain()
		}
	}
}

var errReflected = errors.New("signed by a key of ours: our own message come back")

func revoked(s *keyset.Set) func(func(keyset.Key) bool) {
	return func(yield func(keyset.Key) bool) {
		for entry := range s.All() {
			if entry.State == keyset.Revoked && !yield(entry) {
				return
			}
		}
	}
}

// refused says why a signature does not count whoever made it.
func (j *judgement) refused(s *signature) *envelope.OpenError {
	reject := func(r envelope.Reason, err error) *envelope.OpenError {
		oe, _ := errors.AsType[*envelope.OpenError](envelope.Reject(r, err))
		return oe
	}
	if s.err != nil {
		return reject(envelope.Malformed, fmt.Errorf("signature: %w", s.err))
	}
	h := s.header
	if h.alg == "" {
		return reject(envelope.Malformed, errors.New(`header of the JWS without "alg"`))
	}
	err := h.forbidden()
	if err == nil && h.zip {
		err = errors.New(`header parameter "zip"`)
	}
	if err != nil {
		return reject(envelope.Forbidden, fmt.Errorf("JWS: %w", err))
	}
	if h.alg.purpose() != forSignature || !j.e.accept[h.alg] {
		return reject(envelope.Forbidden, errors.New("the algorithm of the signature is not allowed"))
	}
	return nil
}

// A suit is the case of one signature.
type suit struct {
	j      *judgement
	s      *signature
	all    []candidate // trusted keys that fit
	signer *candidate
	dated  time.Time
}

func (k *suit) alg() Algorithm { return k.s.header.alg }

func (k *suit) fits(key *Key) bool { return key.may(keyset.Signing, k.alg()) }

// find returns the key that made the signature, if it is among those that pass.
func (k *suit) find(all []candidate, pass func(candidate) bool) (*candidate, error) {
	exchange.Order(k.j.c, all, candidate.id, k.s.header.namesOf)
	for _, t := range all {
		if !pass(t) {
			continue
		}
		if err := k.j.c.Verification(); err != nil {
			return nil, err
		}
		if k.s.digest == nil { // the same for every key that is tried
			k.s.digest = k.alg().digest(k.s.protected, dot, k.j.t.payload)
		}
		if t.key.verify(k.alg(), k.s.digest, k.s.octets) {
			return &t, nil
		}
	}
	return nil, nil
}

// weigh decides whether a good signature by a trusted key counts. What the
// payload says is looked at here and not before, so that strangers cannot make
// us parse it.
func (k *suit) weigh() {
	j, signer := k.j, k.signer
	if j.c.IsOwn(signer.id()) {
		k.ignore(signer.entry, false, envelope.Misdirected, errReflected)
		return
	}
	says := j.e.state(k.s.header.all, j.payload)
	var err error
	if k.dated, err = says.date(); err != nil {
		k.ignore(signer.entry, false, envelope.Malformed, err)
		return
	}
	info := signer.key.info
	if err := j.c.InTime(k.dated,
		exchange.Window{NotBefore: signer.entry.NotBefore, NotAfter: signer.entry.NotAfter},
		exchange.Window{NotBefore: info.NotBefore, NotAfter: info.NotAfter, EndsWith: info.EndsWith}); err != nil {
		k.ignore(signer.entry, false, envelope.OutOfTime, err)
		return
	}
	bound, err := j.e.directed(says)
	if err != nil {
		k.ignore(signer.entry, false, envelope.Misdirected, err)
		return
	}
	u := k.use(signer.entry, false)
	u.Digest = exchange.Digest(u.ID, k.s.digest)
	if slices.Contains(j.counted, u.Digest) {
		return // one signer said the same twice
	}
	j.counted = append(j.counted, u.Digest)
	j.verdicts.Count(u, bound, k.s.header.message())
}

// explain says whose signature it is, if not that of a trusted key.
func (k *suit) explain() {
	c := k.j.c
	any := func(candidate) bool { return true }
	if own, err := k.find(candidates(c.Own.All(), k.fits), any); own != nil {
		k.ignore(own.entry, true, envelope.Misdirected, errReflected)
		return
	} else if err == nil {
		if gone, _ := k.find(candidates(revoked(c.Peer), k.fits), any); gone != nil {
			k.ignore(gone.entry, false, envelope.RevokedSigner, errors.New("signed by a revoked key"))
			return
		}
	}
	k.blame()
}

// blame says whose signature it claims to be, since no key made it.
func (k *suit) blame() {
	h := k.s.header
	var bad, unfit, gone []keyset.Key
	for entry := range k.j.c.Peer.All() {
		if !h.names(entry) {
			continue
		}
		key, whole := entry.Material.(*Key)
		switch {
		case entry.State == keyset.Revoked:
			gone = append(gone, entry)
		case whole && k.fits(key):
			bad = append(bad, entry)
		default:
			unfit = append(unfit, entry)
		}
	}
	switch {
	case len(bad) > 0:
		k.ignore(bad[0], false, envelope.BadSignature, errors.New("the key that the signature names did not make it"))
	case len(gone) > 0:
		k.ignore(gone[0], false, envelope.RevokedSigner, errors.New("the signature names a revoked key"))
	case len(unfit) > 0:
		k.ignore(unfit[0], false, envelope.Forbidden, errors.New("the key that the signature names is not for this use or algorithm"))
	default:
		k.j.verdicts.Stranger(h.kid)
	}
}

func (k *suit) use(entry keyset.Key, own bool) envelope.KeyUse {
	u := exchange.Use(entry, own, keyset.Signing, string(k.alg()))
	u.Time = k.dated
	return u
}

func (k *suit) ignore(entry keyset.Key, own bool, r envelope.Reason, cause error) {
	k.j.verdicts.Ignore(k.use(entry, own), r, cause)
}
