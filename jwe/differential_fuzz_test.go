package jwe_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/seeds"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A stricture is what go-jose takes and we do not: what we say, as a regular expression, why,
// and an example.
type stricture struct{ cause, why, example string }

// told reports whether one of them is what was said.
func told(all []stricture, said string) bool {
	return slices.ContainsFunc(all, func(s stricture) bool { return regexp.MustCompile(s.cause).MatchString(said) })
}

// stricter are the tokens that go-jose opens with a good signature of the partner, and Open
// does not: what Open says, why, and one.
func stricter(t testing.TB) []stricture {
	_, decrypt, sign := fuzzStage(t)
	good := signES256(t, sign, goodJWS, "{}")
	with := func(members, content string) string {
		return agreeWith(t, ecdhOf(t, decrypt), func(epk string) string { return strings.TrimSuffix(direct(epk), "}") + members + "}" }, content)
	}
	inside := func(header string) string { return with("", signES256(t, sign, header, "{}")) }
	flat := func(token, more string, names ...string) string { // in JSON serialization
		text := "{" + more
		for i, part := range strings.Split(token, ".") {
			if part != "" {
				text += `"` + names[i] + `":"` + part + `",`
			}
		}
		return strings.TrimSuffix(text, ",") + "}"
	}
	sealed := func(more string) string {
		return flat(with("", good), more, "protected", "encrypted_key", "iv", "ciphertext", "tag")
	}
	signed := func(more string) string { return with("", flat(good, more, "protected", "payload", "signature")) }
	return []stricture{
		{"^forbidden: header parameter ", "what brings a key of its own, or makes work, is not passed over", with(`,"jku":"https://x.example"`, good)},
		{"^forbidden: JWS: header parameter ", "the same in the JWS, and what gives the payload another meaning (RFC 7797)", inside(`{"alg":"ES256","kid":"sig","jku":"https://x.example"}`)},
		{"^malformed: header: ", "a header is strict JSON, in which a member stands once, for two readers may read two things", with(`,"x":1,"X":2`, good)},
		{"^malformed: not a JWE in JSON serialization: not a JSON object", "JSON is UTF-8 (RFC 8259, Section 8.1), also in members that are passed over", sealed("\"\xff\":1,")},
		{"^malformed: not a JWE in JSON serialization: a member appears twice", "as in a header", sealed(`"Tag":"AAAA",`)},
		{"^malformed: not a JWS in JSON serialization: not a JSON object", "as in a JWE", signed("\"\xff\":1,")},
		{"^malformed: not a JWS in JSON serialization: a member appears twice", "as in a JWE", signed(`"Signature":"AAAA",`)},
		{"^malformed: [A-Za-z ]+: not base64url in its one spelling", "go-jose passes over line ends, and unused bits that are not zero", with("", good[:len(good)-1]+"\n"+good[len(good)-1:])},
		{"^out_of_time: ", "go-jose looks at no time of a JWS", inside(`{"alg":"ES256","kid":"sig","exp":1}`)},
		{"^malformed: encrypted key where there is none, ", "with a key that was agreed on there is none (RFC 7516, Section 5.2, step 10)", sealed(`"encrypted_key":"AAAA",`)},
	}
}

// Each line of the list is needed.
func TestStricter(t *testing.T) {
	us, decrypt, sign := fuzzStage(t)
	for _, s := range stricter(t) {
		_, err := joseReads(s.example, decrypt, &sign.PublicKey)
		require.NoError(t, err, s.cause)
		_, err = us.Open(t.Context(), []byte(s.example))
		require.Regexp(t, s.cause, said(err))
	}
}

