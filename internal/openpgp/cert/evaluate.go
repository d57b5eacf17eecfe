package cert

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/ecdh"
	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/x25519"

	remotely "github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// A Component is a primary key or subkey as its self-signatures make it: what
// it may do, and when. A certificate is evaluated once, when it is read, into
// a table of components that Seal and Open read without locks. The library's
// own evaluation keeps the first policy it was asked with, and races (T12, T13).
type Component struct {
	ID      keyset.ID // its own fingerprint
	KeyID   uint64
	Primary bool
	Public  *packet.PublicKey
	Private *packet.PrivateKey // nil without a private half in this process
	Remote  *remotely.Key      // nil without a private half elsewhere

	Sign, Encrypt bool      // what its flags permit
	Lone          bool      // it may not sign because it did not consent to its binding
	Dual          bool      // an RSA key of ours both to sign and to decrypt: needs a waiver
	Flagless      bool      // an RSA primary key without flags: needs the waiver to encrypt to
	NotBefore     time.Time // zero if there is no bound
	NotAfter      time.Time // by expiry or by soft revocation
	Revoked       bool      // at all times: compromised, or for no reason given
	Weak          string    // why it is refused whatever its flags; empty if it is not
	bits          int       // of an RSA modulus; otherwise zero
	Name          string    // "RSA-3072"
	Material      string    // the numbers of the key, without its date and the name of its algorithm

	SEIPD2, GCM bool // what the owner says that it reads
}

// Fingerprint returns the Fingerprint of a key as keyset spells it.
func Fingerprint(k *packet.PublicKey) keyset.ID { return FingerprintID(k.Fingerprint) }

// FingerprintID is how this package writes a fingerprint, wherever it stands.
func FingerprintID(octets []byte) keyset.ID { return keyset.ID(fmt.Sprintf("%X", octets)) }

// Evaluate returns the table of c, by its self-signatures as they are at the given
// time. With sha1, self-signatures under SHA-1 count too. A part without a
// self-signature that counts is left out.
func (c *Certificate) Evaluate(sha1 bool, at time.Time) []*Component {
	self := c.primarySelf(sha1, at)
	if self == nil {
		return nil
	}
	table := []*Component{newComponent(c.primary, true, self)}
	gcm := slices.Contains(self.sig.PreferredCipherSuites, [2]uint8{uint8(packet.CipherAES256), uint8(packet.AEADModeGCM)})
	end, hard := revocation(c.primary.sigs)
	top := table[0]
	top.end(end, hard)
	if direct := newest(c.primary.sigs, true, at, sigDirectKey); direct != nil {
		// Where it says when the key ends, that counts beside what a User ID
		// says, and under every hash that a certificate may have: the earlier
		// end is the end, as in GnuPG and RNP.
		top.endBy(direct.sig)
	}
	for _, s := range c.subkeys {
		binding := newest(s.sigs, sha1 && !IsPostQuantum(s.pub.PubKeyAlgo), at, sigSubkeyBinding)
		if binding == nil {
			continue
		}
		k := newComponent(s, false, binding)
		if binding.sig.FlagSign {
			k.end(Expiry(binding.sig.EmbeddedSignature), false)
		}
		k.end(revocation(s.sigs))
		k.end(top.NotAfter, top.Revoked) // a subkey ends with its primary key at the latest
		table = append(table, k)
	}
	for _, k := range table {
		k.SEIPD2, k.GCM = self.sig.SEIPDv2, gcm
	}
	return table
}

// primarySelf returns the signature that speaks for the primary key: of version
// 6 the newest direct-key signature, of version 4 the newest certification of
// one of its User IDs, or a newer direct-key signature that has key flags. User
// IDs that were revoked are asked last: a name that is no longer true says
// nothing about the key, which is trusted by its fingerprint (T28).
func (c *Certificate) primarySelf(sha1 bool, at time.Time) *selfSig {
	direct := newest(c.primary.sigs, sha1, at, sigDirectKey)
	if c.primary.pub.Version == 6 {
		return direct
	}
	var current, former *selfSig
	for _, u := range c.users {
		cert, revoked := u.self(sha1, at)
		if cert != nil && !revoked {
			current = later(current, cert)
		}
		former = later(former, cert)
	}
	self := current
	if self == nil {
		self = former
	}
	if self == nil || direct != nil && direct.sig.FlagsValid && direct.sig.CreationTime.After(self.sig.CreationTime) {
		self = direct
	}
	return self
}

