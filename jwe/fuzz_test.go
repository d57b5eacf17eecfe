package jwe_test

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// fixed returns the same key in every process: seeds are made in one, and
// opened in another.
func fixed(t testing.TB, n byte) *ecdsa.PrivateKey {
	k, err := ecdsa.ParseRawPrivateKey(curve256, append(make([]byte, 31), n))
	require.NoError(t, err)
	return k
}

func fuzzStage(t testing.TB) (us *jwe.Envelope, decrypt, sign *ecdsa.PrivateKey) {
	decrypt, sign = fixed(t, 1), fixed(t, 2)
	us = newEnvelope(t, jwe.Config{
		Own:  set(t, encryption(t, "dec", decrypt), signing(t, "our-sig", fixed(t, 3))),
		Peer: set(t, public(signing(t, "sig", sign), encryption(t, "enc", fixed(t, 4)))...),
	})
	return us, decrypt, sign
}

func direct(epk string) string {
	return `{"alg":"ECDH-ES","enc":"A256GCM","kid":"dec","epk":` + epk + `}`
}

// checkOpen is what Open promises whatever it is given.
func checkOpen(t *testing.T, us *jwe.Envelope, token []byte) *envelope.Message {
	before := bytes.Clone(token)
	m, err := us.Open(t.Context(), token)
	require.Equal(t, before, token)
	require.Equal(t, err == nil, m != nil)
	if err != nil {
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok, "an error of ours: %v", err)
		require.Equal(t, envelope.ErrRejected.Error(), err.Error())
		require.NotEmpty(t, oe.Reason)
		return nil
	}
	require.Len(t, m.Signers, 1)
	return m
}

func FuzzOpen(f *testing.F) {
	us, decrypt, sign := fuzzStage(f)
	good := agreeWith(f, ecdhOf(f, decrypt), direct, signES256(f, sign, goodJWS, "{}"))
	f.Add([]byte(good))
	for _, tt := range hostileTokens {
		if tt.name != "too large" && tt.name != "many dots" {
			f.Add([]byte(tt.make(f, newFuzzTokens(f))))
		}
	}
	for _, token := range jsonSeeds(f, good) {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		if m := checkOpen(t, us, token); m != nil {
			require.Equal(t, "{}", string(m.Payload), "nobody signed anything else")
		}
		if _, err := jwe.Inspect(token); err != nil {
			require.ErrorIs(t, err, envelope.ErrRejected)
		}
	})
}

// jsonSeeds are JSON serializations of a compact token.
func jsonSeeds(t testing.TB, token string) [][]byte {
	p := strings.Split(token, ".")
	flat := members{"protected": p[0], "encrypted_key": p[1], "iv": p[2], "ciphertext": p[3], "tag": p[4]}
	return [][]byte{
		flat.text(t), generalOf(flat, nil).text(t), generalOf(flat, map[string]any{"kid": "x"}, map[string]any{"encrypted_key": "AAAA"}).text(t),
		with(flat, members{"aad": "AAAA", "unprotected": map[string]any{"x": []any{nil, true, 1e3, "\u00e9"}}}).text(t),
		[]byte(`{"recipients":[{},{"header":{}}],"protected":""}`), []byte(`{"a":[[[{}]]],"ciphertext":"`), []byte("{}"),
	}
}

// newFuzzTokens makes hostile tokens without making keys for each.
var newFuzzTokens = func() func(t testing.TB) *stage {
	var s *stage
	return func(t testing.TB) *stage {
		if s == nil {
			s = newStage(t, jwe.Config{})
			s.agree, s.sign, s.ourSign = fixed(t, 1), fixed(t, 2), fixed(t, 3)
		}
		return s
	}
}()

