package command

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// validate says what the library of CycloneDX says of a document: null, or what is wrong.
const validate = `
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
const { Validation, Spec } = createRequire(process.env.MODULES + '/')('@cyclonedx/cyclonedx-library')
const said = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(readFileSync(0, 'utf8'))
console.log(JSON.stringify(said))
`

// manifests makes two parties with keys of every kind and state.
func manifests(t *testing.T) []string {
	t.Chdir(t.TempDir())
	for _, alg := range []string{"rsa3072", "curve25519", "post-quantum"} {
		sealctl(t, "keygen", "-format", "pgp", "-alg", alg, "-name", "Bank <keys@bank.example>", "-o", alg+".asc")
	}
	for _, alg := range []string{"ES256", "PS256", "EdDSA", "ECDH-ES+A256KW", "RSA-OAEP-256", "ES512"} {
		sealctl(t, "keygen", "-format", "jose", "-alg", alg, "-name", "\u202e"+alg, "-o", alg+".jwk")
	}
	sealctl(t, "rotate", "pgp.json", "init", "rsa3072.asc", "curve25519.asc")
	sealctl(t, "rotate", "pgp.json", "add", "post-quantum.asc")
	sealctl(t, "rotate", "pgp.json", "retire", "curve25519.asc")
	sealctl(t, "rotate", "jose.json", "init", "ES256.jwk", "PS256.jwk", "EdDSA.jwk", "ECDH-ES+A256KW.jwk", "RSA-OAEP-256.jwk")
	sealctl(t, "rotate", "jose.json", "revoke", "EdDSA.jwk")
	sealctl(t, "public", "-o", "public.jwks", "ES512.jwk", "RSA-OAEP-256.jwk")
	return []string{"pgp.json", "jose.json", "public.jwks"}
}

func TestCBOM(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a key of each kind")
	}
	files := manifests(t)
	sealctl(t, append([]string{"cbom", "-o", "cbom.json"}, files...)...)
	raw, err := os.ReadFile("cbom.json")
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "PRIVATE")
	var d inventory
	require.NoError(t, json.Unmarshal(raw, &d))
	refs, states, parts := map[string]asset{}, map[string]int{}, map[string]string{}
	for _, c := range d.Components {
		require.NotContains(t, refs, c.Ref)
		refs[c.Ref] = c
		if c.Crypto.Algorithm != nil {
			parts[strings.TrimPrefix(c.Ref, "algorithm/")] = c.Name
			continue
		}
		states[c.Crypto.Key.State]++
		if c.Crypto.Key.State != "compromised" {
			assert.NotZero(t, c.Crypto.Key.Algorithm, c.Ref)
		}
	}
	assert.Equal(t, map[string]int{"active": 7, "pre-activation": 1, "deactivated": 1, "compromised": 1}, states)
	assert.Equal(t, map[string]string{
		"Ed25519/signature": "Ed25519", "X25519/key-agree": "X25519", "ML-DSA-65/signature": "ML-DSA-65", "ML-KEM-768/kem": "ML-KEM-768",
		"RSA-3072/signature": "RSA-3072", "RSA-3072/pke": "RSA-3072", "P-256/signature": "P-256", "P-256/key-agree": "P-256", "P-521/signature": "P-521",
	}, parts)
	assert.Equal(t, &assetAlgorithm{"kem", "768", "", 0, 3}, refs["algorithm/ML-KEM-768/kem"].Crypto.Algorithm)
	require.Len(t, d.Dependencies, 10)
	most := 0
	for _, dependency := range d.Dependencies {
		most = max(most, len(dependency.DependsOn))
		for _, ref := range dependency.DependsOn {
			assert.Contains(t, refs, ref)
		}
	}
	assert.Equal(t, 4, most, "the post-quantum key")
	for c := range side(t, "pgp.json").All() {
		k := refs["key/pgp.json/"+string(c.ID())].Crypto.Key
		_, end := c.Bounds()
		assert.Equal(t, "private-key", k.Type)
		assert.Contains(t, k.Expiration, end.UTC().Format("2006-01-02T"))
		if c.State == keyset.Pending {
			assert.Equal(t, "signing+encryption", property(refs["key/pgp.json/"+string(c.ID())], "sealwax:post-quantum"))
		}
	}
}

func property(a asset, name string) string {
	for _, p := range a.Properties {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// The strict validator of CycloneDX has nothing to say of it, and has of what is wrong.
func TestCBOMIsValid(t *testing.T) {
	if testing.Short() {
		t.Skip("node is run")
	}
	node, err := exec.LookPath("node")
	modules := os.Getenv("SEALWAX_NODE_MODULES")
	if _, missing := os.Stat(filepath.Join(modules, "node_modules", "@cyclonedx", "cyclonedx-library")); err != nil || modules == "" || missing != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
			t.Fatal("SEALWAX_REQUIRE_PEERS is set, and there is no node, or no @cyclonedx/cyclonedx-library in the folder that SEALWAX_NODE_MODULES names")
		}
		t.Skip("peer is missing: node, with @cyclonedx/cyclonedx-library in the folder that SEALWAX_NODE_MODULES names")
	}
	modules, err = filepath.Abs(modules)
	require.NoError(t, err)
	made := sealctl(t, append([]string{"cbom"}, manifests(t)...)...)
	require.NoError(t, os.WriteFile("validate.mjs", []byte(validate), 0o600))
	says := func(document string) string {
		cmd := exec.CommandContext(t.Context(), node, "validate.mjs")
		cmd.Env = append(os.Environ(), "MODULES="+modules)
		cmd.Stdin = strings.NewReader(document)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		return strings.TrimSpace(string(out))
	}
	assert.Equal(t, "null", says(made))
	assert.Contains(t, says(strings.Replace(made, `"pre-activation"`, `"pending"`, 1)), "must be equal to one of the allowed values")
}

func TestAlgorithmsOfKeys(t *testing.T) {
	const both = keyset.Signing | keyset.Encryption
	for _, tt := range []struct {
		algorithm string
		use       keyset.Use
		want      []string
	}{
		{"RSA-2048", both, []string{"RSA-2048/signature", "RSA-2048/pke"}},
		{"RSA-2048", keyset.Encryption, []string{"RSA-2048/pke"}},
		{"P-384", keyset.Signing, []string{"P-384/signature"}},
		{"P-384", both, []string{"P-384/signature", "P-384/key-agree"}},
		{"RSA-4096+X25519", both, []string{"RSA-4096/signature", "X25519/key-agree"}},
		{"Ed25519+RSA-4096", both, []string{"Ed25519/signature", "RSA-4096/pke"}},
		{"ML-DSA-87+Ed448+ML-KEM-1024+X448", both, []string{"ML-DSA-87/signature", "Ed448/signature", "ML-KEM-1024/kem", "X448/key-agree"}},
		{"of tomorrow", both, []string{"of tomorrow/unknown"}},
		{"", both, nil},
	} {
		var got []string
		for _, a := range algorithmsOf(keyset.Info{Algorithm: tt.algorithm, Use: tt.use}) {
			got = append(got, strings.TrimPrefix(a.Ref, "algorithm/"))
		}
		assert.Equal(t, tt.want, got, tt.algorithm)
	}
}