// self returns the newest certification of a User ID by its own key, and whether
// the User ID has been revoked since.
func (u *User) self(sha1 bool, at time.Time) (cert *selfSig, revoked bool) {
	for kind := byte(sigCertification); kind <= sigPositive; kind++ {
		cert = later(cert, newest(u.sigs, sha1, at, kind))
	}
	for _, s := range u.sigs {
		if s.ok && s.info.kind == sigCertRevocation && cert != nil && !s.sig.CreationTime.Before(cert.sig.CreationTime) {
			revoked = true
		}
	}
	return cert, revoked
}

// newest returns the newest signature of a kind that counts under the policy. One
// that has itself expired yields to the one before it, if there is one.
func newest(sigs []selfSig, sha1 bool, at time.Time, kind byte) *selfSig {
	var best, expired *selfSig
	for i := range sigs {
		s := &sigs[i]
		if !s.ok || s.info.kind != kind || !selfPolicy(s.sig, sha1) || !crossSigned(s.sig, sha1) {
			continue
		}
		if end := Expiry(s.sig); end.IsZero() || at.Before(end) {
			best = later(best, s)
		} else {
			expired = later(expired, s)
		}
	}
	if best == nil {
		return expired
	}
	return best
}

// Expiry is when a signature ends by its own word; zero if it does not.
func Expiry(sig *packet.Signature) time.Time { return endOf(sig.CreationTime, sig.SigLifetimeSecs) }

// endOf returns the end of what begins then and has a lifetime; zero if it has no end.
func endOf(begin time.Time, lifetime *uint32) time.Time {
	if s := lasting(lifetime); s != forever {
		return begin.Add(time.Duration(s) * time.Second)
	}
	return time.Time{}
}

func later(a, b *selfSig) *selfSig {
	if a == nil || b != nil && b.after(a) {
		return b
	}
	return a
}

// after reports whether s counts before other, because it was made later. The order of
// packets decides nothing: nobody signs it, and copies that were merged in another order have
// another one. Of two of one second, the one counts that itself lasts longer, and then the one
// by which the key ends first.
func (s *selfSig) after(other *selfSig) bool {
	return cmp.Or(s.sig.CreationTime.Compare(other.sig.CreationTime),
		cmp.Compare(lasting(s.sig.SigLifetimeSecs), lasting(other.sig.SigLifetimeSecs)),
		cmp.Compare(lasting(other.sig.KeyLifetimeSecs), lasting(s.sig.KeyLifetimeSecs)),
		bytes.Compare(s.raw.Body, other.raw.Body)) > 0
}

// forever is what [lasting] returns for a lifetime without an end.
const forever = math.MaxUint64

// lasting returns a lifetime as a signature has it: without one, or with 0, there is no end.
func lasting(lifetime *uint32) uint64 {
	if lifetime == nil || *lifetime == 0 {
		return forever
	}
	return uint64(*lifetime)
}

// selfPolicy reports whether a self-signature is under a hash that counts, and
// says nothing that we must understand and do not. SHA-1 counts under a waiver, and
// never for what is to last longer than RSA.
func selfPolicy(sig *packet.Signature, sha1 bool) bool {
	sha1 = sha1 && !IsPostQuantum(sig.PubKeyAlgo)
	if !StrongHash(sig.Hash) && !(sha1 && sig.Hash == crypto.SHA1) {
		return false
	}
	return CriticalNotation(sig) == ""
}

// crossSigned applies the policy to the signature by which a signing subkey
// consents to the binding; the library verifies it with the binding.
func crossSigned(sig *packet.Signature, sha1 bool) bool {
	return sig.SigType != packet.SigTypeSubkeyBinding || !sig.FlagSign || sig.EmbeddedSignature != nil && selfPolicy(sig.EmbeddedSignature, sha1)
}

