package jwe_test

import (
	"crypto/elliptic"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Each order of layers opens what it sealed, and nothing that another one did.
func TestLayers(t *testing.T) {
	w := newWorld(t)
	kinds := map[string]jwe.Config{
		"SignThenEncrypt":          {},
		"EncryptThenSign":          {Layers: jwe.EncryptThenSign},
		"SignEncryptSign":          {Layers: jwe.SignEncryptSign},
		"SignThenEncrypt, JSON":    {JSON: true},
		"EncryptThenSign, JSON":    {JSON: true, Layers: jwe.EncryptThenSign},
		"SignEncryptSign, JSON":    {JSON: true, Layers: jwe.SignEncryptSign},
		"SignEncryptSign, members": {Members: true, Layers: jwe.SignEncryptSign},
	}
	order := func(kind string) string { o, _, _ := strings.Cut(kind, ","); return o }
	for from, c := range kinds {
		sealed := seal(t, w.theirs(t, c), `{"amount":1}`)
		for to, c := range kinds {
			us := w.ours(t, c)
			if from == "SignEncryptSign, members" && order(to) == "EncryptThenSign" {
				// No serialization of RFC 7515: to those who do not expect it, a payload.
				assert.Contains(t, string(open(t, us, sealed).Payload), `{"header":"`)
				continue
			}
			if from == "SignEncryptSign, members" && to != from {
				rejects(t, us, sealed, map[bool]envelope.Reason{true: envelope.Unsigned, false: envelope.Malformed}[order(to) == "SignEncryptSign"])
				continue
			}
			if order(from) == "EncryptThenSign" && order(to) == "SignEncryptSign" {
				rejects(t, us, sealed, envelope.Unsigned)
				continue
			}
			if order(from) != order(to) {
				rejects(t, us, sealed, envelope.Malformed)
				continue
			}
			m := open(t, us, sealed)
			assert.Equal(t, `{"amount":1}`, string(m.Payload))
			var layers []string
			for _, u := range m.Signers {
				layers = append(layers, u.Layer.String())
				assert.Equal(t, w.theirSign.Info().ID, u.ID)
			}
			assert.Equal(t, map[string][]string{"SignThenEncrypt": {"inner"}, "EncryptThenSign": {"outer"}, "SignEncryptSign": {"inner", "outer"}}[order(to)], layers)
			assert.True(t, m.SignedBy(w.theirSign.Info().ID))
		}
	}
}

// Of two layers both count, and the inner one speaks.
func TestBothLayersCount(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	carrier := signing(t, "carrier", newEC(t, elliptic.P256()))
	c := jwe.Config{Layers: jwe.SignEncryptSign, Self: "them", Partner: "us", Now: clock(at)}
	sealed := string(seal(t, w.theirs(t, c), `{}`))
	us := jwe.Config{Layers: jwe.SignEncryptSign, Self: "us", Partner: "them", RequireBound: true, MaxAge: time.Minute, Now: clock(at)}
	us.Peer = set(t, public(w.theirSign, w.theirDecrypt, carrier)...)
	m := open(t, w.ours(t, us), []byte(sealed))
	assert.True(t, m.Bound)
	assert.True(t, m.Signers[0].Bound)
	assert.False(t, m.Signers[1].Bound, "who signs around it need not know what is in it")
	assert.NotEqual(t, m.Signers[0].Digest, m.Signers[1].Digest)
	assert.Equal(t, "them", m.Header["iss"])

	// Another one whom we trust signs around the same JWE: he carried it, and did not say it.
	token := strings.Split(sealed, ".")
	again := signedAround(t, carrier, string(unb64(t, token[1])))
	m = open(t, w.ours(t, us), []byte(again))
	assert.True(t, m.SignedBy(w.theirSign.Info().ID))
	assert.False(t, m.SignedBy(carrier.Info().ID))
	assert.Equal(t, carrier.Info().ID, m.Signers[1].ID)

	// A stranger who does so is refused before anything is decrypted.
	us.Peer, us.Own = nil, keyset.NewRing(set(t, w.ourSign, w.ourDecrypt))
	stranger := w.ours(t, us)
	rejects(t, stranger, []byte(again), envelope.UnknownSigner)
	u, _ := us.Own.(*keyset.Ring).Usage(w.ourDecrypt.Info().ID)
	assert.Zero(t, u.Opened+u.Unsigned)

	// With the outer signature alone, its signer is the one of the message, and never bound.
	outer := w.ours(t, jwe.Config{Layers: jwe.EncryptThenSign, Self: "us", Partner: "them", Now: clock(at)})
	m = open(t, outer, seal(t, w.theirs(t, jwe.Config{Layers: jwe.EncryptThenSign, Self: "them", Partner: "us", Now: clock(at)}), "x"))
	assert.False(t, m.Bound)
	assert.True(t, m.SignedBy(w.theirSign.Info().ID))
	assert.Equal(t, "us", m.Header["aud"])
	rejects(t, outer, seal(t, w.theirs(t, jwe.Config{Layers: jwe.EncryptThenSign, Self: "them", Partner: "others", Now: clock(at)}), "x"), envelope.Misdirected)

	// What the payload claims counts wherever the signature is.
	for payload, reason := range map[string]envelope.Reason{
		`{"aud":"others"}`: envelope.Misdirected, `{"iss":"others"}`: envelope.Misdirected, `{"aud":"us"} {}`: envelope.Misdirected,
		`{"exp":1}`: envelope.OutOfTime, `{"nbf":4102444800}`: envelope.OutOfTime, `{"exp":"12/28"}`: envelope.Malformed, `{"aud":"us","iss":"them"}`: "", `{"a":1}`: "",
	} {
		for _, bare := range []bool{false, true} {
			sealed := seal(t, w.theirs(t, jwe.Config{Layers: jwe.EncryptThenSign, Bare: bare, Now: clock(at)}), payload)
			if reason == "" {
				assert.False(t, open(t, outer, sealed).Bound)
				continue
			}
			assert.Equal(t, []keyset.ID{w.theirSign.Info().ID}, rejects(t, outer, sealed, reason).Keys)
		}
	}
	plain := w.ours(t, jwe.Config{Layers: jwe.EncryptThenSign, Now: clock(at)})
	open(t, plain, seal(t, w.theirs(t, jwe.Config{Layers: jwe.EncryptThenSign, Now: clock(at)}), `{"exp":1,"aud":"others"}`))
	jwt := jwe.Config{Layers: jwe.EncryptThenSign, Now: clock(at), SignedHeader: map[string]any{"cty": "JWT"}}
	rejects(t, plain, seal(t, w.theirs(t, jwt), `{"exp":1}`), envelope.OutOfTime)

	// Age is limited by the layer that speaks.
	old := c
	old.Now = clock(at.Add(-time.Hour))
	rejects(t, w.ours(t, jwe.Config{Layers: jwe.SignEncryptSign, MaxAge: time.Minute, Now: clock(at)}), seal(t, w.theirs(t, old), "x"), envelope.OutOfTime)
}

// signedAround signs a JWE with a key of a partner who has nothing to do with it.
func signedAround(t *testing.T, by *jwe.Key, sealed string) string {
	e := newEnvelope(t, jwe.Config{Own: set(t, by), Peer: set(t, public(encryption(t, "x", newEC(t, elliptic.P256())))...), Layers: jwe.EncryptThenSign, Bare: true})
	return jwe.SignAround(t.Context(), e, []byte(sealed))
}

// Usage, states, and rotation are those of every other signing key.
func TestOuterKeysRotate(t *testing.T) {
	w := newWorld(t)
	ring := keyset.NewRing(set(t, public(w.theirSign, w.theirDecrypt)...))
	us := w.ours(t, jwe.Config{Layers: jwe.EncryptThenSign, Peer: ring})
	sealed := seal(t, w.theirs(t, jwe.Config{Layers: jwe.EncryptThenSign}), "x")
	open(t, us, sealed)
	u, _ := ring.Usage(w.theirSign.Info().ID)
	assert.EqualValues(t, 1, u.Opened)
	ring.RevokeAll(w.theirSign.Info().ID)
	rejects(t, us, sealed, envelope.RevokedSigner)
}

func TestMembers(t *testing.T) {
	w := newWorld(t)
	them, us := w.theirs(t, jwe.Config{Members: true}), w.ours(t, jwe.Config{Members: true})
	sealed := seal(t, them, `{"a":1}`)
	m := open(t, us, sealed)
	assert.Equal(t, `{"a":1}`, string(m.Payload))
	assert.True(t, m.SignedBy(w.theirSign.Info().ID))
	open(t, us, seal(t, w.theirs(t, jwe.Config{}), "x"))
	open(t, us, seal(t, w.theirs(t, jwe.Config{JSON: true}), "x"))
	rejects(t, w.ours(t, jwe.Config{}), sealed, envelope.Unsigned)

	signKey := newEC(t, curve256)
	w.theirSign = signing(t, "sig", signKey)
	w.ourDecrypt = encryption(t, "dec", rsaKeys[1]())
	us = w.ours(t, jwe.Config{Members: true})
	parts := strings.Split(signES256(t, signKey, goodJWS, "{}"), ".")
	for name, tt := range map[string]struct {
		change func(map[string]any)
		reason envelope.Reason
	}{
		"as it is":              {func(map[string]any) {}, ""},
		"a further member":      {func(m map[string]any) { m["x"] = 1 }, ""},
		"another payload":       {func(m map[string]any) { m["payload"] = "AAAA" }, envelope.BadSignature},
		"no signature":          {func(m map[string]any) { m["signature"] = "" }, envelope.BadSignature},
		"a signature of null":   {func(m map[string]any) { m["signature"] = nil }, envelope.Malformed},
		"a second payload":      {func(m map[string]any) { m["Payload"] = "AAAA" }, envelope.Malformed},
		"a header that is none": {func(m map[string]any) { m["header"] = "AAAA" }, envelope.Unsigned},
	} {
		object := map[string]any{"header": parts[0], "payload": parts[1], "signature": parts[2]}
		tt.change(object)
		text, err := json.Marshal(object)
		require.NoError(t, err)
		token := []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, string(text)))
		t.Run(name, func(t *testing.T) {
			if tt.reason == "" {
				open(t, us, token)
			} else {
				rejects(t, us, token, tt.reason)
			}
		})
	}
}

