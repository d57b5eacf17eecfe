package jwe_test

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
)

// causeOf returns what the operator reads of a message that is rejected.
func causeOf(t *testing.T, e *jwe.Envelope, sealed string, reason envelope.Reason) string {
	t.Helper()
	oe := rejects(t, e, []byte(sealed), reason)
	require.Error(t, oe.Cause())
	return oe.Cause().Error()
}

// A message that does not open says what it is, as far as anybody can see.
func TestWhatStandsAroundIsTold(t *testing.T) {
	w := newWorld(t)
	us := w.ours(t, jwe.Config{})
	good := string(seal(t, w.theirs(t, jwe.Config{}), "{}"))
	quoted, err := json.Marshal(good)
	require.NoError(t, err)
	around := string(seal(t, w.theirs(t, jwe.Config{Layers: jwe.EncryptThenSign}), "{}"))
	for sealed, want := range map[string]string{
		good + "\n":                    "spaces or line ends stand around it",
		" " + good:                     "spaces or line ends stand around it",
		good[:90] + "\r\n" + good[90:]: "it is broken into lines",
		string(quoted):                 "it is in quotation marks",
		"\xef\xbb\xbf" + good:          "it begins with a byte order mark",
		"Bearer " + good:               `it begins with "Bearer "`,
		around:                         "it is a JWS; if the partner signs what is encrypted, Config.Layers says so",
		good[:len(good)-4] + "/+AA":    `tag: not base64url in its one spelling: "+" or "/" stands in it`,
	} {
		assert.Contains(t, causeOf(t, us, sealed, envelope.Malformed), want)
	}
}

// What is decrypted and no JWS is described without being quoted.
func TestWhatIsInsideIsTold(t *testing.T) {
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign, w.ourDecrypt = signing(t, "sig", signKey), encryption(t, "dec", rsaKeys[1]())
	us := w.ours(t, jwe.Config{})
	signed := signES256(t, signKey, goodJWS, "secret")
	quoted, err := json.Marshal(signed)
	require.NoError(t, err)
	twice := encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signed)
	for content, tt := range map[string]struct {
		reason envelope.Reason
		want   string
	}{
		string(quoted):          {envelope.Malformed, "in quotation marks"},
		signed + "\n":           {envelope.Malformed, "a line end around it"},
		"\xef\xbb\xbf" + signed: {envelope.Malformed, "a byte order mark"},
		twice:                   {envelope.Unsigned, "a JWE once more"},
		`"secret"`:              {envelope.Unsigned, "a JSON string"},
		`{"secret":1}`:          {envelope.Unsigned, "a JSON object"},
		"":                      {envelope.Unsigned, "empty"},
		"secret.x":              {envelope.Unsigned, "not three parts"},
		"secret":                {envelope.Unsigned, "not a JWS"},
		`{"header":"` + b64([]byte(goodJWS)) + `","payload":"e30","signature":"AA"}`: {envelope.Unsigned, "Config.Members"},
	} {
		cause := causeOf(t, us, encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, content), tt.reason)
		assert.Contains(t, cause, tt.want)
		assert.NotContains(t, cause, "secret")
	}
}

func TestWhatTheHeaderAsksForIsTold(t *testing.T) {
	s := newStage(t, jwe.Config{})
	e := s.receiver
	for name, tt := range map[string]struct {
		token  string
		reason envelope.Reason
		want   string
	}{
		"IV":        {part(s.good(t), 2, func(string) string { return b64(random(16)) }), envelope.Forbidden, "InsecureLongIV"},
		"key":       {s.inner(t, signES256(t, s.sign, `{"alg":"ES256","x5c":[]}`, "{}")), envelope.Forbidden, `"x5c", which InsecureCarriedKeys`},
		"algorithm": {s.inner(t, signES256(t, s.sign, `{"alg":"HS256"}`, "{}")), envelope.Forbidden, "HS256"},
		"unknown":   {s.inner(t, signES256(t, s.sign, `{"alg":"my-secret"}`, "{}")), envelope.Forbidden, "which is not registered"},
		"none":      {s.inner(t, signES256(t, s.sign, `{"alg":"none"}`, "{}")), envelope.Forbidden, "none"},
		"iat":       {s.inner(t, signES256(t, s.sign, `{"alg":"ES256","iat":1795601515000}`, "{}")), envelope.OutOfTime, `"iat" is in milliseconds`},
		"salt":      {s.inner(t, signPSS(t, s.signRSA, 20, `{"alg":"PS256"}`, "{}")), envelope.Forbidden, "asks for 32 bytes"},
	} {
		cause := causeOf(t, e, tt.token, tt.reason)
		assert.Contains(t, cause, tt.want, name)
		assert.NotContains(t, cause, "my-secret", name)
	}
}

