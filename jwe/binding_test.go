package jwe_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
)

func TestBinding(t *testing.T) {
	const unnamed = `{"alg":"ES256"}`
	for _, tt := range []struct {
		name            string
		header, payload string // "alg" is added
		reason          envelope.Reason
		bound           bool
	}{
		{name: "bound in the header", header: `"iss":"them","aud":"us"`, payload: "x", bound: true},
		{name: "bound in the payload", payload: `{"iss":"them","aud":"us"}`, bound: true},
		{name: "bound in both", header: `"iss":"them","aud":"us"`, payload: `{"iss":"them","aud":"us"}`, bound: true},
		{name: "bound half and half", header: `"iss":"them"`, payload: `{"aud":"us"}`, bound: true},
		{name: "one of several", header: `"iss":"them","aud":["others","us"]`, payload: "x", bound: true},
		{name: "escaped names in the payload", payload: `{"\u0069ss":"them","a\u0075d":"us"}`, bound: true},
		{name: "bound to nobody", payload: "x"},
		{name: "only by name of the sender", header: `"iss":"them"`, payload: "x"},
		{name: "only to a recipient", header: `"aud":"us"`, payload: "x"},
		{name: "names deeper inside the payload", payload: `{"a":{"iss":"x","aud":"y"},"b":["iss","aud"]}`},
		{name: "a payload that names nobody", header: `"iss":"them","aud":"us"`, payload: `{"aud":null,"iss":null}`, bound: true},
		{name: "a payload that is no JSON and no claims", header: `"iss":"them","aud":"us"`, payload: `{"a": 1,}`, bound: true},
		// What cannot be judged is not taken for harmless: another program may read a name in it.
		{name: "an audience in the payload that is a number", header: `"iss":"them","aud":"us"`, payload: `{"aud":12.50}`, reason: envelope.Misdirected},
		{name: "an audience in the payload that is an object", payload: `{"aud":{"name":"others"}}`, reason: envelope.Misdirected},
		{name: "an audience in the payload with a number in its list", payload: `{"iss":"them","aud":["us",7]}`, reason: envelope.Misdirected},
		{name: "a sender in the payload that is no name", payload: `{"iss":["them"],"aud":"us"}`, reason: envelope.Misdirected},
		{name: "claims with an octet of Latin-1", payload: "{\"aud\":\"others\",\"name\":\"M\xfcller\"}", reason: envelope.Misdirected},
		{name: "claims behind a byte order mark", payload: "\xef\xbb\xbf{\"aud\":\"others\"}", reason: envelope.Misdirected},
		{name: "claims before a second document", payload: `{"aud":"others"} {}`, reason: envelope.Misdirected},
		{name: "claims in UTF-16, little end first", payload: unitsOf(`{"aud":"others"}`, 2, true), reason: envelope.Misdirected},
		{name: "claims in UTF-16, big end first", payload: unitsOf(`{"aud":"others"}`, 2, false), reason: envelope.Misdirected},
		{name: "claims in UTF-32, little end first", payload: unitsOf(`{"aud":"others"}`, 4, true), reason: envelope.Misdirected},
		{name: "claims in UTF-32, big end first", payload: unitsOf(`{"aud":"others"}`, 4, false), reason: envelope.Misdirected},
		{name: "claims in UTF-16 behind a byte order mark", payload: "\xff\xfe" + unitsOf(`{"aud":"others"}`, 2, true), reason: envelope.Misdirected},
		{name: "claims in UTF-32 behind a byte order mark", payload: "\x00\x00\xfe\xff" + unitsOf(` {"aud":"others"}`, 4, false), reason: envelope.Misdirected},
		{name: "claims in UTF-16, escaped", payload: unitsOf(`{"a\u0075d":"others"}`, 2, true), reason: envelope.Misdirected},
		{name: "an object without claims in UTF-16", header: `"iss":"them","aud":"us"`, payload: unitsOf(`{"a":1}`, 2, true), bound: true},
		{name: "octets that are no text", header: `"iss":"them","aud":"us"`, payload: "\x00\x00\xff{\"aud\"", bound: true},
		{name: "a payload that is no object", payload: `["iss","aud"]`},
		{name: "claims without an end", payload: `{"iss":"x","aud":"y"`, reason: envelope.Misdirected},
		{name: "to others, in the header", header: `"iss":"them","aud":"others"`, payload: "x", reason: envelope.Misdirected},
		{name: "to several others", header: `"iss":"them","aud":["a","b"]`, payload: "x", reason: envelope.Misdirected},
		{name: "to an empty list", header: `"iss":"them","aud":[]`, payload: "x", reason: envelope.Misdirected},
		{name: "by others", header: `"iss":"others","aud":"us"`, payload: "x", reason: envelope.Misdirected},
		{name: "by us", header: `"iss":"us","aud":"them"`, payload: "x", reason: envelope.Misdirected},
		{name: "names that are none", header: `"iss":1,"aud":"us"`, payload: "x", reason: envelope.Misdirected},
		{name: "an audience that is none", header: `"iss":"them","aud":{"us":1}`, payload: "x", reason: envelope.Misdirected},
		{name: "to others, in the payload", payload: `{"iss":"them","aud":"others"}`, reason: envelope.Misdirected},
		{name: "to others, in the payload, escaped", payload: `{"\u0061ud":"others"}`, reason: envelope.Misdirected},
		{name: "to us in the header, to others in the payload", header: `"iss":"them","aud":"us"`, payload: ` {"aud":"others"}`, reason: envelope.Misdirected},
		{name: "to others in the header, to us in the payload", header: `"aud":"others"`, payload: `{"iss":"them","aud":"us"}`, reason: envelope.Misdirected},
		{name: "twice in the payload", payload: `{"iss":"them","aud":"others","aud":"us"}`, reason: envelope.Misdirected},
		{name: "in letter-case variants in the header", header: `"iss":"them","aud":"us","Aud":"others"`, payload: "x", reason: envelope.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			signKey := newEC(t, curve256)
			w.theirSign, w.ourDecrypt = signing(t, "sig", signKey), encryption(t, "dec", rsaKeys[1]())
			header := unnamed
			if tt.header != "" {
				header = `{"alg":"ES256",` + tt.header + `}`
			}
			token := []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, signKey, header, tt.payload)))

			us := w.ours(t, jwe.Config{Self: "us", Partner: "them"})
			strict := w.ours(t, jwe.Config{Self: "us", Partner: "them", RequireBound: true})
			if tt.reason != "" {
				rejects(t, us, token, tt.reason)
				rejects(t, strict, token, tt.reason)
				return
			}
			assert.Equal(t, tt.bound, open(t, us, token).Bound)
			if tt.bound {
				assert.True(t, open(t, strict, token).Bound)
			} else {
				rejects(t, strict, token, envelope.Misdirected)
			}
			assert.False(t, open(t, w.ours(t, jwe.Config{}), token).Bound, "without names nothing can be said")
		})
	}
}

