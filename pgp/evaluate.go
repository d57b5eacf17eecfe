package pgp

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/keyset"
)

// A component is a primary key or subkey as its self-signatures make it: what
// it may do, and when. A certificate is evaluated once, when it is read, into
// a table of components that Seal and Open read without locks. The library's
// own evaluation keeps the first policy it was asked with, and races (T12, T13).
type component struct {
	id      keyset.ID // its own fingerprint
	keyID   uint64
	primary bool
	pub     *packet.PublicKey
	priv    *packet.PrivateKey // nil without a private half in this process
	remote  *remoteKey         // nil without a private half elsewhere

	sign, encrypt bool            // what its flags permit
	window        exchange.Window // with an end by expiry or by soft revocation
	revoked       bool            // at all times: compromised, or for no reason given
	weak          string          // why it is refused whatever its flags; empty if it is not
	bits          int             // of an RSA modulus; otherwise zero
	name          string          // "RSA-3072"
	material      string          // the algorithm and the numbers of the key, without its date

	seipd2, gcm bool // what the owner says that it reads
}

// fingerprint returns the fingerprint of a key as keyset spells it.
func fingerprint(k *packet.PublicKey) keyset.ID { return fingerprintID(k.Fingerprint) }

// fingerprintID is how this package writes a fingerprint, wherever it stands.
func fingerprintID(octets []byte) keyset.ID { return keyset.ID(fmt.Sprintf("%X", octets)) }

// evaluate returns the table of c. With sha1, self-signatures under SHA-1
// count too. A part without a self-signature that counts is left out.
func (c *certificate) evaluate(sha1 bool) []*component {
	primary := c.primary.pub
	self := c.primarySelf(sha1)
	if self == nil {
		return nil
	}
	table := []*component{newComponent(c.primary, true, self)}
	gcm := slices.Contains(self.PreferredCipherSuites, [2]uint8{uint8(packet.CipherAES256), uint8(packet.AEADModeGCM)})
	end, hard := revocation(c.primary.sigs, packet.SigTypeKeyRevocation, primary.VerifyRevocationSignature)
	top := table[0]
	top.end(end, hard)
	if direct := c.direct(true); direct != nil {
		top.endBy(direct)
	}

	for _, s := range c.subkeys {
		binding := newest(s.sigs, sha1, func(sig *packet.Signature) bool {
			return sig.SigType == packet.SigTypeSubkeyBinding && crossSigned(sig, sha1) &&
				primary.VerifyKeySignature(s.pub, sig) == nil
		})
		if binding == nil {
			continue
		}
		k := newComponent(s, false, binding)
		if x := binding.EmbeddedSignature; binding.FlagSign && x.SigLifetimeSecs != nil && *x.SigLifetimeSecs != 0 {
			k.end(x.CreationTime.Add(time.Duration(*x.SigLifetimeSecs)*time.Second), false)
		}
		end, hard := revocation(s.sigs, packet.SigTypeSubkeyRevocation, func(sig *packet.Signature) error {
			return primary.VerifySubkeyRevocationSignature(sig, s.pub)
		})
		k.end(end, hard)
		k.end(top.window.NotAfter, top.revoked) // a subkey ends with its primary key at the latest
		table = append(table, k)
	}
	for _, k := range table {
		k.seipd2, k.gcm = self.SEIPDv2, gcm
	}
	return table
}

// primarySelf returns the signature that speaks for the primary key: of version
// 6 the newest direct-key signature, of version 4 the newest certification of
// one of its User IDs, or a newer direct-key signature that has key flags. User
// IDs that were revoked are asked last: a name that is no longer true says
// nothing about the key, which is trusted by its fingerprint (T28).
func (c *certificate) primarySelf(sha1 bool) *packet.Signature {
	direct := c.direct(sha1)
	if c.primary.pub.Version == 6 {
		return direct
	}
	var current, former *packet.Signature
	for _, u := range c.users {
		cert, revoked := c.userSelf(u, sha1)
		if cert != nil && !revoked {
			current = later(current, cert)
		}
		former = later(former, cert)
	}
	self := current
	if self == nil {
		self = former
	}
	if self == nil || direct != nil && direct.FlagsValid && direct.CreationTime.After(self.CreationTime) {
		self = direct
	}
	return self
}

// direct returns the newest direct-key signature. Where it says when the key
// ends, that counts beside what a User ID says, and under every hash that a
// certificate may have: the earlier end is the end, as in GnuPG and RNP.
func (c *certificate) direct(sha1 bool) *packet.Signature {
	return newest(c.primary.sigs, sha1, func(sig *packet.Signature) bool {
		return sig.SigType == packet.SigTypeDirectSignature && c.mayBeSelf(sig) &&
			c.primary.pub.VerifyDirectKeySignature(sig) == nil
	})
}

// userSelf returns the newest certification of a User ID by its own key, and
// whether the User ID has been revoked since.
func (c *certificate) userSelf(u user, sha1 bool) (cert *packet.Signature, revoked bool) {
	if u.raw.Tag != openpgp.TagUserID {
		return nil, false // the library does not verify User Attributes
	}
	verify := func(sig *packet.Signature) bool {
		return c.mayBeSelf(sig) && c.primary.pub.VerifyUserIdSignature(string(u.raw.Body), c.primary.pub, sig) == nil
	}
	cert = newest(u.sigs, sha1, func(sig *packet.Signature) bool {
		switch sig.SigType {
		case packet.SigTypeGenericCert, packet.SigTypePersonaCert, packet.SigTypeCasualCert, packet.SigTypePositiveCert:
			return verify(sig)
		}
		return false
	})
	for _, s := range u.sigs {
		if s.sig != nil && s.sig.SigType == packet.SigTypeCertificationRevocation && cert != nil &&
			!s.sig.CreationTime.Before(cert.CreationTime) && try(func() bool { return verify(s.sig) }) {
			revoked = true
		}
	}
	return cert, revoked
}