// The key that the message names is ours and does not decrypt it: which of several
// mistakes it is, this side cannot know, and says so.
func TestAnotherHashOfOAEPIsTold(t *testing.T) {
	w := newWorld(t)
	w.ourDecrypt = encryption(t, "dec", rsaKeys[1]())
	us := w.ours(t, jwe.Config{})
	token := encryptTo(t, &rsaKeys[1]().PublicKey, `{"alg":"RSA-OAEP","enc":"A256GCM","kid":"dec"}`, "x") // made with SHA-256
	oe := rejects(t, us, []byte(token), envelope.NotForUs)
	assert.ErrorContains(t, oe.Cause(), "names our key "+string(w.ourDecrypt.Info().ID))
	assert.ErrorContains(t, oe.Cause(), "SHA-1 is the default of Java")
}

func TestZlibIsTold(t *testing.T) {
	w := newWorld(t)
	w.ourDecrypt = encryption(t, "dec", rsaKeys[1]())
	us := w.ours(t, jwe.Config{Waive: []envelope.Waiver{jwe.InsecureCompression("test")}})
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := z.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	token := encryptTo(t, &rsaKeys[1]().PublicKey, `{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`, b.String())
	assert.Contains(t, causeOf(t, us, token, envelope.Malformed), "zlib (RFC 1950)")
}

// Under the waiver, keys in headers are there and mean nothing.
func TestCarriedKeys(t *testing.T) {
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign, w.ourDecrypt = signing(t, "sig", signKey), encryption(t, "dec", rsaKeys[1]())
	waiver := jwe.InsecureCarriedKeys("the partner sends its certificate with each message")
	lax := w.ours(t, jwe.Config{Waive: []envelope.Waiver{waiver}})
	strict := w.ours(t, jwe.Config{})
	for _, carried := range []string{`"x5c":["!"]`, `"x5c":{"a":{"a":1}}`, `"jku":"https://example.com/"`, `"x5u":1`, `"jwk":{"kty":"EC","kty":"RSA"}`} {
		inner := encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, signKey, `{"alg":"ES256",`+carried+`,"n":1}`, "{}"))
		outer := encryptTo(t, &rsaKeys[1]().PublicKey, `{"alg":"RSA-OAEP-256","enc":"A256GCM",`+carried+`}`, signES256(t, signKey, `{"alg":"ES256","n":1}`, "{}"))
		for _, token := range []string{inner, outer} {
			rejects(t, strict, []byte(token), envelope.Forbidden)
			m := open(t, lax, []byte(token))
			assert.Equal(t, map[string]any{"n": 1.0}, m.Header)
			assert.Equal(t, []envelope.Waiver{waiver}, m.Waived)
		}
		stranger := encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, newEC(t, curve256), `{"alg":"ES256",`+carried+`}`, "{}"))
		rejects(t, lax, []byte(stranger), envelope.UnknownSigner)
	}
	crit := encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, signKey, `{"alg":"ES256","crit":["x5c"],"x5c":[]}`, "{}"))
	rejects(t, lax, []byte(crit), envelope.Forbidden)
	m := open(t, lax, seal(t, w.theirs(t, jwe.Config{Peer: set(t, public(w.ourDecrypt)...)}), "x"))
	assert.Empty(t, m.Waived, "the waiver did not matter")
}

// Numbers that a float64 cannot hold keep their digits.
func TestLongNumbersInHeaders(t *testing.T) {
	w := newWorld(t)
	them := w.theirs(t, jwe.Config{SignedHeader: map[string]any{"id": json.Number("9007199254740993"), "n": 7, "f": 1.5}})
	h := open(t, w.ours(t, jwe.Config{}), seal(t, them, "x")).Header
	assert.Equal(t, json.Number("9007199254740993"), h["id"])
	assert.Equal(t, 7.0, h["n"])
	assert.Equal(t, 1.5, h["f"])
}

