package jwe_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// members are those of a token in JSON serialization, for tests to change.
type members map[string]any

func (m members) text(t testing.TB) []byte {
	text, err := json.Marshal(m)
	require.NoError(t, err)
	return text
}

func with(m members, more members) members {
	out := members{}
	for _, from := range []members{m, more} {
		for name, v := range from {
			if v == nil {
				delete(out, name)
			} else {
				out[name] = v
			}
		}
	}
	return out
}

// sealedJSON is a flattened JWE of the content.
func sealedJSON(t testing.TB, to *rsa.PublicKey, protected, aad, content string) members {
	cek, iv := random(32), random(12)
	ek, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, to, cek, nil)
	require.NoError(t, err)
	covered := b64([]byte(protected))
	m := members{"protected": covered, "encrypted_key": b64(ek), "iv": b64(iv)}
	if aad != "" {
		m["aad"] = b64([]byte(aad))
		covered += "." + b64([]byte(aad))
	}
	body := gcm(t, cek).Seal(nil, iv, []byte(content), []byte(covered))
	m["ciphertext"], m["tag"] = b64(body[:len(body)-16]), b64(body[len(body)-16:])
	return m
}

// generalOf makes a general JWE of a flattened one, with these recipients beside
// its own.
func generalOf(m members, own map[string]any, others ...any) members {
	one := map[string]any{"encrypted_key": m["encrypted_key"]}
	if own != nil {
		one["header"] = own
	}
	return with(m, members{"encrypted_key": nil, "recipients": append(others, one)})
}

// signatureOf is an entry of "signatures".
func signatureOf(t testing.TB, key *ecdsa.PrivateKey, header, payload string) map[string]any {
	p := strings.Split(signES256(t, key, header, payload), ".")
	return map[string]any{"protected": p[0], "signature": p[2]}
}

func signedJSON(t testing.TB, payload string, signatures ...any) string {
	return string(members{"payload": b64([]byte(payload)), "signatures": signatures}.text(t))
}

// A wide world has several keys on both sides.
func wide(t testing.TB) (w world, moreDecrypt, moreSign *jwe.Key) {
	w = newWorld(t)
	return w, encryption(t, "our-rsa", rsaKeys[1]()), signing(t, "their-rsa", rsaKeys[0]())
}