// unitsOf returns a text in UTF-16 or UTF-32.
func unitsOf(text string, size int, little bool) string {
	var out []byte
	for _, c := range []byte(text) {
		unit := make([]byte, size)
		if little {
			unit[0] = c
		} else {
			unit[size-1] = c
		}
		out = append(out, unit...)
	}
	return string(out)
}

// Seal writes what Open looks for.
func TestSealBinds(t *testing.T) {
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t)
	them := w.theirs(t, jwe.Config{Self: "them", Partner: "us", SealContext: "order", OpenContext: "reply", Now: clock(at)})
	us := w.ours(t, jwe.Config{Self: "us", Partner: "them", OpenContext: "order", RequireBound: true, MaxAge: time.Minute, Now: clock(at)})
	m := open(t, us, seal(t, them, `{"amount":1}`))
	assert.True(t, m.Bound)
	assert.True(t, m.Signers[0].Time.Equal(at))
	assert.Equal(t, "them", m.Header["iss"])
	assert.Equal(t, "us", m.Header["aud"])
	assert.Equal(t, "order", m.Header["sealwax-context"])
	assert.Len(t, m.Header["jti"], 22)
	assert.NotContains(t, m.Header, "alg")
	assert.NotContains(t, m.Header, "kid")
}

// X sends us an echo request, takes our signed reply, and encrypts it anew to Y
// as an order of ours: surreptitious forwarding, trap J18.
func TestForwarding(t *testing.T) {
	w := newWorld(t)
	xDecrypt := newEC(t, curve256)
	yWorld := newWorld(t)
	our := func(partner string, peer *jwe.Key) *jwe.Envelope {
		return newEnvelope(t, jwe.Config{Own: set(t, w.ourSign, w.ourDecrypt), Peer: set(t, peer.Public().(*jwe.Key)),
			Self: "us", Partner: partner})
	}
	token, err := jose.ParseEncryptedCompact(string(seal(t, our("x", encryption(t, "x", xDecrypt)), `{"order":1}`)),
		[]jose.KeyAlgorithm{jose.ECDH_ES_A256KW}, []jose.ContentEncryption{jose.A256GCM})
	require.NoError(t, err)
	signed, err := token.Decrypt(xDecrypt)
	require.NoError(t, err)

	forwarded := encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, string(signed))
	y := func(c jwe.Config) *jwe.Envelope {
		c.Own, c.Peer = set(t, yWorld.ourSign, encryption(t, "y", rsaKeys[1]())), set(t, public(w.ourSign)...)
		return newEnvelope(t, c)
	}
	open(t, y(jwe.Config{}), []byte(forwarded)) // what happens to those who give no names
	rejects(t, y(jwe.Config{Self: "y", Partner: "us"}), []byte(forwarded), envelope.Misdirected)
	rejects(t, y(jwe.Config{Self: "y", Partner: "us", RequireBound: true}), []byte(forwarded), envelope.Misdirected)
}

