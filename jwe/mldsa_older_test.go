//go:build !go1.27 || fips140v1.0

package jwe_test

import (
	"crypto"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// mldsaAlgorithms are those of RFC 9964 that this build has.
var mldsaAlgorithms []jwe.Algorithm

func newMLDSA(t testing.TB, alg jwe.Algorithm) crypto.PrivateKey {
	t.Fatalf("this build has no %s", alg)
	return nil
}

// jwkOfAKP is as long as the public JWK of a seed.
func jwkOfAKP(_ testing.TB, alg jwe.Algorithm, _ []byte) object {
	size := map[jwe.Algorithm]int{jwe.MLDSA44: 1312, jwe.MLDSA65: 1952, jwe.MLDSA87: 2592}[alg]
	return object{"kty": "AKP", "alg": string(alg), "pub": b64(make([]byte, size))}
}

// What a build without crypto/mldsa says wherever ML-DSA is asked for: what it is that it
// lacks, and an error that can be told from a mistake.
func TestMLDSANeedsAnotherBuild(t *testing.T) {
	w := newWorld(t)
	for _, alg := range []jwe.Algorithm{jwe.MLDSA44, jwe.MLDSA65, jwe.MLDSA87} {
		_, generated := jwe.GenerateKey("pq", alg)
		akp := jwkOfAKP(t, alg, nil)
		_, jwk := jwe.ReadKey(strings.NewReader(asJSON(t, akp)), 0)
		_, private := jwe.ReadKey(strings.NewReader(asJSON(t, joined(akp, object{"priv": b64(make([]byte, 32))}))), 0)
		_, _, alone := jwe.ReadKeys(strings.NewReader(jwksOf(t, akp)), 0)
		own, peer := set(t, w.ourSign, w.ourDecrypt), set(t, public(w.theirSign, w.theirDecrypt)...)
		_, accepts := jwe.New(jwe.Config{Own: own, Peer: peer, Accept: []jwe.Algorithm{alg}})
		_, seals := jwe.New(jwe.Config{Own: own, Peer: peer, Seal: jwe.Algorithms{Signature: alg}})
		_, demands := jwe.New(jwe.Config{Own: own, Peer: peer, RequirePostQuantum: keyset.Signing})
		oid := map[jwe.Algorithm]string{jwe.MLDSA44: "11", jwe.MLDSA65: "12", jwe.MLDSA87: "13"}[alg]
		der, err := hex.DecodeString("3012300b06096086480165030403" + oid + "0303000102")
		require.NoError(t, err)
		_, pkix := jwe.ReadKey(strings.NewReader(string(der)), 0)
		for what, err := range map[string]error{
			"GenerateKey": generated, "a JWK": jwk, "a private JWK": private, "a set of nothing else": alone, "SubjectPublicKeyInfo": pkix,
			"Accept": accepts, "Seal.Signature": seals, "RequirePostQuantum": demands,
		} {
			assert.ErrorIs(t, err, errors.ErrUnsupported, what)
			assert.ErrorContains(t, err, "ML-DSA needs ", what)
		}

		keys, passed, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, jwkOfEC(t, &newEC(t, curve256).PublicKey, object{"use": "sig", "kid": "good"}), akp)), 0)
		require.NoError(t, err, "it costs itself")
		assert.Equal(t, "good", keys[0].Info().Name)
		require.Len(t, passed, 1)
		assert.ErrorIs(t, passed[0].Err, errors.ErrUnsupported)
		assert.Equal(t, string(alg), passed[0].Algorithm)

		e := w.ours(t, jwe.Config{})
		signature := object{"protected": b64([]byte(asJSON(t, object{"alg": alg}))), "signature": b64(random(2420))}
		_, err = jwe.OpenSigned(t.Context(), e, []byte(signedJSON(t, "{}", signature)))
		rejected, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok)
		assert.Equal(t, envelope.Forbidden, rejected.Reason)
		assert.ErrorContains(t, rejected.Cause(), "ML-DSA needs ")
		assert.ErrorContains(t, rejected.Cause(), string(alg))
	}
}