// The members of a compact JWS stand inside of a JWE, and nowhere else.
func TestMembersOutside(t *testing.T) {
	signKey := newEC(t, curve256)
	w := newWorld(t)
	w.theirSign = signing(t, "sig", signKey)
	us := w.ours(t, jwe.Config{Members: true, Layers: jwe.SignEncryptSign})
	sealed := seal(t, w.theirs(t, jwe.Config{Members: true}), "x")
	parts := strings.Split(signES256(t, signKey, goodJWS, string(sealed)), ".")
	open(t, us, []byte(strings.Join(parts, ".")))
	for _, object := range []map[string]any{
		{"header": parts[0], "payload": parts[1], "signature": parts[2]},
		{"header": parts[0], "payload": parts[1], "signature": parts[2], "protected": parts[0]},
	} {
		text, err := json.Marshal(object)
		require.NoError(t, err)
		rejects(t, us, text, envelope.Malformed)
	}
}

func TestLayersThatCannotBe(t *testing.T) {
	w := newWorld(t)
	only := []envelope.Waiver{jwe.InsecureEncryptOnly("test")}
	for want, c := range map[string]jwe.Config{
		"Layers is 3":                     {Layers: 3},
		"Layers with InsecureEncryptOnly": {Layers: jwe.EncryptThenSign, Waive: only},
		"never bound":                     {Layers: jwe.EncryptThenSign, Self: "us", Partner: "them", RequireBound: true},
		"Members is how":                  {Members: true, JSON: true},
	} {
		c.Own, c.Peer = set(t, w.ourSign), set(t, public(w.theirDecrypt)...)
		_, err := jwe.New(c)
		assert.ErrorContains(t, err, want)
	}
}