// FuzzContent goes where only somebody with our public key can go: into what is
// encrypted.
func FuzzContent(f *testing.F) {
	us, decrypt, sign := fuzzStage(f)
	good := signES256(f, sign, goodJWS, "{}")
	f.Add("", good)
	f.Add(`,"cty":"JWT"`, good)
	f.Add(`,"crit":[]`, good+".")
	for _, header := range []string{`{"alg":"none"}`, `{"alg":"ES256","iat":1e400}`, `{"alg":"ES256","aud":[[]]}`, `{"alg":"HS256","kid":"sig"}`} {
		f.Add("", signES256(f, sign, header, `{"iss":1,"aud":"\u0061","iat":-1}`))
	}
	parts := strings.Split(good, ".")
	one := map[string]any{"protected": parts[0], "signature": parts[2], "header": map[string]any{"kid": "sig"}}
	f.Add("", signedJSON(f, "{}", one))
	f.Add("", signedJSON(f, "{}", map[string]any{"protected": "e30"}, one, one))
	f.Add("", `{"payload":"e30","signatures":[{}]}`)
	f.Add(`,"zip":"DEF"`, string(deflate(f, []byte(good))))
	f.Add(`,"zip":"DEF"`, string(deflate(f, make([]byte, 1<<16))))
	waived := newEnvelope(f, jwe.Config{
		Own: set(f, encryption(f, "dec", decrypt)), Peer: set(f, public(signing(f, "sig", sign))...), Waive: waivedZip(), MaxSize: 1 << 10,
	})
	named := newEnvelope(f, jwe.Config{
		Own: set(f, encryption(f, "dec", decrypt)), Peer: set(f, public(signing(f, "sig", sign))...),
		Self: "us", Partner: "them", OpenContext: "order", MaxAge: time.Second,
	})
	f.Fuzz(func(t *testing.T, members, content string) {
		token := []byte(agreeWith(t, ecdhOf(t, decrypt), func(epk string) string {
			return strings.TrimSuffix(direct(epk), "}") + members + "}"
		}, content))
		checkOpen(t, us, token)
		if m := checkOpen(t, waived, token); m != nil {
			require.LessOrEqual(t, len(m.Payload), 1<<10)
		}
		require.Nil(t, checkOpen(t, named, token), "nothing is bound and in context")
	})
}

