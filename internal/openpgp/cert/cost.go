package cert

import (
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/keyset"
)

// Room is how many bytes to reserve for a signature by the component, or for a session key
// to it: with RSA-4096, and with the composites, it is not more.
func (k *Component) Room(use keyset.Use) int {
	switch {
	case use == keyset.Encryption && k.PostQuantum():
		return 1792
	case use == keyset.Encryption:
		return 640
	case k.PostQuantum():
		return 5120
	}
	return 1024
}

// Cost is what an operation with the component costs, to encrypt to it or to verify its
// signatures, as a multiple of the operation of RSA-4096 that uses the same half of the key.
// The figures are those of BenchmarkCosts. The library computes on the Brainpool curves
// with numbers of any size.
func (k *Component) Cost(use keyset.Use) int {
	if use == keyset.Encryption {
		if k.bits > 4096 {
			return 16
		}
		return 1
	}
	switch k.Public.PubKeyAlgo {
	case packet.PubKeyAlgoSlhdsaShake128s:
		return 3
	case packet.PubKeyAlgoSlhdsaShake128f, packet.PubKeyAlgoSlhdsaShake256s:
		return 8
	}
	if k.bits > 4096 {
		return 4
	}
	switch c, _ := k.Public.Curve(); c { // the empty curve of what has none
	case packet.CurveNistP384:
		return 2
	case packet.CurveNistP521:
		return 8
	case packet.CurveBrainpoolP256:
		return 12
	case packet.CurveBrainpoolP384:
		return 20
	case packet.CurveBrainpoolP512:
		return 40
	}
	return 1
}