// mayBeSelf spares the verification of certifications by others.
func (c *certificate) mayBeSelf(sig *packet.Signature) bool {
	return sig.IssuerKeyId == nil || *sig.IssuerKeyId == c.primary.pub.KeyId
}

// newest returns the newest signature that counts under the policy.
func newest(sigs []selfSig, sha1 bool, verify func(*packet.Signature) bool) *packet.Signature {
	var best *packet.Signature
	for _, s := range sigs {
		if s.sig != nil && selfPolicy(s.sig, sha1) && try(func() bool { return verify(s.sig) }) {
			best = later(best, s.sig)
		}
	}
	return best
}

func later(a, b *packet.Signature) *packet.Signature {
	if a == nil || b != nil && !b.CreationTime.Before(a.CreationTime) {
		return b
	}
	return a
}

func try(verify func() bool) (ok bool) {
	err := guard(func() error { ok = verify(); return nil })
	return ok && err == nil
}

// selfPolicy reports whether a self-signature is under a hash that counts, and
// says nothing that we must understand and do not.
func selfPolicy(sig *packet.Signature, sha1 bool) bool {
	if !strongHash(sig.Hash) && !(sha1 && sig.Hash == crypto.SHA1) {
		return false
	}
	return criticalNotation(sig) == ""
}

// crossSigned applies the policy to the signature by which a signing subkey
// consents to the binding; the library verifies it with the binding.
func crossSigned(sig *packet.Signature, sha1 bool) bool {
	return !sig.FlagSign || sig.EmbeddedSignature != nil && selfPolicy(sig.EmbeddedSignature, sha1)
}

// revocation returns when a key was revoked, zero if it was not, and whether
// the revocation holds for all times. It counts under every hash that can be
// verified, and is not undone by a newer self-signature.
func revocation(sigs []selfSig, kind packet.SignatureType, verify func(*packet.Signature) error) (at time.Time, hard bool) {
	for _, s := range sigs {
		if s.sig == nil || s.sig.SigType != kind || !try(func() bool { return verify(s.sig) == nil }) {
			continue
		}
		if r := s.sig.RevocationReason; r == nil || *r != packet.KeySuperseded && *r != packet.KeyRetired {
			hard = true
		}
		if at.IsZero() || s.sig.CreationTime.Before(at) {
			at = s.sig.CreationTime
		}
	}
	return at, hard
}

func newComponent(p part, primary bool, self *packet.Signature) *component {
	k := &component{
		id:      fingerprint(p.pub),
		keyID:   p.pub.KeyId,
		primary: primary,
		pub:     p.pub,
		priv:    p.priv,
		remote:  p.remote,
		window:  exchange.Window{NotBefore: p.pub.CreationTime},
	}
	k.endBy(self)
	if s := self.SigLifetimeSecs; s != nil && *s != 0 {
		k.end(self.CreationTime.Add(time.Duration(*s)*time.Second), false)
	}
	k.name, k.bits, k.weak = describe(p.pub)
	k.material = material(p.raw.Body)
	if self.FlagsValid {
		k.sign = self.FlagSign
		k.encrypt = self.FlagEncryptCommunications || self.FlagEncryptStorage
	} else {
		// RFC 9580, Section 5.2.3.29, leaves a key without flags open. One
		// purpose each is the reading that mixes none (T28).
		k.sign, k.encrypt = primary, !primary
	}
	k.sign = k.sign && p.pub.PubKeyAlgo.CanSign()
	k.encrypt = k.encrypt && p.pub.PubKeyAlgo.CanEncrypt()
	if k.remote != nil {
		k.sign, k.encrypt = k.sign && k.remote.signs(), k.encrypt && k.remote.decrypts()
	}
	if k.private() && k.bits != 0 && k.sign && k.encrypt {
		// Who can make us decrypt PKCS #1 v1.5 must not come near to signing.
		k.sign, k.encrypt = false, false
		k.weak = "an RSA key of ours both to sign and to decrypt"
	}
	if k.priv != nil && strings.Contains(k.name, "Brainpool") {
		k.weak = "a private key on " + k.name + ", with which the library does not work in constant time"
	}
	return k
}

func (k *component) private() bool { return k.priv != nil || k.remote != nil }

// endBy brings the end of the key forward to where a self-signature has it.
func (k *component) endBy(self *packet.Signature) {
	if s := self.KeyLifetimeSecs; s != nil && *s != 0 {
		k.end(k.pub.CreationTime.Add(time.Duration(*s)*time.Second), false)
	}
}

// end brings the end of the key forward.
func (k *component) end(at time.Time, revoked bool) {
	if !at.IsZero() && (k.window.NotAfter.IsZero() || at.Before(k.window.NotAfter)) {
		k.window.NotAfter = at
	}
	if revoked {
		k.revoked = true
		k.window.NotAfter = k.window.NotBefore
	}
}

// material returns what two keys have in common that differ only in their dates,
// and so in their fingerprints (RFC 9580, Section 5.5.2).
func material(body []byte) string {
	const version, date, algorithm, size = 1, 4, 1, 4
	if body[0] == 6 && len(body) > version+date+algorithm+size {
		return string(body[version+date:version+date+algorithm]) + string(body[version+date+algorithm+size:])
	}
	return string(body[version+date:])
}

// validAt reports whether the key may seal at the given time.
func (k *component) validAt(t time.Time) bool {
	return !k.revoked && !t.Before(k.window.NotBefore) && (k.window.NotAfter.IsZero() || !t.After(k.window.NotAfter))
}