// FuzzPayload compares what is read of a signed payload with encoding/json.
func FuzzPayload(f *testing.F) {
	us, decrypt, sign := fuzzStage(f)
	for _, s := range []string{"", "{}", `{"iat":5}`, ` {"a":{"iat":1},"b":[{"iat":2}],"iat":3,"c":"}"}`, `{"x":"\"","i\u0061t":7}`,
		`{"iat":1,"iat":2}`, `{"iat" : 1e1 , "z":null}`, `{"iat":"1"}`, `[{"iat":1}]`, `{"iat":1}{"iat":2}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		m := checkOpen(t, us, []byte(agreeWith(t, ecdhOf(t, decrypt), direct, signES256(t, sign, goodJWS, payload))))
		if m == nil {
			return // dated in the future
		}
		require.Equal(t, payload, string(m.Payload))
		want, ok := oracleDate(payload)
		if !ok {
			require.True(t, m.Signers[0].Time.IsZero(), m.Signers[0].Time)
			return
		}
		require.InDelta(t, want, float64(m.Signers[0].Time.Unix()), 1)
	})
}

// Under InsecureEncryptOnly Open takes back all that Seal makes, and Seal makes nothing
// that has the structure of a JWS.
func FuzzEncryptOnly(f *testing.F) {
	sign := fixed(f, 1)
	k := encryption(f, "k", fixed(f, 2))
	c := jwe.Config{Own: set(f, k), Peer: set(f, k.Public().(*jwe.Key)), Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}}
	e := newEnvelope(f, c)
	good := signES256(f, sign, goodJWS, "{}")
	for _, payload := range []string{"", "{}", "a.b.c", "ey.e.e", good, good + "\n", `"` + good + `"`, " " + good, good + ".", "\xef\xbb\xbf" + good,
		`{"payload":"e30","signature":"e30"}`, `{"payload":"e30","signatures":[{"protected":"e30"}]}`, signedJSON(f, "{}", signatureOf(f, sign, goodJWS, "{}")),
		`{"p\u0061yload":"","signature":"","protected":""}`, strings.Replace(good, "e", "=", 1), good[:5] + " \n" + good[5:]} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		sealed, err := e.Seal(t.Context(), payload)
		if err != nil {
			require.ErrorContains(t, err, "the payload is a JWS")
			return
		}
		require.False(t, protectedElsewhere(string(payload)), "another library takes it for a JWS")
		m, err := e.Open(t.Context(), sealed)
		require.NoError(t, err)
		require.Equal(t, payload, append([]byte{}, m.Payload...))
		require.NotEqual(t, good, string(payload))
	})
}

// protectedElsewhere reports whether go-jose, which is more lenient than this package,
// takes a text for a JWS with a protected algorithm.
func protectedElsewhere(text string) bool {
	algorithms := []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256, jose.EdDSA, jose.HS256}
	token, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		token, err = jose.ParseSignedJSON(text, algorithms)
	}
	return err == nil && slices.ContainsFunc(token.Signatures, func(s jose.Signature) bool { return s.Protected.Algorithm != "" })
}

func FuzzReadKey(f *testing.F) {
	k := signing(f, "kid", fixed(f, 1))
	for _, private := range []bool{false, true} {
		write := k.WritePublicJWK
		if private {
			write = k.WriteInsecurePrivateJWK
		}
		var b bytes.Buffer
		require.NoError(f, write(&b))
		f.Add(b.Bytes(), byte(0))
	}
	f.Add([]byte(pemOf("PUBLIC KEY", spki(f, &fixed(f, 1).PublicKey), nil)), byte(keyset.Signing))
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB","x5c":["AAAA"]}`), byte(keyset.Encryption))
	f.Add([]byte(`{"kty":"OKP","crv":"X25519","x":"5HaqloXfAxSzW26xEsE4PCArfWYN1N6LTF8qtoewG2E","key_ops":[]}`), byte(keyset.Encryption))
	f.Add([]byte("0\x82\x01\x00"), byte(3))
	f.Add(spki(f, &fixed(f, 1).PublicKey), byte(keyset.Signing))
	f.Add([]byte("Bag Attributes\n"+pemOf("CERTIFICATE", certificateOf(f, fixed(f, 1), time.Unix(1e9, 0), time.Unix(2e9, 0), 1), nil)), byte(0))
	f.Add([]byte("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"), byte(keyset.Signing))
	akp := jwkOfAKP(f, jwe.MLDSA44, make([]byte, 32))
	for _, halves := range []object{akp, joined(akp, object{"priv": b64(make([]byte, 32))})} {
		f.Add([]byte(asJSON(f, halves)), byte(0))
	}
	f.Fuzz(func(t *testing.T, text []byte, use byte) {
		k, err := jwe.ReadKey(bytes.NewReader(text), keyset.Use(use))
		require.Equal(t, err == nil, k != nil)
		if err == nil {
			checkKey(t, k)
		}
	})
}

func FuzzReadKeys(f *testing.F) {
	var b bytes.Buffer
	require.NoError(f, jwe.WriteJWKSet(&b, set(f, signing(f, "a", fixed(f, 1)), encryption(f, "b", fixed(f, 2)))))
	f.Add(b.Bytes())
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"AKP"}]}`))
	f.Add([]byte(jwksOf(f, jwkOfAKP(f, jwe.MLDSA44, make([]byte, 32)))))
	same := jwkOfEC(f, &fixed(f, 1).PublicKey, nil)
	f.Add([]byte(jwksOf(f, joined(same, object{"use": "sig"}), joined(same, object{"use": "enc", "alg": "ECDH-ES", "kid": "e"}), joined(same, object{"use": "tls"}))))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _, err := jwe.ReadKeys(bytes.NewReader(text), 0)
		require.Equal(t, err == nil, len(keys) > 0)
		for _, k := range keys {
			checkKey(t, k)
		}
	})
}

// checkKey is what holds for every key that was read.
func checkKey(t *testing.T, k *jwe.Key) {
	i := k.Info()
	require.NotEmpty(t, i.ID)
	require.NotZero(t, i.Use)
	require.NotContains(t, i.ID, "=")
	write := k.WritePublicJWK
	if i.Private {
		require.NoError(t, k.SelfTest(t.Context()))
		write = k.WriteInsecurePrivateJWK
	}
	var b bytes.Buffer
	require.NoError(t, write(&b))
	back, err := jwe.ReadKey(&b, 0)
	require.NoError(t, err)
	j := back.Info()
	j.NotBefore, j.NotAfter, j.EndsWith = i.NotBefore, i.NotAfter, i.EndsWith // none is written
	require.Equal(t, i, j)
}