// "exp" and "nbf" bind where they are claims, and are the caller's where they may be
// the end of a card.
func TestLifetimes(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	unix := func(d time.Duration) string { return strconv.FormatInt(at.Add(d).Unix(), 10) }
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign, w.ourDecrypt = signing(t, "sig", signKey), encryption(t, "dec", rsaKeys[1]())
	plain := jwe.Config{Now: clock(at)}
	named := jwe.Config{Now: clock(at), Self: "us", Partner: "them"}
	narrow := jwe.Config{Now: clock(at), Skew: time.Minute}
	for _, tt := range []struct {
		name            string
		c               jwe.Config
		header, payload string
		reason          envelope.Reason
	}{
		{"exp past, in the header", plain, `,"exp":` + unix(-6*time.Minute), "x", envelope.OutOfTime},
		{"exp past within the skew", plain, `,"exp":` + unix(-4*time.Minute), "x", ""},
		{"exp past without the skew", narrow, `,"exp":` + unix(-2*time.Minute), "x", envelope.OutOfTime},
		{"nbf to come", plain, `,"nbf":` + unix(6*time.Minute), "x", envelope.OutOfTime},
		{"nbf to come within the skew", plain, `,"nbf":` + unix(4*time.Minute), "x", ""},
		{"exp that is no date", plain, `,"exp":"12/28"`, "x", envelope.Malformed},
		{"exp in milliseconds", plain, `,"exp":` + unix(time.Hour) + "000", "x", envelope.OutOfTime},
		{"the end of a card", plain, "", `{"exp":"12/28","nbf":1}`, ""},
		{"the end of a card as a number", plain, "", `{"exp":1228}`, ""},
		{"exp past in a payload of a party that is named", named, "", `{"exp":` + unix(-6*time.Minute) + `}`, envelope.OutOfTime},
		{"exp past in a JWT", plain, `,"typ":"JWT"`, `{"exp":` + unix(-6*time.Minute) + `}`, envelope.OutOfTime},
		{"exp past in what is called a JWT", plain, `,"cty":"application/jwt"`, `{"exp":` + unix(-6*time.Minute) + `}`, envelope.OutOfTime},
		{"exp that is no date in a JWT", plain, `,"typ":"JWT"`, `{"exp":"12/28"}`, envelope.Malformed},
		{"exp twice in a JWT", plain, `,"typ":"JWT"`, `{"exp":` + unix(time.Hour) + `,"exp":` + unix(time.Hour) + `}`, envelope.Malformed},
		{"a JWT that is none", plain, `,"typ":"JWT"`, `{"exp":1`, envelope.Malformed},
		{"nbf to come in a JWT", plain, `,"typ":"JWT"`, `{"nbf":` + unix(6*time.Minute) + `}`, envelope.OutOfTime},
		{"the earlier of two ends", plain, `,"typ":"JWT","exp":` + unix(time.Hour), `{"exp":` + unix(-6*time.Minute) + `}`, envelope.OutOfTime},
		{"a JWT in time", plain, `,"typ":"JWT"`, `{"exp":` + unix(time.Hour) + `,"nbf":` + unix(-time.Hour) + `}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, signKey, `{"alg":"ES256"`+tt.header+`}`, tt.payload)))
			if tt.reason == "" {
				open(t, w.ours(t, tt.c), token)
			} else {
				rejects(t, w.ours(t, tt.c), token, tt.reason)
			}
		})
	}
}

// The type that a Config demands is in the protected header of the JWS.
func TestRequiredTypes(t *testing.T) {
	w := newWorld(t)
	us := w.ours(t, jwe.Config{RequireTyp: "JOSE", RequireCty: "application/json"})
	with := func(typ, cty any) []byte {
		return seal(t, w.theirs(t, jwe.Config{Header: map[string]any{"typ": "JOSE"}, SignedHeader: map[string]any{"typ": typ, "cty": cty}}), "x")
	}
	open(t, us, with("JOSE", "json"))
	open(t, us, with("application/jose", "application/JSON"))
	rejects(t, us, with("JWT", "json"), envelope.Misdirected)
	rejects(t, us, with("JOSE", "xml"), envelope.Misdirected)
	rejects(t, us, seal(t, w.theirs(t, jwe.Config{}), "x"), envelope.Misdirected)
}

// Every message of ours is dated and numbered, once for all of its signatures.
func TestSealDates(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	w := newWorld(t)
	for _, c := range []jwe.Config{{}, {JSON: true}, {Members: true}, {Layers: jwe.EncryptThenSign}} {
		c.Now = clock(at)
		us := c
		us.MaxAge = time.Minute
		c.Own = set(t, w.theirSign, signing(t, "second", newEC(t, curve256)))
		m := open(t, w.ours(t, us), seal(t, w.theirs(t, c), "x"))
		assert.Equal(t, float64(at.Unix()), m.Header["iat"])
		assert.Len(t, m.Header["jti"], 22)
		assert.True(t, m.Signers[0].Time.Equal(at))
	}
	m := open(t, w.ours(t, jwe.Config{}), seal(t, w.theirs(t, jwe.Config{Bare: true}), "x"))
	assert.Empty(t, m.Header)
	assert.True(t, m.Signers[0].Time.IsZero(), "an arrival is no date")
}
