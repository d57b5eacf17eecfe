package cert

import (
	"crypto/rand"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/mlkem_ecdh"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// The algorithms of RFC 9980. The library parses those that are for version 6 in version
// 6 alone, and verifies both halves of a composite.
var postQuantum = map[packet.PublicKeyAlgorithm]string{
	packet.PubKeyAlgoMldsa65Ed25519:  "ML-DSA-65+Ed25519",
	packet.PubKeyAlgoMldsa87Ed448:    "ML-DSA-87+Ed448",
	packet.PubKeyAlgoSlhdsaShake128s: "SLH-DSA-SHAKE-128s",
	packet.PubKeyAlgoSlhdsaShake128f: "SLH-DSA-SHAKE-128f",
	packet.PubKeyAlgoSlhdsaShake256s: "SLH-DSA-SHAKE-256s",
	packet.PubKeyAlgoMlkem768X25519:  "ML-KEM-768+X25519",
	packet.PubKeyAlgoMlkem1024X448:   "ML-KEM-1024+X448",
}

// IsPostQuantum reports whether the algorithm is one of RFC 9980.
func IsPostQuantum(a packet.PublicKeyAlgorithm) bool { return postQuantum[a] != "" }

// PostQuantumName is the name of an algorithm of RFC 9980, or empty.
func PostQuantumName(a packet.PublicKeyAlgorithm) string { return postQuantum[a] }

// PostQuantum reports whether the component is of RFC 9980.
func (k *Component) PostQuantum() bool { return IsPostQuantum(k.Public.PubKeyAlgo) }

// newMLKEM makes a subkey to encrypt to. ML-KEM-768+X25519 alone may be in a certificate of
// version 4.
func newMLKEM(algorithm packet.PublicKeyAlgorithm, version int, at time.Time) (Part, error) {
	curve, err := packet.GetECDHCurveFromAlgID(algorithm)
	if err != nil {
		return Part{}, err
	}
	kem, err := packet.GetMlkemFromAlgID(algorithm)
	if err != nil {
		return Part{}, err
	}
	key, err := mlkem_ecdh.GenerateKey(rand.Reader, uint8(algorithm), curve, kem)
	if err != nil {
		return Part{}, err
	}
	return subkeyOf(packet.NewDecrypterPrivateKey(at, key), version)
}
