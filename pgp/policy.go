package pgp

import (
	"crypto"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Names of waivers, as [envelope.Waiver.Name] returns them.
const (
	waiveUnsigned         = "pgp.InsecureUnsigned"
	waiveSHA1Certificates = "pgp.InsecureSHA1Certificates"
	waiveRSADualUse       = "pgp.InsecureRSADualUse"
)

// InsecureUnsigned permits Open to accept messages without any signature. A
// message that carries signatures still needs one that verifies.
func InsecureUnsigned(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveUnsigned, reason)
}

// InsecureSHA1Certificates permits self-signatures that use SHA-1, as old
// certificates have them. Revocations count under any hash without it.
func InsecureSHA1Certificates(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveSHA1Certificates, reason)
}

// InsecureRSADualUse permits the RSA keys with the given IDs, of which there must
// be one at least, for what a key should not do at once: one of ours both to sign
// and to decrypt, and one of the partner without key flags to encrypt to. Whoever
// can make us decrypt PKCS #1 v1.5 with such a key comes near to signing with it.
// Use it to rotate away from it. It panics if there is no ID.
func InsecureRSADualUse(reason string, ids ...keyset.ID) envelope.Waiver {
	if len(ids) == 0 {
		panic("pgp: InsecureRSADualUse without the ID of a key")
	}
	return envelope.NewKeyWaiver(waiveRSADualUse, reason, ids...)
}

const (
	minRSABits  = 2048
	readRSABits = 1024 // such a key is read, and refused when it would be used
	maxRSABits  = 8192 // beyond, one operation takes longer than a message is worth
)

// sealHash and sealCipher are what Seal uses whatever a recipient prefers:
// payment partners ask for exactly these, and every OpenPGP program has them.
// The library would silently use less (T14).
const (
	sealHash   = crypto.SHA384
	sealCipher = packet.CipherAES256
)

// hashFor returns the hash to sign with: SHA-384, or SHA-512 where the key asks
// for more (RFC 9580, Sections 5.2.3.2 and 9.5).
func hashFor(k *packet.PublicKey) crypto.Hash {
	if k.PubKeyAlgo == packet.PubKeyAlgoEd448 {
		return crypto.SHA512
	}
	if c, err := k.Curve(); err == nil && (c == packet.CurveNistP521 || c == packet.CurveBrainpoolP512 || c == packet.Curve448) {
		return crypto.SHA512
	}
	return sealHash
}

// strongHash reports whether signatures under h count.
func strongHash(h crypto.Hash) bool {
	switch h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512:
		return true
	}
	return false
}

// cipherName returns the name of a cipher that is allowed, or an error.
func cipherName(c packet.CipherFunction) (string, error) {
	switch c {
	case packet.CipherAES128:
		return "AES-128", nil
	case packet.CipherAES192:
		return "AES-192", nil
	case packet.CipherAES256:
		return "AES-256", nil
	}
	names := map[packet.CipherFunction]string{
		1: "IDEA", 2: "TripleDES", 3: "CAST5", 4: "Blowfish", 10: "Twofish",
		11: "Camellia-128", 12: "Camellia-192", 13: "Camellia-256",
	}
	if name, ok := names[c]; ok {
		return "", fmt.Errorf("the cipher %s is not allowed", name)
	}
	return "", fmt.Errorf("cipher %d is not known", c)
}

// describe returns the name of a key, the size of its RSA modulus, and why it is
// fit for nothing, if it is.
func describe(k *packet.PublicKey) (name string, bits int, weak string) {
	switch k.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
		n, err := k.BitLength()
		if err != nil {
			return "RSA", 0, err.Error()
		}
		name = fmt.Sprintf("RSA-%d", n)
		if n < readRSABits || n > maxRSABits {
			weak = name
		}
		return name, int(n), weak
	case packet.PubKeyAlgoDSA:
		return "DSA", 0, "DSA"
	case packet.PubKeyAlgoElGamal:
		return "ElGamal", 0, "ElGamal"
	case packet.PubKeyAlgoEd25519:
		return "Ed25519", 0, ""
	case packet.PubKeyAlgoX25519:
		return "X25519", 0, ""
	case packet.PubKeyAlgoEd448:
		return "Ed448", 0, ""
	case packet.PubKeyAlgoX448:
		return "X448", 0, ""
	case packet.PubKeyAlgoECDSA, packet.PubKeyAlgoECDH, packet.PubKeyAlgoEdDSA:
		return describeCurve(k)
	}
	name = fmt.Sprintf("algorithm %d", k.PubKeyAlgo)
	return name, 0, name
}

func describeCurve(k *packet.PublicKey) (name string, bits int, weak string) {
	c, err := k.Curve()
	if err != nil {
		return "unknown curve", 0, "unknown curve"
	}
	kind := map[packet.PublicKeyAlgorithm]string{
		packet.PubKeyAlgoECDSA: "ECDSA", packet.PubKeyAlgoECDH: "ECDH", packet.PubKeyAlgoEdDSA: "EdDSA",
	}[k.PubKeyAlgo]
	switch {
	case c == packet.Curve25519 && k.PubKeyAlgo == packet.PubKeyAlgoEdDSA:
		return "Ed25519", 0, ""
	case c == packet.Curve25519:
		return "X25519", 0, ""
	case c == packet.CurveSecP256k1:
		weak = "secp256k1"
	}
	return kind + "-" + string(c), 0, weak
}

// strong returns why the component is refused for every use, or nil.
func (k *component) strong() error {
	switch {
	case k.weak != "":
		return fmt.Errorf("not allowed: %s", k.weak)
	case k.bits != 0 && k.bits < minRSABits:
		return fmt.Errorf("the RSA key is too short: %d bits, at least %d are required", k.bits, minRSABits)
	}
	return nil
}

// allowed returns why the component of the key with the given ID is refused for a
// use under the policy of a call, or nil.
func (k *component) allowed(use keyset.Use, id keyset.ID, c *exchange.Call) error {
	if err := k.strong(); err != nil {
		return err
	}
	if (k.dual || k.flagless && use == keyset.Encryption) && !c.WaiveFor(waiveRSADualUse, id) {
		return fmt.Errorf("an RSA key both to sign and to encrypt, which %s can permit for key %s", waiveRSADualUse, id)
	}
	return nil
}

// hashName returns the name of a hash as RFC 9580, Section 9.5, spells it.
func hashName(h crypto.Hash) string {
	switch h {
	case crypto.SHA3_256:
		return "SHA3-256"
	case crypto.SHA3_512:
		return "SHA3-512"
	}
	return h.String()
}

// criticalNotation returns the name of a critical notation that we do not
// know. We know [contextNotation], and the salt that some programs add.
func criticalNotation(sig *packet.Signature) string {
	for _, n := range sig.Notations {
		if n.IsCritical && n.Name != contextNotation && n.Name != packet.SaltNotationName {
			return n.Name
		}
	}
	return ""
}

// contextNotation carries Config.SealContext. Notations of the user space have
// the domain of who defined them (RFC 9580, Section 5.2.3.24).
const contextNotation = "context@sealwax.github.io"
