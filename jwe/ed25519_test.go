package jwe_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
)

// RFC 9864 gives EdDSA over Ed25519 a name of its own: both are accepted under every
// such key, and EdDSA is written unless the key or the Config says Ed25519.
func TestEd25519HasTwoNames(t *testing.T) {
	ed := newEd(t)
	free := signing(t, "ed", ed)
	both := map[string]*jwe.Key{"free": free, "EdDSA": mustKey(free.WithAlgorithm(jwe.EdDSA)), "Ed25519": mustKey(free.WithAlgorithm(jwe.Ed25519))}
	w := newWorld(t)
	for name, k := range both {
		for chosen, want := range map[jwe.Algorithm]map[string]string{
			"":          {"free": "EdDSA", "EdDSA": "EdDSA", "Ed25519": "Ed25519"},
			jwe.EdDSA:   {"free": "EdDSA", "EdDSA": "EdDSA", "Ed25519": "EdDSA"},
			jwe.Ed25519: {"free": "Ed25519", "EdDSA": "Ed25519", "Ed25519": "Ed25519"},
		} {
			sealed := seal(t, w.theirs(t, jwe.Config{Own: set(t, k), Seal: jwe.Algorithms{Signature: chosen}}), "x")
			for _, verifier := range both {
				m := open(t, w.ours(t, jwe.Config{Peer: set(t, public(verifier)...)}), sealed)
				assert.Equal(t, want[name], m.Signers[0].Algorithm, "%s, Config %q", name, chosen)
			}
			if want[name] == "Ed25519" {
				rejects(t, w.ours(t, jwe.Config{Peer: set(t, public(k)...), Accept: []jwe.Algorithm{jwe.EdDSA}}), sealed, envelope.Forbidden)
			}
		}
		var b strings.Builder
		require.NoError(t, k.WriteInsecurePrivateJWK(&b))
		back, err := jwe.ReadKey(strings.NewReader(b.String()), 0)
		require.NoError(t, err)
		assert.Equal(t, k.Digest(), back.Digest())
	}
	k, err := jwe.GenerateKey("new", jwe.Ed25519)
	require.NoError(t, err)
	require.NoError(t, k.SelfTest(t.Context()))
	assert.Equal(t, "Ed25519", k.Info().Algorithm)
	// RFC 9864 has no other curve here: a key that says so is refused by its "alg".
	_, err = jwe.ReadKey(strings.NewReader(`{"kty":"OKP","crv":"Ed25519","alg":"Ed448","x":"`+base64.RawURLEncoding.EncodeToString(ed[32:])+`"}`), 0)
	assert.ErrorContains(t, err, `"alg" is "Ed448", which is not supported`)
}
