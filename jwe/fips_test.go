package jwe_test

import (
	"crypto/fips140"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
)

// fipsModes are what a program can run with; "" is that of this test.
var fipsModes = []string{"off", "on", "only"}

// What each profile does in each mode: it works, or New or the making of keys says why
// it cannot. Nothing is found out by a message.
func TestUnderFIPS(t *testing.T) {
	if os.Getenv("SEALWAX_TEST_FIPS") != "" {
		underFIPS(t)
		return
	}
	if testing.Short() {
		t.Skip("makes keys in three processes")
	}
	for _, mode := range fipsModes {
		t.Run(mode, func(t *testing.T) { inMode(t, "TestUnderFIPS", mode) })
	}
}

// inMode runs a test in another process, and returns what it printed.
func inMode(t *testing.T, test, mode string) string {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), "SEALWAX_TEST_FIPS="+mode, "GODEBUG=fips140="+mode)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+test)
	return string(out)
}

func underFIPS(t *testing.T) {
	only := os.Getenv("SEALWAX_TEST_FIPS") == "only"
	require.Equal(t, only, fips140.Enforced())
	type choice struct {
		sign, key, enc jwe.Algorithm
		not            bool // under "only"
	}
	all := []choice{
		{jwe.PS256, jwe.RSAOAEP256, jwe.A256GCM, false},
		{jwe.RS256, jwe.RSAOAEP256, jwe.A128GCM, false},
		{jwe.PS256, jwe.RSAOAEP256, jwe.A128CBCHS256, false},
		{jwe.ES256, jwe.ECDHESA256KW, jwe.A256GCM, false},
		{jwe.ES384, jwe.ECDHES, jwe.A256CBCHS512, false},
		{jwe.ES512, jwe.ECDHESA128KW, jwe.A192GCM, false},
		{jwe.EdDSA, jwe.ECDHESA256KW, jwe.A256GCM, false},
		{jwe.PS256, jwe.RSAOAEP, jwe.A256GCM, true},
	}
	for _, alg := range mldsaAlgorithms {
		all = append(all, choice{alg, jwe.ECDHESA256KW, jwe.A256GCM, false})
	}
	for _, tt := range all {
		sign, err := jwe.GenerateKey("sign", tt.sign)
		require.NoError(t, err)
		decrypt, err := jwe.GenerateKey("decrypt", tt.key)
		require.NoError(t, err)
		own, peer := set(t, sign, decrypt), set(t, public(sign, decrypt)...)
		us, err := jwe.New(jwe.Config{Own: set(t, decrypt), Peer: set(t, public(sign)...)})
		require.NoError(t, err)
		c := jwe.Config{Own: own, Peer: peer, Seal: jwe.Algorithms{Content: tt.enc, Key: tt.key}}
		them, err := jwe.New(c)
		if tt.not && only {
			assert.ErrorIs(t, err, errors.ErrUnsupported)
			assert.ErrorContains(t, err, "Seal.Key: this program runs with GODEBUG=fips140=only, which has no RSA-OAEP")
			c.Seal.Key, c.Accept = "", []jwe.Algorithm{tt.key}
			_, err = jwe.New(c)
			assert.ErrorIs(t, err, errors.ErrUnsupported)
			c.Accept = nil
			them, err = jwe.New(c)
			require.NoError(t, err)
			_, err = them.Seal(t.Context(), []byte("x"))
			assert.ErrorIs(t, err, errors.ErrUnsupported, "the key is bound to it")
			assert.ErrorIs(t, decrypt.SelfTest(t.Context()), errors.ErrUnsupported)
			continue
		}
		require.NoError(t, err)
		one, two := seal(t, them, "paid"), seal(t, them, "paid")
		assert.NotEqual(t, part(string(one), 2, func(p string) string { return p }), string(two))
		assert.Equal(t, "paid", string(open(t, us, one).Payload))
		require.NoError(t, sign.SelfTest(t.Context()))
		require.NoError(t, decrypt.SelfTest(t.Context()))
	}
	// The public key of RFC 8037, Appendix A.6.
	_, err := jwe.ReadKey(strings.NewReader(`{"kty":"OKP","crv":"X25519","use":"enc","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`), 0)
	if only {
		assert.ErrorContains(t, err, "X25519")
	} else {
		assert.NoError(t, err)
	}
}

// What a program under GODEBUG=fips140=only sealed, another library opens.
func TestPanvaOpensFIPS(t *testing.T) {
	sign, decrypt := signing(t, "sign", newEC(t, curve256)), encryption(t, "decrypt", newEC(t, curve256))
	if os.Getenv("SEALWAX_TEST_FIPS") != "" {
		them := newEnvelope(t, jwe.Config{Own: set(t, sign), Peer: set(t, public(decrypt)...)})
		out := matrixJob{Form: "compact", Enc: "A256GCM", Token: string(seal(t, them, "paid under FIPS"))}
		out.Signers = []party{{"ES256", written(t, sign.Public().(*jwe.Key).WritePublicJWK)}}
		out.Recipients = []party{{"ECDH-ES+A256KW", written(t, decrypt.WriteInsecurePrivateJWK)}}
		text, err := json.Marshal(out)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(os.Getenv("SEALWAX_TEST_OUT"), text, 0o600))
		return
	}
	quick(t)
	panva := script("node", "matrix.mjs", matrixPanva, "jose")
	var jobs []matrixJob
	for _, mode := range fipsModes {
		file := t.TempDir() + "/job.json"
		t.Setenv("SEALWAX_TEST_OUT", file)
		inMode(t, "TestPanvaOpensFIPS", mode)
		var j matrixJob
		require.NoError(t, json.Unmarshal(readFile(t, file), &j))
		jobs = append(jobs, j)
	}
	for i, r := range panva(t, jobs) {
		assert.Empty(t, r.Err, fipsModes[i])
		assert.Equal(t, base64.StdEncoding.EncodeToString([]byte("paid under FIPS")), r.Out, fipsModes[i])
	}
}
