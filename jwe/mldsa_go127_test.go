//go:build go1.27 && !fips140v1.0

package jwe_test

import (
	"crypto"
	"crypto/mldsa"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
)

// mldsaAlgorithms are those of RFC 9964 that this build has.
var mldsaAlgorithms = []jwe.Algorithm{jwe.MLDSA44, jwe.MLDSA65, jwe.MLDSA87}

func parametersOf(alg jwe.Algorithm) mldsa.Parameters {
	return map[jwe.Algorithm]mldsa.Parameters{jwe.MLDSA44: mldsa.MLDSA44(), jwe.MLDSA65: mldsa.MLDSA65(), jwe.MLDSA87: mldsa.MLDSA87()}[alg]
}

func newMLDSA(t testing.TB, alg jwe.Algorithm) crypto.PrivateKey {
	k, err := mldsa.GenerateKey(parametersOf(alg))
	require.NoError(t, err)
	return k
}

func seeded(t testing.TB, alg jwe.Algorithm, seed []byte) *mldsa.PrivateKey {
	k, err := mldsa.NewPrivateKey(parametersOf(alg), seed)
	require.NoError(t, err)
	return k
}

// jwkOfAKP is the public JWK of a seed.
func jwkOfAKP(t testing.TB, alg jwe.Algorithm, seed []byte) object {
	return object{"kty": "AKP", "alg": string(alg), "pub": b64(seeded(t, alg, seed).PublicKey().Bytes())}
}
