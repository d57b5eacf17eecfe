package jwe

import (
	"errors"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// openSigned takes the JWS that was decrypted. Errors quote nothing of it but
// the "kid" of a key that we do not have.
func (e *Envelope) openSigned(c *exchange.Call, m *envelope.Message, content []byte) error {
	t, err := parseSigned(content)
	if err != nil {
		return envelope.Reject(envelope.Malformed, fmt.Errorf("the content is not a JWS in compact serialization: %w", err))
	}
	payload, err := decode(t.payload)
	if err != nil {
		return envelope.Reject(envelope.Malformed, fmt.Errorf("payload of the JWS: %w", err))
	}
	if int64(len(payload)) > e.c.MaxSize {
		return envelope.Reject(envelope.TooLarge, fmt.Errorf("payload of %d bytes: %w of %d", len(payload), errTooLarge, e.c.MaxSize))
	}
	if t.header.alg == "" {
		return envelope.Reject(envelope.Malformed, errors.New(`header of the JWS without "alg"`))
	}
	if err := t.header.forbidden(); err != nil {
		return envelope.Reject(envelope.Forbidden, fmt.Errorf("JWS: %w", err))
	}
	if t.header.alg.purpose() != forSignature || !e.accept[t.header.alg] {
		return envelope.Reject(envelope.Forbidden, errors.New("the algorithm of the signature is not allowed"))
	}
	j := judgement{e: e, c: c, t: t, payload: payload, digest: t.header.alg.digest(t.input)}
	if err := j.judge(); err != nil {
		return err
	}
	m.Payload = payload
	return j.verdicts.Fill(m)
}

// A judgement finds out who signed, and whether that counts.
type judgement struct {
	e        *Envelope
	c        *exchange.Call
	t        *signedToken
	payload  []byte
	dated    time.Time
	digest   []byte // of what is signed: the same for every key that is tried
	verdicts exchange.Verdicts
}

func (j *judgement) fits(k *Key) bool { return k.may(keyset.Signing, j.t.header.alg) }

// judge tries the trusted keys first, and only then, to tell the operator more
// than "unknown", our own and the revoked ones.
func (j *judgement) judge() error {
	signer, found, err := j.find(candidates(j.c.Peer.Opening(), j.fits))
	if err != nil {
		return err
	}
	if found {
		return j.weigh(signer)
	}
	if signer, found, err = j.find(candidates(j.c.Own.All(), j.fits)); found {
		j.ignore(signer.entry, true, envelope.Misdirected, errReflected)
		return nil
	}
	if err == nil {
		signer, found, _ = j.find(candidates(revoked(j.c.Peer), j.fits))
	}
	if found {
		j.ignore(signer.entry, false, envelope.RevokedSigner, errors.New("signed by a revoked key"))
		return nil
	}
	j.blame()
	return nil
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

// find returns the key that made the signature, the named ones first.
func (j *judgement) find(all []candidate) (signer candidate, found bool, err error) {
	all = exchange.Order(j.c, all, candidate.id, j.t.header.namesOf)
	for _, k := range all {
		if err := j.c.Verification(); err != nil {
			return candidate{}, false, err
		}
		if k.key.verify(j.t.header.alg, j.digest, j.t.signature) {
			return k, true, nil
		}
	}
	return candidate{}, false, nil
}

// weigh decides whether a good signature by a trusted key counts. What the
// payload says is looked at here and not before, so that strangers cannot make
// us parse it.
func (j *judgement) weigh(signer candidate) error {
	if j.c.IsOwn(signer.id()) {
		j.ignore(signer.entry, false, envelope.Misdirected, errReflected)
		return nil
	}
	says := j.e.state(j.t.header.all, j.payload)
	var err error
	if j.dated, err = says.date(); err != nil {
		return envelope.Reject(envelope.Malformed, err, signer.id())
	}
	info := signer.key.info
	if err := j.c.InTime(j.dated,
		exchange.Window{NotBefore: signer.entry.NotBefore, NotAfter: signer.entry.NotAfter},
		exchange.Window{NotBefore: info.NotBefore, NotAfter: info.NotAfter}); err != nil {
		j.ignore(signer.entry, false, envelope.OutOfTime, err)
		return nil
	}
	bound, err := j.e.directed(says)
	if err != nil {
		j.ignore(signer.entry, false, envelope.Misdirected, err)
		return nil
	}
	u := j.use(signer.entry, false)
	u.Digest = exchange.Digest(u.ID, j.t.input)
	j.verdicts.Count(u, bound, j.t.header.message())
	return nil
}

// blame says whose signature it claims to be, since no key made it.
func (j *judgement) blame() {
	h := j.t.header
	var bad, unfit, gone []keyset.Key
	for entry := range j.c.Peer.All() {
		if !h.names(entry) {
			continue
		}
		k, whole := entry.Material.(*Key)
		switch {
		case entry.State == keyset.Revoked:
			gone = append(gone, entry)
		case whole && j.fits(k):
			bad = append(bad, entry)
		default:
			unfit = append(unfit, entry)
		}
	}
	switch {
	case len(bad) > 0:
		j.ignore(bad[0], false, envelope.BadSignature, errors.New("the key that the signature names did not make it"))
	case len(gone) > 0:
		j.ignore(gone[0], false, envelope.RevokedSigner, errors.New("the signature names a revoked key"))
	case len(unfit) > 0:
		j.ignore(unfit[0], false, envelope.Forbidden, errors.New("the key that the signature names is not for this use or algorithm"))
	default:
		j.verdicts.Stranger(h.kid)
	}
}

func (j *judgement) use(entry keyset.Key, own bool) envelope.KeyUse {
	u := exchange.Use(entry, own, keyset.Signing, string(j.t.header.alg))
	u.Time = j.dated
	return u
}

func (j *judgement) ignore(entry keyset.Key, own bool, r envelope.Reason, cause error) {
	j.verdicts.Ignore(j.use(entry, own), r, cause)
}
