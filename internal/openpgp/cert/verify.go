package cert

import (
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// maxChecks is how many signatures by its own key a certificate may have, and how
// often one of them may be verified in all. Signatures by others do not count:
// nothing is computed for them.
const maxChecks = 1024

// verify verifies each signature by the key of the certificate, once, and finds
// the places of those that stand elsewhere. What does not verify counts for
// nothing, but for a revocation: that one is never taken for absent.
func (c *Certificate) verify() error {
	v := verifier{primary: c.primary.pub}
	loose := c.loose
	c.loose = nil
	for i := range c.primary.sigs {
		v.onPrimary(&c.primary.sigs[i])
	}
	for i := range c.users {
		u := &c.users[i]
		for j := range u.sigs {
			v.onUser(&u.sigs[j], u.raw)
		}
	}
	for i := range c.subkeys {
		k := &c.subkeys[i]
		for j := range k.sigs {
			v.onSubkey(&k.sigs[j], k.pub)
		}
		k.sigs = slices.DeleteFunc(k.sigs, func(s selfSig) bool {
			lost := !s.ok && s.info.kind == sigSubkeyRevocation && s.sig != nil
			if lost { // behind the last subkey, as cat puts it, but perhaps of another
				loose = append(loose, s)
			}
			return lost
		})
	}
	for _, s := range loose {
		placed := false
		for i := range c.subkeys {
			if v.onSubkey(&s, c.subkeys[i].pub); s.ok {
				c.subkeys[i].sigs, placed = append(c.subkeys[i].sigs, s), true
				break
			}
		}
		if !placed && (s.info.kind == sigSubkeyRevocation || s.sig == nil) {
			c.primary.sigs = append(c.primary.sigs, s) // to be judged, or only to be kept
		}
	}
	if v.checks > maxChecks {
		return fmt.Errorf("more than %d signature checks", maxChecks)
	}
	return c.revocationsUnderstood()
}

// A verifier verifies the signatures of one certificate.
type verifier struct {
	primary *packet.PublicKey
	checks  int
}

func (v *verifier) check(s *selfSig, verify func(*packet.Signature) error) {
	if s.ok || !s.may(v.primary) {
		return
	}
	if v.checks++; v.checks <= maxChecks {
		s.ok = guard(func() error { return verify(s.sig) }) == nil
	}
}

func (v *verifier) onPrimary(s *selfSig) {
	switch s.info.kind {
	case sigDirectKey:
		v.check(s, v.primary.VerifyDirectKeySignature)
	case sigKeyRevocation:
		v.check(s, v.primary.VerifyRevocationSignature)
	}
}

// onUser verifies a certification or its revocation. The library does not verify
// User Attributes.
func (v *verifier) onUser(s *selfSig, id openpgp.Packet) {
	if id.Tag != openpgp.TagUserID {
		return
	}
	switch k := s.info.kind; {
	case k >= sigCertification && k <= sigPositive, k == sigCertRevocation:
		v.check(s, func(sig *packet.Signature) error {
			return v.primary.VerifyUserIdSignature(string(id.Body), v.primary, sig)
		})
	}
}

func (v *verifier) onSubkey(s *selfSig, k *packet.PublicKey) {
	switch s.info.kind {
	case sigSubkeyBinding:
		v.check(s, func(sig *packet.Signature) error { return v.primary.VerifyKeySignature(k, sig) })
		if s.sig != nil && s.sig.FlagSign && !s.ok {
			// Without the consent of the subkey it does not sign (RFC 9580,
			// Section 5.2.1.8); what else it may do is not in doubt.
			without := *s.sig
			without.FlagSign = false
			once := selfSig{raw: s.raw, info: s.info, sig: &without}
			if v.check(&once, func(sig *packet.Signature) error { return v.primary.VerifyKeySignature(k, sig) }); once.ok {
				*s = once
				s.lone = true
			}
		}
	case sigSubkeyRevocation:
		v.check(s, func(sig *packet.Signature) error { return v.primary.VerifySubkeyRevocationSignature(sig, k) })
	}
}

// revocationsUnderstood returns an error for a revocation of a key or subkey that
// is by the primary key, or by a revoker that the certificate names, and that fits
// nowhere or cannot be understood. Revocations by anybody else are nobody's business:
// a stranger who adds a packet to a certificate must not make it unreadable.
func (c *Certificate) revocationsUnderstood() error {
	primary := c.primary.pub
	revokers := c.revokers()
	each := func(sigs []selfSig) error {
		for _, s := range sigs {
			switch {
			case s.ok || !s.info.revocation():
			case s.info.by(primary.Fingerprint, primary.KeyId):
				why := s.info.weakness(primary.Version)
				if why == "" {
					why = "it does not verify, or says something that is not understood"
				}
				return fmt.Errorf("a %s that does not count: %s", &s.info, why)
			default:
				for _, r := range revokers {
					if s.info.by(r, keyIDOf(r)) {
						return fmt.Errorf("a %s by the revoker %s that the certificate names, which cannot be verified here", &s.info, FingerprintID(r))
					}
				}
			}
		}
		return nil
	}
	if err := each(c.primary.sigs); err != nil {
		return err
	}
	for _, k := range c.subkeys {
		if err := each(k.sigs); err != nil {
			return err
		}
	}
	return nil
}

// revokers lists the fingerprints of those that may revoke the key, RFC 9580,
// Section 5.2.3.23.
func (c *Certificate) revokers() (out [][]byte) {
	for _, s := range c.primary.sigs {
		if s.ok {
			out = append(out, s.info.revokers...)
		}
	}
	for _, u := range c.users {
		for _, s := range u.sigs {
			if s.ok {
				out = append(out, s.info.revokers...)
			}
		}
	}
	return out
}

// keyIDOf is the key ID that belongs to a fingerprint of version 4.
func keyIDOf(fingerprint []byte) (id uint64) {
	for _, b := range fingerprint[max(0, len(fingerprint)-8):] {
		id = id<<8 | uint64(b)
	}
	return id
}

// countSelf returns an error if the certificate could not be read again.
func (c *Certificate) countSelf() error {
	n, size := 0, 0
	count := func(p openpgp.Packet, sigs []selfSig) {
		const head = 6
		size += head + len(p.Body)
		for _, s := range sigs {
			size += head + len(s.raw.Body)
			if s.sig != nil {
				n++
			}
		}
	}
	count(c.primary.raw, c.primary.sigs)
	count(openpgp.Packet{}, c.loose)
	for _, u := range c.users {
		count(u.raw, u.sigs)
	}
	for _, k := range c.subkeys {
		count(k.raw, k.sigs)
	}
	if size > MaxFile {
		return fmt.Errorf("more than %d bytes together", MaxFile)
	}
	if 2*n > maxChecks { // a binding may be verified twice
		return fmt.Errorf("more than %d signatures by the key itself together", maxChecks/2)
	}
	return nil
}
