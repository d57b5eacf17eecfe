package jwe_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/seeds"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// stricter are the tokens that go-jose opens with a good signature of the partner, and Open
// does not: how what Open says begins, and why.
var stricter = []struct{ cause, why string }{
	{"forbidden: header parameter ", "what brings a key of its own, or makes work, is not passed over"},
	{"forbidden: JWS: header parameter ", "the same in the JWS, and what gives the payload another meaning (RFC 7797)"},
	{"malformed: header: ", "a header is strict JSON, in which a member stands once, for two readers may read two things"},
	{"malformed: JWS: header: ", "the same in the JWS"},
	{"out_of_time: ", "go-jose looks at no time of a JWS"},
	{"malformed: encrypted key where there is none, ", "with a key that was agreed on there is none (RFC 7516, Section 5.2, step 10)"},
}

// Open opens nothing that go-jose refuses, and reads the same payload. What it refuses and
// go-jose opens is on the list. With a header, the rest is what is encrypted under it.
func FuzzAgainstGoJOSE(f *testing.F) {
	us, decrypt, sign := fuzzStage(f)
	good := signES256(f, sign, goodJWS, "{}")
	f.Add("", agreeWith(f, ecdhOf(f, decrypt), direct, good))
	for _, members := range []string{`,"cty":"JWT"`, `,"cty":"jwt"`, `,"typ":"JOSE"`, `,"x":{"a":[1]}`, `,"crit":["b64"],"b64":true`, `,"zip":"DEF"`,
		`,"apu":"AA"`, `,"iat":1`, `,"kid":"dec"`, `,"jku":"https://x.example"`, `,"p2c":1`} {
		f.Add(members, good)
	}
	for _, header := range []string{`{"alg":"ES256"}`, `{"alg":"ES256","kid":"other"}`, `{"alg":"ES256","kid":"sig","b64":true}`, `{"alg":"ES256","kid":"sig","iat":99999999999}`,
		`{"alg":"ES256","kid":"sig","exp":1}`, `{"alg":"ES256","kid":"sig","alg":"ES256"}`, `{"kid":"sig","alg":"ES256","x":1e999}`, `{"kid":7,"alg":"ES256"}`} {
		f.Add(" ", signES256(f, sign, header, "{}"))
	}
	for _, tt := range hostileTokens {
		if tt.name != "too large" && tt.name != "many dots" {
			f.Add("", tt.make(f, newFuzzTokens(f)))
		}
	}
	for _, token := range jsonSeeds(f, agreeWith(f, ecdhOf(f, decrypt), direct, good)) {
		f.Add("", string(token))
	}
	f.Fuzz(func(t *testing.T, members, text string) {
		if members != "" {
			text = agreeWith(t, ecdhOf(t, decrypt), func(epk string) string {
				return strings.TrimSuffix(direct(epk), "}") + members + "}"
			}, text)
		}
		m, err := us.Open(t.Context(), []byte(text))
		payload, joseErr := joseReads(text, decrypt, &sign.PublicKey)
		switch {
		case err == nil:
			require.NoError(t, joseErr, "go-jose refuses it")
			require.Equal(t, string(payload), string(m.Payload))
		case joseErr == nil:
			oe, _ := errors.AsType[*envelope.OpenError](err)
			said := string(oe.Reason) + ": " + oe.Cause().Error()
			for _, s := range stricter {
				if strings.HasPrefix(said, s.cause) {
					return
				}
			}
			t.Fatalf("go-jose opens it, and Open says %s", said)
		}
	})
}

// joseReads opens a JWS in a JWE with go-jose, of either serialization.
func joseReads(text string, decrypt *ecdsa.PrivateKey, verify *ecdsa.PublicKey) ([]byte, error) {
	parse := jose.ParseEncryptedCompact
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		parse = jose.ParseEncryptedJSON
	}
	token, err := parse(text, []jose.KeyAlgorithm{jose.ECDH_ES, jose.ECDH_ES_A256KW}, []jose.ContentEncryption{jose.A256GCM, jose.A128GCM, jose.A128CBC_HS256, jose.A256CBC_HS512})
	if err != nil {
		return nil, err
	}
	content, err := token.Decrypt(decrypt)
	if err != nil {
		return nil, err
	}
	read := jose.ParseSignedCompact
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		read = jose.ParseSignedJSON
	}
	signed, err := read(string(content), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	return signed.Verify(verify)
}

// What ReadKeys takes from a JWK Set, go-jose reads as the same key, but for X25519 and
// ML-DSA, which it does not know.
func FuzzReadKeysAgainstGoJOSE(f *testing.F) {
	same := jwkOfEC(f, &fixed(f, 1).PublicKey, nil)
	for _, entries := range [][]any{
		{same}, {joined(same, object{"use": "sig"}), joined(same, object{"use": "enc", "kid": "e"})}, {object{"kty": "AKP"}, same},
		{joined(same, object{"use": "sig", "x5c": []string{"AAAA"}})}, {joined(same, object{"key_ops": []string{"verify"}})}, {joined(same, object{"alg": "ES256"})},
		{object{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
	} {
		f.Add([]byte(jwksOf(f, entries...)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _, err := jwe.ReadKeys(bytes.NewReader(text), keyset.Signing)
		var set struct{ Keys []json.RawMessage }
		if err != nil || json.Unmarshal(text, &set) != nil {
			return // a key by itself, or PEM, or DER
		}
		known := map[keyset.ID]bool{}
		for _, entry := range set.Keys {
			var k jose.JSONWebKey
			if k.UnmarshalJSON(entry) == nil {
				print, err := k.Thumbprint(crypto.SHA256)
				require.NoError(t, err)
				known[keyset.ID(b64(print))] = true
			}
		}
		for _, k := range keys {
			if alg := k.Info().Algorithm; len(set.Keys) != 0 && alg != "X25519" && !strings.HasPrefix(alg, "ML-DSA") {
				require.Contains(t, known, k.Info().ID, alg)
			}
		}
	})
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