func TestJSON(t *testing.T) {
	w, moreDecrypt, moreSign := wide(t)
	them := w.theirs(t, jwe.Config{JSON: true, Own: set(t, w.theirSign, moreSign, w.theirDecrypt),
		Peer: set(t, public(w.ourSign, w.ourDecrypt, moreDecrypt)...), SignedHeader: map[string]any{"cty": "json"}})
	assert.Equal(t, "application/jose+json; charset=utf-8", them.ContentType())
	sealed := seal(t, them, `{"a":1}`)
	for _, k := range []*jwe.Key{w.ourDecrypt, moreDecrypt} {
		us := w.ours(t, jwe.Config{Own: set(t, k), Peer: set(t, public(w.theirSign, moreSign)...)})
		m := open(t, us, sealed)
		assert.Equal(t, `{"a":1}`, string(m.Payload))
		assert.Equal(t, k.Info().ID, m.Decrypter.ID)
		assert.Equal(t, []keyset.ID{w.theirSign.Info().ID, moreSign.Info().ID}, []keyset.ID{m.Signers[0].ID, m.Signers[1].ID})
		assert.Len(t, m.Addressed, 2)
		assert.Contains(t, m.Addressed, k.Info().ID)
		assert.Equal(t, "json", m.Header["cty"])
	}
	o, err := jwe.Inspect(sealed)
	require.NoError(t, err)
	assert.Equal(t, "json", o.Encoding)
	assert.Equal(t, []keyset.ID{"our-decrypt", "our-rsa"}, o.Recipients)
	assert.Equal(t, []string{"ECDH-ES+A256KW", "RSA-OAEP-256"}, o.Algorithms)

	t.Run("go-jose opens it", func(t *testing.T) {
		token, err := jose.ParseEncryptedJSON(string(sealed), []jose.KeyAlgorithm{jose.ECDH_ES_A256KW, jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A256GCM})
		require.NoError(t, err)
		_, _, content, err := token.DecryptMulti(rsaKeys[1]())
		require.NoError(t, err)
		signed, err := jose.ParseSignedJSON(string(content), []jose.SignatureAlgorithm{jose.ES256, jose.PS256})
		require.NoError(t, err)
		_, _, payload, err := signed.VerifyMulti(&rsaKeys[0]().PublicKey)
		require.NoError(t, err)
		assert.Equal(t, `{"a":1}`, string(payload))
	})
	t.Run("one recipient has a header that is all protected", func(t *testing.T) {
		var m map[string]any
		require.NoError(t, json.Unmarshal(seal(t, w.theirs(t, jwe.Config{JSON: true}), "x"), &m))
		assert.NotContains(t, m["recipients"].([]any)[0], "header")
		assert.JSONEq(t, `"our-decrypt"`, string(member(t, unb64(t, m["protected"].(string)), "kid")))
		assert.JSONEq(t, `"JOSE+JSON"`, string(member(t, unb64(t, m["protected"].(string)), "cty")))
	})
	t.Run("without a signature", func(t *testing.T) {
		only := []envelope.Waiver{jwe.InsecureEncryptOnly("test")}
		sealed := seal(t, w.theirs(t, jwe.Config{JSON: true, Waive: only}), "x")
		assert.Equal(t, "x", string(open(t, w.ours(t, jwe.Config{Waive: only}), sealed).Payload))
		rejects(t, w.ours(t, jwe.Config{}), sealed, envelope.Unsigned)
	})
	t.Run("algorithms for one recipient alone", func(t *testing.T) {
		_, err := w.theirs(t, jwe.Config{JSON: true, Peer: set(t, public(w.ourDecrypt, encryption(t, "", newEC(t, curve256)))...),
			Seal: jwe.Algorithms{Key: jwe.ECDHES}}).Seal(t.Context(), nil)
		assert.ErrorContains(t, err, "one recipient")
	})
	t.Run("as many recipients as a set can hold", func(t *testing.T) {
		var keys []*jwe.Key
		for range keyset.MaxKeys {
			keys = append(keys, encryption(t, "", newX(t)).Public().(*jwe.Key))
		}
		sealed := seal(t, w.theirs(t, jwe.Config{JSON: true, Peer: set(t, keys...)}), "x")
		var m map[string]any
		require.NoError(t, json.Unmarshal(sealed, &m))
		assert.Len(t, m["recipients"], keyset.MaxKeys)
	})
}

func member(t testing.TB, object []byte, name string) json.RawMessage {
	var m map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(object, &m))
	return m[name]
}

