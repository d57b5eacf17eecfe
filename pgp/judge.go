package pgp

import (
	"errors"
	"fmt"
	"hash"
	"slices"

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
	u.PostQuantum = k.PostQuantum()
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

// judge decides what becomes of each signature, and enters it into m. The error
// is a rejection, or a fault of ours.
func (j *judge) judge(m *envelope.Message) error {
	if j.none {
		if !j.c.Waive(waiveUnsigned) {
			return envelope.Reject(envelope.Unsigned, nil)
		}
		return nil
	}
	all := make([]*exchange.Signature[*cert.Component], len(j.all))
	for i, one := range j.all {
		all[i] = j.signature(one)
	}
	v, err := exchange.Judge(j.c, all)
	if err != nil {
		return err
	}
	if err := v.Fill(m); err != nil {
		return err
	}
	m.Text = true
	for _, one := range j.all {
		m.Text = m.Text && (!one.counts || one.sig.SigType == packet.SigTypeText)
	}
	return nil
}

// signature is one of them as [exchange.Judge] takes it.
func (j *judge) signature(one *signature) *exchange.Signature[*cert.Component] {
	sig := one.sig
	if sig == nil {
		return &exchange.Signature[*cert.Component]{Refused: one.refused}
	}
	out := &exchange.Signature[*cert.Component]{Name: one.name, Time: sig.CreationTime, Signers: one.signers}
	weak := signaturePolicy(sig, j.payload)
	if weak != nil && one.name == "" && len(one.signers) != 0 {
		// Nobody whom it names can be told what is wrong with it.
		out.Refused = &exchange.Refusal{Reason: envelope.Forbidden, Cause: weak}
		return out
	}
	for i := range out.Signers {
		k := &out.Signers[i]
		if k.Part == nil {
			continue
		}
		err := weak
		if err == nil {
			err = j.keyPolicy(k)
		}
		switch {
		case err != nil:
			k.Refused = &exchange.Refusal{Reason: envelope.Forbidden, Cause: err}
		case !slices.Contains(j.hashed, cert.HashKind(sig)):
			k.Refused = &exchange.Refusal{Reason: envelope.TooLarge, Cause: hashLimit.Err()}
		}
	}
	out.Verify = func(k *exchange.Signer[*cert.Component]) (bool, error) {
		err := k.Part.Verify(sig, j.payload)
		if ours, ok := errors.AsType[*cert.HashError](err); ok {
			return false, ours
		}
		return err == nil, nil
	}
	out.Says = func() (exchange.Statement, *exchange.Refusal) {
		says := exchange.Statement{Made: sig.CreationTime, NotAfter: cert.Expiry(sig), Bound: len(sig.IntendedRecipients) != 0, Misdirected: j.e.directed(j.c, sig)}
		return says, nil
	}
	out.Count = func(k *exchange.Signer[*cert.Component]) ([32]byte, map[string]any, error) {
		h, err := j.payload.Get(cert.HashKind(sig))
		if err != nil {
			return [32]byte{}, nil, err
		}
		if !strictly(k) {
			j.c.Waive(waiveSHA1Certificates)
		}
		one.counts = true
		return signatureDigest(k.Material, sig, h), notations(sig), nil
	}
	return out
}

// keyPolicy refuses a key that may not sign.
func (j *judge) keyPolicy(k *exchange.Signer[*cert.Component]) error {
	switch {
	case k.Part.Lone:
		return errors.New("signed by a subkey that did not consent to its binding (no back signature)")
	case !k.Part.Sign:
		return errors.New("the key is not flagged to sign")
	case k.Part.Strong() != nil:
		return k.Part.Strong()
	case !k.Own && !j.e.sha1Certificates && !strictly(k):
		return errors.New("the certificate is valid only by self-signatures under SHA-1")
	}
	return nil
}

// strictly reports whether the certificate counts without self-signatures under SHA-1.
func strictly(k *exchange.Signer[*cert.Component]) bool {
	return slices.ContainsFunc(k.Key.Material.(*Key).strict, func(c *cert.Component) bool { return c.ID == k.Part.ID })
}

// signaturePolicy refuses what is weak in one signature, whoever made it.
func signaturePolicy(sig *packet.Signature, payload *openpgp.Hashes) error {
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
func signatureDigest(key string, sig *packet.Signature, h hash.Hash) [32]byte {
	h.Write(sig.HashSuffix)
	return exchange.Digest(key, h.Sum(nil))
}