func TestContext(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		sealed, opened string
		ok             bool
	}{
		{"", "", true}, {"order", "", true}, {"order", "order", true},
		{"", "order", false}, {"refund", "order", false}, {"Order", "order", false},
	} {
		c := jwe.Config{SealContext: tt.sealed}
		if tt.sealed != "" {
			c.OpenContext = "reply"
		}
		sealed := seal(t, w.theirs(t, c), "x")
		us := w.ours(t, jwe.Config{OpenContext: tt.opened})
		if tt.ok {
			open(t, us, sealed)
		} else {
			rejects(t, us, sealed, envelope.Misdirected)
		}
	}
}

// One key on both sides, as in a careless sandbox: our messages do not come
// back as the partner's.
func TestReflectionWithSharedKey(t *testing.T) {
	w := newWorld(t)
	us := w.ours(t, jwe.Config{Peer: set(t, public(w.ourSign, w.ourDecrypt)...)})
	rejects(t, us, seal(t, us, "x"), envelope.Misdirected)
}

// The digest is that of what was signed, however it is encrypted; two messages
// with one payload differ where the parties are named.
func TestDigest(t *testing.T) {
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign, w.ourDecrypt = signing(t, "sig", signKey), encryption(t, "dec", rsaKeys[1]())
	us := w.ours(t, jwe.Config{})
	signed := signES256(t, signKey, goodJWS, "{}")
	digest := func(token string) [32]byte { return open(t, us, []byte(token)).Signers[0].Digest }
	one, two := encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signed), encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signed)
	require.NotEqual(t, one, two)
	assert.Equal(t, digest(one), digest(two))
	assert.NotZero(t, digest(one))
	resigned := signES256(t, signKey, goodJWS, "{}") // ECDSA signs the same bytes differently
	assert.Equal(t, digest(one), digest(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, resigned)))
	assert.NotEqual(t, digest(one), digest(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, signKey, goodJWS, "{ }"))))

	named := w.theirs(t, jwe.Config{Self: "them", Partner: "us", Now: clock(time.Now())})
	assert.NotEqual(t, digest(string(seal(t, named, "{}"))), digest(string(seal(t, named, "{}"))))
}

// Header parameters go out as the partner wants them and come back as they were
// signed; those of the JWE are nobody's.
func TestHeaderParameters(t *testing.T) {
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t)
	list := []any{"a"}
	them := w.theirs(t, jwe.Config{
		Header:       map[string]any{"iat": func(_ context.Context, t time.Time) any { return t.UnixMilli() }, "channel": "web"},
		SignedHeader: map[string]any{"typ": "JWT", "list": list, "cty": "json", "at": func(_ context.Context, t time.Time) any { return t.Unix() }},
		Now:          clock(at), Bare: true,
	})
	list[0] = "changed after New"
	sealed := seal(t, them, "{}")
	m := open(t, w.ours(t, jwe.Config{}), sealed)
	assert.Equal(t, map[string]any{"typ": "JWT", "list": []any{"a"}, "at": float64(at.Unix()), "cty": "json"}, m.Header)

	outer, _, _ := strings.Cut(string(sealed), ".")
	var h map[string]any
	require.NoError(t, json.Unmarshal(unb64(t, outer), &h))
	assert.Equal(t, float64(at.UnixMilli()), h["iat"])
	assert.Equal(t, "web", h["channel"])
	assert.Equal(t, "JWT", h["cty"])
	assert.Equal(t, "our-decrypt", h["kid"])

	other := w.theirs(t, jwe.Config{Header: map[string]any{"cty": "JOSE"}})
	outer, _, _ = strings.Cut(string(seal(t, other, "{}")), ".")
	clear(h)
	require.NoError(t, json.Unmarshal(unb64(t, outer), &h))
	assert.Equal(t, "JOSE", h["cty"])

	// What would fail in each Seal, New finds.
	own, peer := set(t, w.theirSign, w.theirDecrypt), set(t, public(w.ourSign, w.ourDecrypt)...)
	for want, c := range map[string]jwe.Config{
		`Header: header parameter "bad"`: {Header: map[string]any{"bad": func(context.Context, time.Time) any { return make(chan int) }}},
		"SignedHeader: 8194 bytes":       {SignedHeader: map[string]any{"x": strings.Repeat("x", 8<<10-6)}},
	} {
		c.Own, c.Peer = own, peer
		_, err := jwe.New(c)
		assert.ErrorContains(t, err, want)
	}
}