// Both layers in every serialization, mixed, with everything around them that
// decides nothing.
func TestJSONForms(t *testing.T) {
	s := newStage(t, jwe.Config{})
	to := &s.decrypt.PublicKey
	const protected = `{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"dec"}`
	one := signatureOf(t, s.sign, goodJWS, "{}")
	flat := string(members{"payload": b64([]byte("{}")), "protected": one["protected"], "signature": one["signature"]}.text(t))
	compactJWS := one["protected"].(string) + "." + b64([]byte("{}")) + "." + one["signature"].(string)
	base := sealedJSON(t, to, protected, "", flat)
	bare := sealedJSON(t, to, `{"enc":"A256GCM"}`, "", flat)
	stranger := map[string]any{"header": map[string]any{"alg": "RSA-OAEP-256", "kid": "nobody"}, "encrypted_key": b64(random(256))}
	var digest [32]byte
	for name, token := range map[string][]byte{
		"compact in flattened":         sealedJSON(t, to, protected, "", compactJWS).text(t),
		"flattened":                    base.text(t),
		"flattened in compact":         []byte(encryptTo(t, to, goodJWE, flat)),
		"general in compact":           []byte(encryptTo(t, to, goodJWE, signedJSON(t, "{}", one))),
		"general":                      sealedJSON(t, to, protected, "", signedJSON(t, "{}", one)).text(t),
		"with aad":                     sealedJSON(t, to, protected, "not secret", flat).text(t),
		"with spaces":                  []byte(" \n" + string(base.text(t)) + "\n"),
		"with another member":          with(base, members{"comment": map[string]any{"alg": "none"}}).text(t),
		"one recipient":                generalOf(base, nil).text(t),
		"algorithm outside":            generalOf(bare, map[string]any{"alg": "RSA-OAEP-256", "kid": "dec"}).text(t),
		"algorithm outside, flattened": with(bare, members{"header": map[string]any{"alg": "RSA-OAEP-256"}}).text(t),
		"strange unprotected parameters": with(base, members{"unprotected": map[string]any{"iat": 1, "typ": "x", "jwk": 7, "jku": "http://example.com"},
			"header": map[string]any{"x5c": "x", "p2c": 1e9, "sub": []any{nil}}}).text(t),
		"beside a stranger": generalOf(bare, map[string]any{"alg": "RSA-OAEP-256"}, stranger).text(t),
		"beside recipients that are not possible": generalOf(bare, map[string]any{"alg": "RSA-OAEP-256", "kid": "dec"},
			map[string]any{"header": map[string]any{"alg": "ROT13"}}, map[string]any{"encrypted_key": "AAAA"},
			map[string]any{"header": map[string]any{"alg": "dir"}, "encrypted_key": ""}, map[string]any{"header": map[string]any{"alg": "ECDH-ES"}},
			map[string]any{"header": map[string]any{"alg": "ECDH-ES+A256KW", "epk": "x"}, "encrypted_key": b64(random(40))},
			map[string]any{"header": map[string]any{"alg": "RSA1_5"}, "encrypted_key": b64(random(256))}).text(t),
		"hint beside the signature": sealedJSON(t, to, protected, "", signedJSON(t, "{}",
			with(signatureOf(t, s.sign, `{"alg":"ES256"}`, "{}"), members{"header": map[string]any{"kid": "sig", "alg2": "none", "jwk": 1}}))).text(t),
		"false hint beside the signature": sealedJSON(t, to, protected, "", signedJSON(t, "{}",
			with(signatureOf(t, s.sign, `{"alg":"ES256"}`, "{}"), members{"header": map[string]any{"kid": "sig-old"}}))).text(t),
	} {
		t.Run(name, func(t *testing.T) {
			m := open(t, s.receiver, token)
			assert.Equal(t, "{}", string(m.Payload))
			assert.Empty(t, m.Header, "nothing that is not signed")
			require.Len(t, m.Signers, 1)
			if !strings.Contains(name, "hint") { // which signs other octets
				if digest == [32]byte{} {
					digest = m.Signers[0].Digest
				}
				assert.Equal(t, digest, m.Signers[0].Digest, "however it is spelled")
			}
		})
	}
}