// revocation returns when a key was revoked, zero if it was not, and whether
// the revocation holds for all times. It counts under every hash that can be
// verified, and is not undone by a newer self-signature.
func revocation(sigs []selfSig) (at time.Time, hard bool) {
	for _, s := range sigs {
		if !s.ok || !s.info.revocation() {
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

func newComponent(p Part, primary bool, by *selfSig) *Component {
	self := by.sig
	k := &Component{
		ID:        Fingerprint(p.pub),
		KeyID:     p.pub.KeyId,
		Primary:   primary,
		Public:    p.pub,
		Private:   p.priv,
		Remote:    p.remote,
		NotBefore: p.pub.CreationTime,
	}
	k.endBy(self)
	k.end(Expiry(self), false)
	k.Lone = by.lone
	k.Name, k.bits, k.Weak = describe(p.pub)
	k.Material = material(p.pub, p.raw.Body)
	if self.FlagsValid {
		k.Sign = self.FlagSign
		k.Encrypt = self.FlagEncryptCommunications || self.FlagEncryptStorage
	} else {
		// RFC 9580, Section 5.2.3.29, leaves a key without flags open. One
		// purpose each is the reading that mixes none (T28).
		k.Sign, k.Encrypt = primary, !primary
		if primary && k.bits != 0 && p.pub.PubKeyAlgo.CanEncrypt() {
			k.Encrypt, k.Flagless = true, true // under a waiver: GnuPG takes it for both
		}
	}
	k.Sign = k.Sign && p.pub.PubKeyAlgo.CanSign()
	k.Encrypt = k.Encrypt && p.pub.PubKeyAlgo.CanEncrypt()
	if k.Remote != nil {
		k.Sign, k.Encrypt = k.Sign && k.Remote.CanSign() == nil, k.Encrypt && k.Remote.CanDecrypt() == nil
	}
	// Who can make us decrypt PKCS #1 v1.5 must not come near to signing.
	k.Dual = k.HasPrivate() && k.bits != 0 && k.Sign && k.Encrypt && !k.Flagless
	if k.Private != nil && strings.HasPrefix(k.Name, "SLH-DSA") { // it is verified, from partners
		k.Weak = "a private key of " + k.Name + ", which takes seconds to sign"
	}
	if k.Private != nil && strings.Contains(k.Name, "Brainpool") {
		k.Weak = "a private key on " + k.Name + ", with which the library does not work in constant time"
	}
	return k
}

// HasPrivate reports whether the private half is in this process or in a service.
func (k *Component) HasPrivate() bool { return k.Private != nil || k.Remote != nil }

// endBy brings the end of the key forward to where a self-signature has it.
func (k *Component) endBy(self *packet.Signature) {
	k.end(endOf(k.Public.CreationTime, self.KeyLifetimeSecs), false)
}

// end brings the end of the key forward.
func (k *Component) end(at time.Time, revoked bool) {
	if !at.IsZero() && (k.NotAfter.IsZero() || at.Before(k.NotAfter)) {
		k.NotAfter = at
	}
	if revoked {
		k.Revoked = true
		k.NotAfter = k.NotBefore
	}
}

// material returns what two keys have in common that differ only in their dates,
// and so in their fingerprints (RFC 9580, Section 5.5.2), or in the identifier of
// their algorithm: RSA has three, and the curves of 25519 have two each.
func material(k *packet.PublicKey, body []byte) string {
	var kind string
	var numbers []byte
	switch p := k.PublicKey.(type) {
	case *rsa.PublicKey:
		kind, numbers = "RSA", binary.BigEndian.AppendUint64(p.N.Bytes(), uint64(p.E))
	case *eddsa.PublicKey:
		kind, numbers = curveName(k)+" to sign", bytes.TrimPrefix(p.MarshalPoint(), []byte{0x40})
	case *ed25519.PublicKey:
		kind, numbers = "25519 to sign", p.Point
	case *ecdh.PublicKey:
		kind, numbers = curveName(k)+" to encrypt", bytes.TrimPrefix(p.MarshalPoint(), []byte{0x40})
	case *x25519.PublicKey:
		kind, numbers = "25519 to encrypt", p.Point
	default:
		const version, date, algorithm, size = 1, 4, 1, 4
		if numbers = body[version+date:]; body[0] == 6 && len(numbers) > algorithm+size {
			numbers = append(numbers[:algorithm:algorithm], numbers[algorithm+size:]...)
		}
	}
	return kind + " " + string(numbers)
}

func curveName(k *packet.PublicKey) string {
	c, err := k.Curve()
	if err != nil {
		return ""
	}
	if c == packet.Curve25519 {
		return "25519"
	}
	return string(c)
}

// KeyName is the key ID as messages spell it.
func (k *Component) KeyName() string { return keyIDName(k.KeyID) }

func keyIDName(id uint64) string { return fmt.Sprintf("%016X", id) }

// WhyNot says why the component does not seal for a use at the given time; it is
// empty if it does, as far as the certificate decides that.
func (k *Component) WhyNot(use keyset.Use, at time.Time) string {
	switch {
	case k.Weak != "":
		return "not allowed: " + k.Weak
	case use == keyset.Signing && k.Lone:
		return "it did not consent to its binding (no back signature, RFC 9580, Section 5.2.1.8)"
	case use == keyset.Signing && !k.Sign:
		return "not flagged to sign"
	case use == keyset.Encryption && !k.Encrypt:
		return "not flagged to encrypt"
	case k.Revoked:
		return "revoked"
	case at.Before(k.NotBefore):
		return "not valid before " + k.NotBefore.UTC().Format(time.RFC3339)
	case !k.NotAfter.IsZero() && at.After(k.NotAfter):
		return "ended on " + k.NotAfter.UTC().Format(time.RFC3339)
	}
	return ""
}