// A function is called once for a message, however many sign it, and sees the context
// of the call: what changes with each request is in there.
func TestHeaderOfTheRequest(t *testing.T) {
	type pathKey struct{}
	w := newWorld(t)
	calls := 0
	them := w.theirs(t, jwe.Config{JSON: true, Own: set(t, w.theirSign, signing(t, "second", newEC(t, curve256))),
		SignedHeader: map[string]any{"url": func(ctx context.Context, _ time.Time) any {
			calls++
			path, _ := ctx.Value(pathKey{}).(string)
			return path
		}}})
	assert.Equal(t, 1, calls, "once by New")
	sealed, err := them.Seal(context.WithValue(t.Context(), pathKey{}, "/v1/pay"), []byte("{}"))
	require.NoError(t, err)
	assert.Equal(t, 2, calls)
	m := open(t, w.ours(t, jwe.Config{}), sealed)
	assert.Equal(t, "/v1/pay", m.Header["url"])
	big := context.WithValue(t.Context(), pathKey{}, strings.Repeat("/", 8<<10))
	_, err = them.Seal(big, nil)
	assert.ErrorContains(t, err, "header of the JWS")
}

// The type of the content decides nothing: the content does.
func TestContentTypes(t *testing.T) {
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign, w.ourDecrypt = signing(t, "sig", signKey), encryption(t, "dec", rsaKeys[1]())
	us := w.ours(t, jwe.Config{})
	for _, cty := range []string{"", `,"cty":"JWT"`, `,"cty":"JOSE"`, `,"cty":"application/jose"`} {
		open(t, us, []byte(encryptTo(t, &rsaKeys[1]().PublicKey, `{"alg":"RSA-OAEP-256","enc":"A256GCM"`+cty+`}`, signES256(t, signKey, goodJWS, "{}"))))
	}
}

// A date is found wherever it stands in a payload, in words of any length.
func TestDateAnywhere(t *testing.T) {
	w := newWorld(t)
	us, them := w.ours(t, jwe.Config{}), w.theirs(t, jwe.Config{Bare: true})
	for n := range 40 {
		for _, name := range []string{`"iat"`, `"i\u0061t"`} {
			for _, payload := range []string{
				`{"` + strings.Repeat("x", n) + `":1,` + name + `:5}`,
				`{` + name + `:5,"` + strings.Repeat("x", n) + `":1}`,
			} {
				assert.Equal(t, int64(5), open(t, us, seal(t, them, payload)).Signers[0].Time.Unix(), payload)
			}
		}
		payload := `{"` + strings.Repeat("x", n) + `":"iat","ia":5,"iat ":5,"Iat":5,"a":{"iat":5}}`
		assert.True(t, open(t, us, seal(t, them, payload)).Signers[0].Time.IsZero(), payload)
	}
}

// Large messages, whose base64 is done in two halves, are no different.
func TestLargeMessages(t *testing.T) {
	w := newWorld(t)
	us, them := w.ours(t, jwe.Config{}), w.theirs(t, jwe.Config{})
	for _, n := range []int{96 << 10, 96<<10 + 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 128<<10 + 2, 400003} {
		payload := string(random(n))
		sealed := seal(t, them, payload)
		assert.Equal(t, payload, string(open(t, us, sealed).Payload))
		assert.NotContains(t, string(sealed), "=")
		for _, at := range []int{len(sealed) / 3, len(sealed) / 2, len(sealed) * 2 / 3} {
			for _, c := range "\n\r=." {
				broken := append([]byte(nil), sealed...)
				broken[at] = byte(c)
				rejects(t, us, broken, envelope.Malformed)
			}
		}
	}
}