// Signatures are judged one by one.
func TestJSONSignatures(t *testing.T) {
	s := newStage(t, jwe.Config{})
	good := signatureOf(t, s.sign, goodJWS, "{}")
	unprotected := map[string]any{"header": map[string]any{"alg": "ES256", "kid": "sig"}, "signature": b64(random(64))}
	for _, tt := range []struct {
		name   string
		other  any
		reason envelope.Reason // of the other alone
	}{
		{"unlisted algorithm", map[string]any{"protected": b64([]byte(`{"alg":"HS256","kid":"sig"}`)), "signature": b64(random(32))}, envelope.Forbidden},
		{"alg none", map[string]any{"protected": b64([]byte(`{"alg":"none"}`)), "signature": ""}, envelope.Forbidden},
		{"unknown algorithm", map[string]any{"protected": b64([]byte(`{"alg":"ES256K"}`)), "signature": b64(random(64))}, envelope.Forbidden},
		{"a stranger", signatureOf(t, s.stranger, `{"alg":"ES256","kid":"nobody"}`, "{}"), envelope.UnknownSigner},
		{"a bad signature", signatureOf(t, s.stranger, goodJWS, "{}"), envelope.BadSignature},
		{"a revoked key", signatureOf(t, s.revokedSign, `{"alg":"ES256","kid":"sig-old"}`, "{}"), envelope.RevokedSigner},
		{"our own", signatureOf(t, s.ourSign, `{"alg":"ES256"}`, "{}"), envelope.Misdirected},
		{"crit", signatureOf(t, s.sign, `{"alg":"ES256","crit":["exp"],"exp":1}`, "{}"), envelope.Forbidden},
		{"b64", signatureOf(t, s.sign, `{"alg":"ES256","b64":false}`, "{}"), envelope.Forbidden},
		{"its own jwk", signatureOf(t, s.sign, `{"alg":"ES256","jwk":{}}`, "{}"), envelope.Forbidden},
		{"zip", signatureOf(t, s.sign, `{"alg":"ES256","zip":"DEF"}`, "{}"), envelope.Forbidden},
		{"dated in the future", signatureOf(t, s.sign, `{"alg":"ES256","iat":9999999999}`, "{}"), envelope.OutOfTime},
		{"a date that is none", signatureOf(t, s.sign, `{"alg":"ES256","iat":"now"}`, "{}"), envelope.Malformed},
		{"algorithm not protected", unprotected, envelope.Unsigned},
		{"algorithm in two places", with(good, members{"header": map[string]any{"alg": "ES256"}}), envelope.Malformed},
		{"no algorithm", signatureOf(t, s.sign, `{}`, "{}"), envelope.Malformed},
		{"header not JSON", map[string]any{"protected": b64([]byte(`{`)), "signature": "AAAA"}, envelope.Malformed},
		{"header not base64", map[string]any{"protected": "!", "signature": "AAAA"}, envelope.Malformed},
		{"signature not base64", with(good, members{"signature": "A"}), envelope.Malformed},
		{"signature a number", with(good, members{"signature": 1}), envelope.Malformed},
		{"no signature", with(good, members{"signature": nil}), envelope.BadSignature},
		{"unprotected crit", with(good, members{"header": map[string]any{"crit": []any{"x"}}}), envelope.Malformed},
		{"unprotected header an array", with(good, members{"header": []any{}}), envelope.Malformed},
		{"protected a number", map[string]any{"protected": 1, "signature": "AAAA"}, envelope.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rejects(t, s.receiver, []byte(s.inner(t, signedJSON(t, "{}", tt.other))), tt.reason)
			for i, both := range [][]any{{tt.other, good}, {good, tt.other}} {
				m := open(t, s.receiver, []byte(s.inner(t, signedJSON(t, "{}", both...))))
				require.Len(t, m.Signers, 1, i)
				assert.True(t, m.SignedBy(signing(t, "", s.sign).Info().ID))
			}
		})
	}
	t.Run("one that says the same twice", func(t *testing.T) {
		m := open(t, s.receiver, []byte(s.inner(t, signedJSON(t, "{}", good, signatureOf(t, s.sign, goodJWS, "{}")))))
		assert.Len(t, m.Signers, 1)
	})
	t.Run("the account", func(t *testing.T) {
		m := open(t, s.receiver, []byte(s.inner(t, signedJSON(t, "{}",
			signatureOf(t, s.stranger, `{"alg":"ES256","kid":"nobody"}`, "{}"), good, signatureOf(t, s.revokedSign, `{"alg":"ES256"}`, "{}")))))
		assert.Equal(t, []keyset.ID{"nobody"}, m.Unknown)
		require.Len(t, m.Ignored, 1)
		assert.Equal(t, signing(t, "", s.revokedSign).Info().ID, m.Ignored[0].ID)
		assert.Equal(t, keyset.Revoked, m.Ignored[0].State)
	})
	t.Run("what one says is not said by another", func(t *testing.T) {
		w := newWorld(t)
		old, fresh := newEC(t, curve256), newEC(t, curve256)
		at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
		w.ourDecrypt = encryption(t, "dec", rsaKeys[1]())
		us := w.ours(t, jwe.Config{Peer: set(t, public(signing(t, "old", old))...), MaxAge: time.Minute, Now: clock(at),
			Self: "us", Partner: "them", OpenContext: "order", RequireBound: true})
		token := func(signatures ...any) []byte {
			return []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signedJSON(t, "{}", signatures...)))
		}
		full := func(iat int64) string {
			return fmt.Sprintf(`{"alg":"ES256","iat":%d,"iss":"them","aud":"us","sealwax-context":"order"}`, iat)
		}
		open(t, us, token(signatureOf(t, old, full(at.Unix()), "{}")))
		// The old signature has everything but the date, the fresh one of a
		// stranger has the date.
		rejects(t, us, token(signatureOf(t, old, full(at.Unix()-61), "{}"), signatureOf(t, fresh, full(at.Unix()), "{}")), envelope.OutOfTime)
		rejects(t, us, token(signatureOf(t, old, fmt.Sprintf(`{"alg":"ES256","iat":%d}`, at.Unix()), "{}"), signatureOf(t, fresh, full(at.Unix()), "{}")), envelope.Misdirected)
		m := open(t, us, token(signatureOf(t, fresh, fmt.Sprintf(`{"alg":"ES256","iat":%d,"typ":"evil"}`, at.Unix()), "{}"), signatureOf(t, old, full(at.Unix()), "{}")))
		assert.NotContains(t, m.Header, "typ")
	})
	t.Run("named keys first, and no more work than a message is worth", func(t *testing.T) {
		var keys []*jwe.Key
		var raw []*ecdsa.PrivateKey
		for i := range 16 {
			k := newEC(t, curve256)
			raw, keys = append(raw, k), append(keys, signing(t, fmt.Sprint("k", i), k).Public().(*jwe.Key))
		}
		w := newWorld(t)
		w.ourDecrypt = encryption(t, "dec", rsaKeys[1]())
		us := w.ours(t, jwe.Config{Peer: set(t, keys...)})
		var flood []any
		for range 31 {
			flood = append(flood, signatureOf(t, s.stranger, `{"alg":"ES256"}`, "{}"))
		}
		token := func(signatures ...any) []byte {
			return []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signedJSON(t, "{}", signatures...)))
		}
		named := signatureOf(t, raw[15], `{"alg":"ES256","kid":"k15"}`, "{}")
		assert.Len(t, open(t, us, token(append(flood, named)...)).Signers, 1)
		rejects(t, us, token(append(flood, signatureOf(t, raw[15], `{"alg":"ES256"}`, "{}"))...), envelope.TooLarge)
		rejects(t, us, token(append(flood, named, named)...), envelope.TooLarge)
	})
}