// said is the reason of a rejection, and its cause.
func said(err error) string {
	oe, ok := errors.AsType[*envelope.OpenError](err)
	if !ok {
		return ""
	}
	return string(oe.Reason) + ": " + oe.Cause().Error()
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
	list := stricter(f)
	for _, s := range list {
		f.Add("", s.example)
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
			require.True(t, told(list, said(err)), "go-jose opens it, and Open says %s", said(err))
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

// stricterKeys are the entries of JWK Sets that go-jose reads, and ReadKeys does not: what
// the error of the entry, or of the set, says, why, and a set. Where an entry brings its
// whole set down, it is because passing over it would hide a mistake.
func stricterKeys(t testing.TB) []stricture {
	ec := jwkOfEC(t, &fixed(t, 1).PublicKey, nil)
	d, err := fixed(t, 1).Bytes()
	require.NoError(t, err)
	private := joined(ec, object{"d": b64(d)})
	set := func(entries ...any) string { return jwksOf(t, entries...) }
	with := func(members object) string { return set(joined(ec, members)) }
	return []stricture{
		{"a symmetric key", "a secret is none to publish, whatever else the entry is", with(object{"k": "AAAA"})},
		{"private and public keys in one set", "whoever wrote it handed out a private key", set(ec, private)},
		{"a member appears twice, or in two letter cases", "two readers may read two keys", strings.Replace(set(ec), `{"`, `{"use":"sig","Use":"enc","`, 1)},
		{"not a JSON object", "JSON is UTF-8 (RFC 8259, Section 8.1)", strings.Replace(set(ec), `{"`, "{\"\xff\":1,\"", 1)},
		{"has revoked it", "go-jose does not know the member", with(object{"revoked": object{"revoked_at": 1}})},
		{`"use" is `, "a use that we do not know is not ours", with(object{"use": "both"})},
		{`"key_ops" contradicts `, "RFC 7517, Section 4.3: the two are consistent", with(object{"use": "enc", "key_ops": []string{"verify"}})},
		{`"key_ops" allows nothing`, "a public key does not sign", with(object{"key_ops": []string{"sign"}})},
		{`"key_ops" is not an array`, "go-jose does not know the member", with(object{"key_ops": "verify"})},
		{`"alg" is `, "a key is for its algorithm alone, and this one is refused or unknown", with(object{"alg": "dir"})},
		{"cannot be bound to ", "the algorithm does not fit the key", with(object{"alg": "PS256"})},
		{" contradicts the use of the key", "the algorithm does not fit the use", with(object{"use": "enc", "alg": "ES256"})},
		{" is no date in seconds", "go-jose looks at no time of a key", with(object{"exp": "tomorrow"})},
		{" bits; allowed are ", "smaller ones can be factored, larger ones are work", set(object{"kty": "RSA", "e": "AQAB", "n": b64(bytes.Repeat([]byte{0xff}, 128))})},
		{"are not looked at", "256 entries are enough", set(append(slices.Repeat([]any{ec}, 256), jwkOfEC(t, &fixed(t, 2).PublicKey, nil))...)},
	}
}

// Each line of the list is needed.
func TestStricterKeys(t *testing.T) {
	for _, s := range stricterKeys(t) {
		var set jose.JSONWebKeySet
		require.NoError(t, json.Unmarshal([]byte(s.example), &set), s.cause)
		for _, k := range set.Keys {
			require.True(t, k.Valid(), s.cause)
		}
		_, passed, err := jwe.ReadKeys(strings.NewReader(s.example), keyset.Signing)
		if len(passed) != 0 {
			err = passed[0].Err
		}
		require.Error(t, err, s.cause)
		require.Regexp(t, s.cause, err.Error())
	}
}

// What ReadKeys takes from a JWK Set, go-jose reads as the same key, but for X25519 and
// ML-DSA, which it does not know. What it passes over and go-jose reads is on the list.
func FuzzReadKeysAgainstGoJOSE(f *testing.F) {
	same := jwkOfEC(f, &fixed(f, 1).PublicKey, nil)
	for _, entries := range [][]any{
		{same}, {joined(same, object{"use": "sig"}), joined(same, object{"use": "enc", "kid": "e"})}, {object{"kty": "AKP"}, same},
		{joined(same, object{"use": "sig", "x5c": []string{"AAAA"}})}, {joined(same, object{"key_ops": []string{"verify"}})}, {joined(same, object{"alg": "ES256"})},
		{object{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
	} {
		f.Add([]byte(jwksOf(f, entries...)))
	}
	stricter := stricterKeys(f)
	for _, s := range stricter {
		f.Add([]byte(s.example))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, passed, err := jwe.ReadKeys(bytes.NewReader(text), keyset.Signing)
		var set struct{ Keys []json.RawMessage }
		if json.Unmarshal(text, &set) != nil || len(set.Keys) == 0 {
			return // a key by itself, or PEM, or DER
		}
		ours := map[keyset.ID]bool{}
		for _, k := range keys {
			ours[k.Info().ID] = true
		}
		known := map[keyset.ID]bool{}
		for i, entry := range set.Keys {
			var bare map[string]json.RawMessage
			if json.Unmarshal(entry, &bare) == nil {
				delete(bare, "x5t") // which are passed over, whatever they are
				delete(bare, "x5u")
				text, err := json.Marshal(bare)
				require.NoError(t, err)
				known[joseID(t, text)] = true
			}
			id := joseID(t, entry)
			if id == "" || ours[id] {
				continue
			}
			why := err
			if at := slices.IndexFunc(passed, func(p jwe.PassedOver) bool { return p.Entry == i+1 }); at >= 0 {
				why = passed[at].Err
			}
			require.Error(t, why, "entry %d", i+1)
			require.True(t, told(stricter, why.Error()), "go-jose reads entry %d, and ReadKeys says %v", i+1, why)
		}
		for _, k := range keys {
			if alg := k.Info().Algorithm; alg != "X25519" && !strings.HasPrefix(alg, "ML-DSA") {
				require.Contains(t, known, k.Info().ID, alg)
			}
		}
	})
}

// joseID is the thumbprint of a JWK that go-jose reads, or nothing.
func joseID(t *testing.T, jwk []byte) keyset.ID {
	var k jose.JSONWebKey
	if k.UnmarshalJSON(jwk) != nil || !k.Valid() {
		return ""
	}
	print, err := k.Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	return keyset.ID(b64(print))
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
