package cert

import (
	"crypto"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// hashFor returns the hash to sign with: SHA-384, or SHA-512 where the key asks
// for more (RFC 9580, Sections 5.2.3.2 and 9.5).
func hashFor(k *packet.PublicKey) crypto.Hash {
	switch k.PubKeyAlgo {
	case packet.PubKeyAlgoEd448, packet.PubKeyAlgoMldsa87Ed448, packet.PubKeyAlgoSlhdsaShake256s:
		return crypto.SHA512
	}
	if c, err := k.Curve(); err == nil && (c == packet.CurveNistP521 || c == packet.CurveBrainpoolP512 || c == packet.Curve448) {
		return crypto.SHA512
	}
	return sealHash
}

// StrongHash reports whether signatures under h count.
func StrongHash(h crypto.Hash) bool {
	switch h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512:
		return true
	}
	return false
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
	if name = PostQuantumName(k.PubKeyAlgo); name != "" {
		return name, 0, ""
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

// Strong returns why the component is refused for every use, or nil.
func (k *Component) Strong() error {
	switch {
	case k.Weak != "":
		return fmt.Errorf("not allowed: %s", k.Weak)
	case k.bits != 0 && k.bits < minRSABits:
		return fmt.Errorf("the RSA key is too short: %d bits, at least %d are required", k.bits, minRSABits)
	}
	return nil
}

// HashName returns the name of a hash as RFC 9580, Section 9.5, spells it.
func HashName(h crypto.Hash) string {
	switch h {
	case crypto.SHA3_256:
		return "SHA3-256"
	case crypto.SHA3_512:
		return "SHA3-512"
	}
	return h.String()
}

// CriticalNotation returns the name of a critical notation that we do not
// know. We know [contextNotation], and the salt that some programs add.
func CriticalNotation(sig *packet.Signature) string {
	for _, n := range sig.Notations {
		if n.IsCritical && n.Name != ContextNotation && n.Name != packet.SaltNotationName {
			return n.Name
		}
	}
	return ""
}

const (
	minRSABits  = 2048
	readRSABits = 1024 // such a key is read, and refused when it would be used
	maxRSABits  = 8192 // beyond, one operation takes longer than a message is worth
)

// sealHash and SealCipher are what Seal uses whatever a recipient prefers:
// payment partners ask for exactly these, and every OpenPGP program has them.
// The library would silently use less (T14).
const (
	sealHash   = crypto.SHA384
	SealCipher = packet.CipherAES256
)

// ContextNotation carries Config.SealContext. Notations of the user space have
// the domain of who defined them (RFC 9580, Section 5.2.3.24).
const ContextNotation = "context@sealwax.github.io"