func TestHostileJSON(t *testing.T) {
	s := newStage(t, jwe.Config{})
	to := &s.decrypt.PublicKey
	content := signES256(t, s.sign, goodJWS, "{}")
	base := sealedJSON(t, to, goodJWE, "", content)
	bare := sealedJSON(t, to, `{"enc":"A256GCM"}`, "", content)
	open(t, s.receiver, base.text(t))
	recipient := map[string]any{"header": map[string]any{"alg": "RSA-OAEP-256"}, "encrypted_key": bare["encrypted_key"]}
	many := func(n int) (out []any) {
		for range n {
			out = append(out, recipient)
		}
		return out
	}
	raw := func(text string) []byte { return []byte(strings.Replace(string(base.text(t)), "{", text, 1)) }
	for _, tt := range []struct {
		name   string
		token  []byte
		reason envelope.Reason
	}{
		{"an empty object", []byte("{}"), envelope.Malformed},
		{"an array", []byte("[]"), envelope.Malformed},
		{"cut off", base.text(t)[:200], envelope.Malformed},
		{"text after it", append(base.text(t), "{}"...), envelope.Malformed},
		{"not UTF-8", raw("{\"x\":\"\xff\","), envelope.Malformed},
		{"a member twice", raw(`{"tag":"AAAA",`), envelope.Malformed},
		{"a member twice, once escaped", raw(`{"t\u0061g":"AAAA",`), envelope.Malformed},
		{"a member in another letter case", raw(`{"Tag":"AAAA",`), envelope.Malformed},
		{"too many members", raw("{" + strings.Join(func() (out []string) {
			for i := range 64 {
				out = append(out, fmt.Sprintf(`"m%d":1`, i))
			}
			return out
		}(), ",") + ","), envelope.Malformed},
		{"nothing protected", with(base, members{"protected": nil}).text(t), envelope.Malformed},
		{"protected empty", with(base, members{"protected": ""}).text(t), envelope.Malformed},
		{"protected an object", with(base, members{"protected": members{}}).text(t), envelope.Malformed},
		{"no ciphertext", with(base, members{"ciphertext": nil}).text(t), envelope.Malformed},
		{"ciphertext a number", with(base, members{"ciphertext": 1}).text(t), envelope.Malformed},
		{"ciphertext with padding", with(base, members{"ciphertext": base["ciphertext"].(string) + "="}).text(t), envelope.Malformed},
		{"ciphertext with an escape", []byte(strings.Replace(string(base.text(t)), `"ciphertext":"`, `"ciphertext":"\u0041`, 1)), envelope.Malformed},
		{"no tag", with(base, members{"tag": nil}).text(t), envelope.Malformed},
		{"no iv", with(base, members{"iv": nil}).text(t), envelope.Malformed},
		{"no encrypted key", with(base, members{"encrypted_key": nil}).text(t), envelope.Malformed},
		{"aad that is not authentic", with(base, members{"aad": "AAAA"}).text(t), envelope.Corrupt},
		{"aad that is empty", with(base, members{"aad": ""}).text(t), envelope.Corrupt},
		{"aad not base64", with(base, members{"aad": "A"}).text(t), envelope.Malformed},
		{"enc not protected", with(sealedJSON(t, to, `{"alg":"RSA-OAEP-256"}`, "", content), members{"unprotected": map[string]any{"enc": "A256GCM"}}).text(t), envelope.Malformed},
		{"enc of the recipient", with(sealedJSON(t, to, `{"alg":"RSA-OAEP-256"}`, "", content), members{"header": map[string]any{"enc": "A256GCM"}}).text(t), envelope.Malformed},
		{"alg shared and beside a recipient", with(bare, members{"unprotected": map[string]any{"alg": "RSA-OAEP-256"}, "header": map[string]any{"alg": "RSA-OAEP-256"}}).text(t), envelope.Malformed},
		{"alg in two places", with(base, members{"header": map[string]any{"alg": "RSA-OAEP-256"}}).text(t), envelope.Malformed},
		{"kid in two places", with(base, members{"unprotected": map[string]any{"kid": "dec"}}).text(t), envelope.Malformed},
		{"a parameter in two unprotected places", with(base, members{"header": map[string]any{"x": 1}, "unprotected": map[string]any{"X": 1}}).text(t), envelope.Malformed},
		{"alg not a string", with(bare, members{"header": map[string]any{"alg": 1}}).text(t), envelope.Malformed},
		{"alg in another letter case", with(bare, members{"header": map[string]any{"ALG": "RSA-OAEP-256"}}).text(t), envelope.Malformed},
		{"crit not protected", with(base, members{"unprotected": map[string]any{"crit": []any{"exp"}}}).text(t), envelope.Malformed},
		{"crit of the recipient", with(base, members{"header": map[string]any{"crit": []any{"exp"}}}).text(t), envelope.Malformed},
		{"zip not protected", with(base, members{"unprotected": map[string]any{"zip": "DEF"}}).text(t), envelope.Malformed},
		{"header an array", with(base, members{"header": []any{}}).text(t), envelope.Malformed},
		{"header too large", with(base, members{"header": map[string]any{"x": strings.Repeat("x", 8<<10)}}).text(t), envelope.Malformed},
		{"header nested too deep", with(base, members{"header": map[string]any{"x": json.RawMessage(strings.Repeat("[", 17) + strings.Repeat("]", 17))}}).text(t), envelope.Malformed},
		{"unprotected a string", with(base, members{"unprotected": "e30"}).text(t), envelope.Malformed},
		{"recipients beside an encrypted key", with(base, members{"recipients": many(1)}).text(t), envelope.Malformed},
		{"recipients an object", with(bare, members{"encrypted_key": nil, "recipients": recipient}).text(t), envelope.Malformed},
		{"no recipients", with(bare, members{"encrypted_key": nil, "recipients": []any{}}).text(t), envelope.Malformed},
		{"a recipient that is a string", with(bare, members{"encrypted_key": nil, "recipients": []any{"x"}}).text(t), envelope.Malformed},
		{"33 recipients", with(bare, members{"encrypted_key": nil, "recipients": many(33)}).text(t), envelope.TooLarge},
		{"only algorithms that are not allowed", generalOf(bare, map[string]any{"alg": "dir"}, map[string]any{"header": map[string]any{"alg": "A256KW"}}).text(t), envelope.Forbidden},
		{"ECDH-ES to several", generalOf(bare, map[string]any{"alg": "ECDH-ES"}, map[string]any{"header": map[string]any{"alg": "ECDH-ES"}}).text(t), envelope.Malformed},
		{"alg dir", sealedJSON(t, to, `{"alg":"dir","enc":"A256GCM"}`, "", content).text(t), envelope.Forbidden},
		{"the header of the JWE changed", with(base, members{"protected": b64([]byte(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`))}).text(t), envelope.Corrupt},
		{"a JWS", []byte(signedJSON(t, "{}", signatureOf(t, s.sign, goodJWS, "{}"))), envelope.Malformed},

		{"JWS with signature and signatures", []byte(s.inner(t, string(members{"payload": "e30", "signature": "AAAA", "signatures": []any{}}.text(t)))), envelope.Unsigned},
		{"JWS without signatures", []byte(s.inner(t, signedJSON(t, "{}"))), envelope.Unsigned},
		{"JWS with signatures null", []byte(s.inner(t, `{"payload":"e30","signatures":null}`)), envelope.Unsigned},
		{"JWS payload an object", []byte(s.inner(t, `{"payload":{},"signatures":[]}`)), envelope.Unsigned},
		{"JWS payload not base64", []byte(s.inner(t, `{"payload":"A","signatures":[{}]}`)), envelope.Unsigned},
		{"JWS payload changed", []byte(s.inner(t, strings.Replace(signedJSON(t, "{}", signatureOf(t, s.sign, goodJWS, "{}")), `"payload":"e30"`, `"payload":"e31"`, 1))), envelope.Malformed},
		{"JWS another payload", []byte(s.inner(t, strings.Replace(signedJSON(t, "{}", signatureOf(t, s.sign, goodJWS, "{}")), `"payload":"e30"`, `"payload":"AAAA"`, 1))), envelope.BadSignature},
		{"JWS detached", []byte(s.inner(t, string(with(signatureOf(t, s.sign, goodJWS, "{}"), nil).text(t)))), envelope.Unsigned},
		{"33 signatures", []byte(s.inner(t, signedJSON(t, "{}", make([]any, 33)...))), envelope.Unsigned},
		{"33 signatures that are objects", []byte(s.inner(t, signedJSON(t, "{}", many(33)...))), envelope.Unsigned},
		{"a JWE in the JWE", []byte(s.inner(t, string(base.text(t)))), envelope.Unsigned},
	} {
		t.Run(tt.name, func(t *testing.T) { rejects(t, s.receiver, tt.token, tt.reason) })
	}
}

// What is wrong with one recipient is no harm to another, and "alg" may stand in the
// shared header, which nothing protects either, as old versions of panva's jose have it.
func TestRecipientsInJSON(t *testing.T) {
	s := newStage(t, jwe.Config{})
	to := &s.decrypt.PublicKey
	bare := sealedJSON(t, to, `{"enc":"A256GCM"}`, "", signES256(t, s.sign, goodJWS, "{}"))
	good := map[string]any{"header": map[string]any{"alg": "RSA-OAEP-256"}, "encrypted_key": bare["encrypted_key"]}
	without := func(recipients ...any) []byte {
		return with(bare, members{"encrypted_key": nil, "recipients": recipients}).text(t)
	}
	for name, bad := range map[string]any{
		"a key that is not base64":    map[string]any{"header": map[string]any{"alg": "RSA-OAEP-256"}, "encrypted_key": "!"},
		"an algorithm of no type":     map[string]any{"header": map[string]any{"alg": 1}, "encrypted_key": "AAAA"},
		"a header that is none":       map[string]any{"header": []any{}, "encrypted_key": "AAAA"},
		"what has to be protected":    map[string]any{"header": map[string]any{"alg": "RSA-OAEP-256", "crit": []any{"x"}}},
		"an ephemeral key of no type": map[string]any{"header": map[string]any{"alg": "ECDH-ES+A256KW", "epk": "x"}, "encrypted_key": "AAAA"},
		"nothing":                     map[string]any{},
	} {
		open(t, s.receiver, without(bad, good))
		open(t, s.receiver, without(good, bad))
		rejects(t, s.receiver, without(bad), envelope.Malformed)
		_ = name
	}
	shared := with(bare, members{"unprotected": map[string]any{"alg": "RSA-OAEP-256"}})
	open(t, s.receiver, shared.text(t))
	open(t, s.receiver, with(shared, members{"encrypted_key": nil, "recipients": []any{map[string]any{"encrypted_key": bare["encrypted_key"], "header": map[string]any{"kid": "dec"}}}}).text(t))
	rejects(t, s.receiver, with(shared, members{"unprotected": map[string]any{"alg": "RSA1_5"}}).text(t), envelope.Forbidden)
}

// Signatures of EdDSA are verified one after another in one place: a message costs no
// more memory for having many.
func TestManySignaturesOfEdDSA(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes 256 MiB")
	}
	payload := strings.Repeat("x", 1<<20)
	w := newWorld(t)
	w.ourDecrypt = encryption(t, "dec", rsaKeys[1]())
	var raw []ed25519.PrivateKey
	var keys []*jwe.Key
	for range 8 {
		raw = append(raw, newEd(t))
		keys = append(keys, signing(t, "", raw[len(raw)-1]))
	}
	us := w.ours(t, jwe.Config{Peer: set(t, public(keys...)...)})
	token := func(n int) []byte {
		var all []any
		for i := range n {
			header := b64([]byte(`{"alg":"EdDSA","n":` + fmt.Sprint(i) + `}`))
			signature := ed25519.Sign(raw[i%len(raw)], []byte(header+"."+b64([]byte(payload))))
			all = append(all, map[string]any{"protected": header, "signature": b64(signature)})
		}
		return []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signedJSON(t, payload, all...)))
	}
	allocated := func(n int) float64 {
		sealed := token(n)
		open(t, us, sealed)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 4 {
			m := open(t, us, sealed)
			assert.Positive(t, len(m.Signers))
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / 4
	}
	one, many := allocated(1), allocated(8)
	assert.Less(t, many, 1.5*one, "bytes for a message with 8 signatures, and with 1")

	// What is more than a message is worth is not looked at, and what was found counts.
	m := open(t, us, token(32))
	assert.Positive(t, len(m.Signers))
	assert.Less(t, len(m.Signers), 32)
}
