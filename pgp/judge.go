package pgp

import (
	"errors"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// keyUse is the account of one use of k, a component of the key in entry.
func keyUse(k *cert.Component, entry keyset.Key, own bool, use keyset.Use, algorithm string) envelope.KeyUse {
	u := exchange.Use(entry, own, use, algorithm)
	if !k.Primary {
		u.Subkey = k.ID
	}
	return u
}

func signatureUse(k keyset.Key, c *cert.Component, own bool, sig *packet.Signature) envelope.KeyUse {
	u := keyUse(c, k, own, keyset.Signing, c.Name+"/"+cert.HashName(sig.Hash))
	u.Time = sig.CreationTime
	return u
}

// A signer is a key that a signature may be by.
type signer struct {
	key  keyset.Key
	part *cert.Component
	own  bool
}

// judge decides what becomes of each signature, and enters it into m. The error
// is a rejection, or a fault of ours.
func (cs *cases) judge(m *envelope.Message) error {
	if cs.none {
		if !cs.c.Waive(waiveUnsigned) {
			return envelope.Reject(envelope.Unsigned, nil)
		}
		return nil
	}
	var v exchange.Verdicts
	text := true
	for _, one := range cs.all {
		counts, err := cs.judgeOne(&v, one)
		if err != nil {
			return err
		}
		text = text && (!counts || one.sig.SigType == packet.SigTypeText)
	}
	if err := v.Fill(m); err != nil {
		return err
	}
	m.Text = text
	return nil
}

// judgeOne decides what becomes of one signature, by itself: what it lacks, no
// other signature lends. The error is that of a message which asks for too
// much work, or a fault of ours; every other outcome goes into v.
func (cs *cases) judgeOne(v *exchange.Verdicts, one *signatureCase) (counts bool, err error) {
	sig := one.sig
	if sig == nil {
		v.Unusable(one.reason, one.cause)
		return false, nil
	}
	if len(one.signers) == 0 {
		if one.name != "" && retired(cs.c.Peer, one.name) {
			v.Ignore(envelope.KeyUse{ID: keyset.ID(one.name), Use: keyset.Signing, State: keyset.Revoked},
				envelope.RevokedSigner, nil)
			return false, nil
		}
		v.Stranger(one.name)
		return false, nil
	}
	if one.name == "" && !cert.StrongHash(sig.Hash) {
		v.Unusable(envelope.Forbidden, fmt.Errorf("the hash %s is not allowed", cert.HashName(sig.Hash)))
		return false, nil
	}
	// Several keys can have one key ID, by accident or by design: the
	// signature is by the one under which it counts, if there is one.
	var reason envelope.Reason
	var cause error
	var use envelope.KeyUse
	for _, s := range one.signers {
		u := signatureUse(s.key, s.part, s.own, sig)
		r, why, err := cs.judgeBy(s, one)
		if err != nil {
			return false, err
		}
		if r == "" {
			h, err := cs.payload.Get(cert.HashKind(sig))
			if err != nil {
				return false, err
			}
			u.Digest = signatureDigest(u.ID, sig, h)
			v.Count(u, len(sig.IntendedRecipients) != 0, notations(sig))
			return true, nil
		}
		if reason == "" || reason == envelope.BadSignature {
			reason, cause, use = r, why, u
		}
	}
	if reason == envelope.BadSignature && one.name == "" {
		v.Stranger("") // it names nobody, and nobody whom we know made it
		return false, nil
	}
	v.Ignore(use, reason, cause)
	return false, nil
}

// judgeBy judges a signature as one by the given key. It returns no reason if
// the signature counts.
func (cs *cases) judgeBy(s signer, one *signatureCase) (envelope.Reason, error, error) {
	sig := one.sig
	if one.name == "" {
		// One of many that could have made it: cryptography says which.
		if reason, cause, err := cs.verified(s, sig); reason != "" || err != nil {
			return reason, cause, err
		}
	}
	switch {
	case s.own:
		return envelope.Misdirected, errors.New("signed by a key of our own"), nil
	case s.key.State == keyset.Revoked || s.part.Revoked:
		return envelope.RevokedSigner, nil, nil
	}
	if err := signaturePolicy(cs.c, s.part, sig, cs.payload); err != nil {
		return envelope.Forbidden, err, nil
	}
	if !cs.e.certified(cs.c, s) {
		return envelope.Forbidden, errors.New("the certificate is valid only by self-signatures under SHA-1"), nil
	}
	if one.name != "" {
		if reason, cause, err := cs.verified(s, sig); reason != "" || err != nil {
			return reason, cause, err
		}
	}
	if err := inTime(cs.c, s, sig); err != nil {
		return envelope.OutOfTime, err, nil
	}
	if err := cs.e.directed(cs.c, sig); err != nil {
		return envelope.Misdirected, err, nil
	}
	return "", nil, nil
}

// verified verifies a signature.
func (cs *cases) verified(s signer, sig *packet.Signature) (envelope.Reason, error, error) {
	if !slices.Contains(cs.hashed, cert.HashKind(sig)) {
		return envelope.TooLarge, errHashes, nil
	}
	if err := cs.c.Verification(); err != nil {
		return "", nil, err
	}
	err := s.part.Verify(sig, cs.payload)
	if ours, ok := errors.AsType[*cert.HashError](err); ok {
		return "", nil, ours
	}
	if err != nil {
		return envelope.BadSignature, errVerify, nil
	}
	return "", nil, nil
}

var errVerify = errors.New("the signature does not verify")

var errHashes = fmt.Errorf("the signatures ask to hash the payload more than %d times", hashTimes)

// inTime judges the date of a signature by the key, by its entry in the set, and
// by what the signature itself says of its end.
func inTime(c *exchange.Call, s signer, sig *packet.Signature) error {
	if l := sig.SigLifetimeSecs; l != nil && *l != 0 {
		if end := sig.CreationTime.Add(time.Duration(*l) * time.Second); c.At.After(end.Add(exchange.Skew)) {
			return fmt.Errorf("the signature expired on %s", end.UTC().Format(time.RFC3339))
		}
	}
	return c.InTime(sig.CreationTime, exchange.Window{NotBefore: s.part.NotBefore, NotAfter: s.part.NotAfter}, exchange.Window{NotBefore: s.key.NotBefore, NotAfter: s.key.NotAfter})
}

// signaturePolicy refuses what is weak in one signature.
func signaturePolicy(c *exchange.Call, k *cert.Component, sig *packet.Signature, payload *openpgp.Hashes) error {
	if k.Lone {
		return errors.New("signed by a subkey that did not consent to its binding (no back signature)")
	}
	if !k.Sign {
		return errors.New("the key is not flagged to sign")
	}
	if err := k.Strong(); err != nil {
		return err
	}
	if !cert.StrongHash(sig.Hash) {
		return fmt.Errorf("the hash %s is not allowed", cert.HashName(sig.Hash))
	}
	if cert.CriticalNotation(sig) != "" {
		return errors.New("a critical notation that is not known")
	}
	if len(sig.Notations) > maxNotations {
		return fmt.Errorf("more than %d notations", maxNotations)
	}
	switch sig.SigType {
	case packet.SigTypeBinary:
		return nil
	case packet.SigTypeText:
		// A signature over text holds for every form of its line ends, so
		// that who carries the message can choose the bytes (T26). Only the
		// form that is signed counts: every line ends with CR and LF.
		if payload.Canonical() {
			return nil
		}
		return errors.New("a text signature over line ends that are not CR LF does not fix the bytes")
	}
	return fmt.Errorf("signature of type %#02x on a message", uint8(sig.SigType))
}

// certified reports whether the certificate of s counts by the policy in force.
func (e *Envelope) certified(c *exchange.Call, s signer) bool {
	key := s.key.Material.(*Key)
	for _, k := range key.strict {
		if k.ID == s.part.ID {
			return true
		}
	}
	return c.Waive(waiveSHA1Certificates)
}

// directed checks for whom a signature is meant, and in which context.
func (e *Envelope) directed(c *exchange.Call, sig *packet.Signature) error {
	ours := false
	for _, r := range sig.IntendedRecipients {
		if k, ok := c.Own.Lookup(cert.FingerprintID(r.Fingerprint)); ok && k.State != keyset.Revoked {
			ours = true
		}
	}
	switch {
	case len(sig.IntendedRecipients) != 0 && !ours:
		return errors.New("signed for somebody else: no intended recipient is a key of ours")
	case !ours && e.requireBound:
		return errors.New("signed for nobody in particular, and RequireBound is set")
	}
	if e.openContext == "" {
		return nil
	}
	var contexts []string
	for _, n := range sig.Notations {
		if n.Name == cert.ContextNotation {
			contexts = append(contexts, string(n.Value))
		}
	}
	if len(contexts) != 1 || contexts[0] != e.openContext {
		return fmt.Errorf("signed in %d contexts, of which not one is %q alone", len(contexts), e.openContext)
	}
	return nil
}

// signatureDigest is [envelope.KeyUse].Digest: over the hash that the signature
// is made of, which covers the salt, the document, and the hashed subpackets. It
// writes to h.
func signatureDigest(id keyset.ID, sig *packet.Signature, h hash.Hash) [32]byte {
	h.Write(sig.HashSuffix)
	return exchange.Digest(id, h.Sum(nil))
}
