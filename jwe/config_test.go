package jwe_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	own, peer := set(t, w.ourSign, w.ourDecrypt), set(t, public(w.theirSign, w.theirDecrypt)...)
	only := []envelope.Waiver{jwe.InsecureEncryptOnly("test")}
	for _, tt := range []struct {
		name, want string
		c          jwe.Config
	}{
		{"no Own", "Own is nil", jwe.Config{Peer: peer}},
		{"no Peer", "Peer is nil", jwe.Config{Own: own}},
		{"public Own", "Own holds public keys", jwe.Config{Own: peer, Peer: peer}},
		{"private Peer", "Peer holds private keys", jwe.Config{Own: own, Peer: own}},
		{"Seal.Key", `Seal.Key: "RSA1_5" is not allowed`, jwe.Config{Own: own, Peer: peer, Seal: jwe.Algorithms{Key: "RSA1_5"}}},
		{"Seal.Content", `Seal.Content: "PS256" is not allowed`, jwe.Config{Own: own, Peer: peer, Seal: jwe.Algorithms{Content: jwe.PS256}}},
		{"Seal.Signature", `Seal.Signature: "none" is not allowed`, jwe.Config{Own: own, Peer: peer, Seal: jwe.Algorithms{Signature: "none"}}},
		{"Accept", `algorithm "HS256" in Accept is not allowed`, jwe.Config{Own: own, Peer: peer, Accept: []jwe.Algorithm{"HS256"}}},
		{"MaxSize", "MaxSize is -1", jwe.Config{Own: own, Peer: peer, MaxSize: -1}},
		{"MaxAge", "MaxAge is negative", jwe.Config{Own: own, Peer: peer, MaxAge: -1}},
		{"Self alone", "set both Self and Partner", jwe.Config{Own: own, Peer: peer, Self: "us"}},
		{"Self is Partner", "are the same", jwe.Config{Own: own, Peer: peer, Self: "us", Partner: "us"}},
		{"RequireBound alone", "RequireBound needs", jwe.Config{Own: own, Peer: peer, RequireBound: true}},
		{"a context that is no text", "not valid UTF-8", jwe.Config{Own: own, Peer: peer, SealContext: "\xff"}},
		{"Header kid", `Header: the envelope itself sets or refuses "kid"`, jwe.Config{Own: own, Peer: peer, Header: map[string]any{"kid": "x"}}},
		{"Header in another case", `"ALG"`, jwe.Config{Own: own, Peer: peer, Header: map[string]any{"ALG": "x"}}},
		{"Header in two cases", "two letter cases", jwe.Config{Own: own, Peer: peer, Header: map[string]any{"a": 1, "A": 2}}},
		{"Header crit", `"crit"`, jwe.Config{Own: own, Peer: peer, SignedHeader: map[string]any{"crit": []string{"exp"}}}},
		{"SignedHeader iat", `SignedHeader: the envelope itself sets or refuses "iat"`, jwe.Config{Own: own, Peer: peer, SignedHeader: map[string]any{"iat": 1}}},
		{"a context to seal with alone", "SealContext without OpenContext", jwe.Config{Own: own, Peer: peer, SealContext: "order"}},
		{"one context both ways", "are the same", jwe.Config{Own: own, Peer: peer, SealContext: "order", OpenContext: "order"}},
		{"Skew too small", "Skew is 5ns", jwe.Config{Own: own, Peer: peer, Skew: 5}},
		{"Skew too large", "Skew is 2h0m0s", jwe.Config{Own: own, Peer: peer, Skew: 2 * time.Hour}},
		{"SignedHeader iss beside Self", `"iss"`, jwe.Config{Own: own, Peer: peer, Self: "us", Partner: "them", SignedHeader: map[string]any{"iss": "x"}}},
		{"another function", "neither JSON nor a func(context.Context, time.Time) any", jwe.Config{Own: own, Peer: peer, Header: map[string]any{"iat": func(t time.Time) int64 { return t.Unix() }}}},
		{"no function", "neither JSON nor a func(context.Context, time.Time) any", jwe.Config{Own: own, Peer: peer, Header: map[string]any{"iat": (func(context.Context, time.Time) any)(nil)}}},
		{"a channel", "neither JSON", jwe.Config{Own: own, Peer: peer, Header: map[string]any{"x": make(chan int)}}},
		{"unknown waiver", `unknown waiver "pgp.InsecureUnsigned"`, jwe.Config{Own: own, Peer: peer, Waive: []envelope.Waiver{envelope.NewWaiver("pgp.InsecureUnsigned", "x")}}},
		{"empty waiver", "unknown waiver", jwe.Config{Own: own, Peer: peer, Waive: []envelope.Waiver{{}}}},
		{"encrypt only with a context", "without a signature", jwe.Config{Own: own, Peer: peer, Waive: only, SealContext: "x"}},
		{"encrypt only with names", "without a signature", jwe.Config{Own: own, Peer: peer, Waive: only, Self: "us", Partner: "them"}},
		{"evidence without what it is of", "without InsecureEncryptOnly", jwe.Config{Own: own, Peer: peer, Waive: []envelope.Waiver{jwe.InsecureUnsignedEvidence("test")}}},
		{"encrypt only with a limit of age", "without a signature", jwe.Config{Own: own, Peer: peer, Waive: only, MaxAge: time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := jwe.New(tt.c)
			assert.Nil(t, e)
			assert.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "jwe: ")
		})
	}
	assert.Panics(t, func() { jwe.InsecureEncryptOnly(" ") })
}

// New copies the Config: what the caller does to it later changes nothing.
func TestNewCopies(t *testing.T) {
	w := newWorld(t)
	waive := []envelope.Waiver{jwe.InsecureEncryptOnly("test")}
	accept := []jwe.Algorithm{jwe.A256GCM}
	header := map[string]any{"typ": "a"}
	us := w.ours(t, jwe.Config{Waive: waive, Accept: accept, Header: header})
	waive[0], accept[0], header["typ"] = envelope.Waiver{}, jwe.A128GCM, "b"
	them := w.theirs(t, jwe.Config{Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}})
	open(t, us, seal(t, them, "x"))
	assert.Equal(t, "a", open(t, them, seal(t, us, "x")).Header["typ"])
}

func TestEncryptOnly(t *testing.T) {
	w := newWorld(t)
	waiver := jwe.InsecureEncryptOnly("mutual TLS ends here")
	var events []envelope.Event
	observe := func(_ context.Context, e envelope.Event) { events = append(events, e) }
	ring := keyset.NewRing(set(t, w.ourDecrypt)) // nothing to sign with, and nothing to verify with
	c := jwe.Config{Waive: []envelope.Waiver{waiver}, Own: ring, Peer: set(t, public(w.theirDecrypt)...), Observe: observe}
	us := newEnvelope(t, c)
	them := newEnvelope(t, jwe.Config{Waive: c.Waive, Own: set(t, w.theirDecrypt), Peer: set(t, public(w.ourDecrypt)...),
		Header: map[string]any{"iat": 5}})

	sealed := seal(t, them, `{"a":1}`)
	m := open(t, us, sealed)
	assert.Equal(t, `{"a":1}`, string(m.Payload))
	assert.Empty(t, m.Signers)
	assert.False(t, m.Bound)
	assert.Equal(t, []envelope.Waiver{waiver}, m.Waived)
	assert.Equal(t, map[string]any{"iat": 5.0}, m.Header, "that of the JWE")
	u, _ := ring.Usage(w.ourDecrypt.Info().ID)
	assert.Zero(t, u.Opened, "a message that anybody can make proves nothing")
	assert.EqualValues(t, 1, u.Unsigned, "and shows that the key is in use")

	seal(t, us, "x")
	require.Len(t, events, 2)
	for _, e := range events {
		assert.Equal(t, []envelope.Waiver{waiver}, e.Waived)
	}
	assert.Equal(t, "open", events[0].Op)
	assert.Equal(t, "seal", events[1].Op)
	require.Len(t, events[1].Keys, 1)
	assert.Equal(t, w.theirDecrypt.Info().ID, events[1].Keys[0].ID)

	rejects(t, w.ours(t, jwe.Config{}), sealed, envelope.Unsigned)

	t.Run("the payload is the caller's, and limited", func(t *testing.T) {
		small := newEnvelope(t, jwe.Config{Waive: c.Waive, Own: ring, Peer: c.Peer, MaxSize: 100})
		for _, alg := range contentAlgorithms {
			them := newEnvelope(t, jwe.Config{Waive: c.Waive, Own: set(t, w.theirDecrypt), Peer: set(t, public(w.ourDecrypt)...), Seal: jwe.Algorithms{Content: alg}})
			payload := append(make([]byte, 0, 1000), strings.Repeat("x", 100)...)
			sealed, err := them.Seal(t.Context(), payload)
			require.NoError(t, err)
			assert.Equal(t, strings.Repeat("x", 100), string(payload[:100]))
			assert.Equal(t, make([]byte, 900), payload[100:1000], "behind its end as well")
			assert.Equal(t, payload, open(t, small, sealed).Payload)
			rejects(t, small, seal(t, them, strings.Repeat("x", 101)), envelope.TooLarge)
		}
	})
	t.Run("a JWS inside must still verify", func(t *testing.T) {
		migrating := w.ours(t, jwe.Config{Waive: c.Waive})
		signed := seal(t, w.theirs(t, jwe.Config{}), "x")
		m := open(t, migrating, signed)
		assert.Empty(t, m.Waived, "the waiver did not matter")
		assert.Len(t, m.Signers, 1)
		rejects(t, us, signed, envelope.UnknownSigner)
	})
	t.Run("payloads that are no JWS", func(t *testing.T) {
		for _, payload := range []string{"", "1.2.3", "eyes only", "a.b", "ey.e", "eyJ.x.y", "e30.x.y", `{"payload":"x","signature":"y"}`,
			`{"payload":"x","signatures":[]}`, `{"payload":"x","signatures":[{"signature":"y"}]}`} {
			assert.Equal(t, payload, string(open(t, us, seal(t, them, payload)).Payload))
		}
	})
	// Another program may take any of these for a signed message, so that none of them
	// is a payload: they must verify, and Seal does not make them.
	t.Run("payloads that look signed", func(t *testing.T) {
		header := b64([]byte(`{"alg":"ES256"}`))
		indented := b64([]byte("{\n  \"alg\": \"ES256\"\n}"))
		us := newEnvelope(t, jwe.Config{Waive: c.Waive, Own: set(t, encryption(t, "dec", rsaKeys[1]())), Peer: c.Peer})
		for payload, reason := range map[string]envelope.Reason{
			header + ".e30.AAAA":                           envelope.UnknownSigner,
			indented + ".e30.AAAA":                         envelope.UnknownSigner,
			header + ".e30.":                               envelope.UnknownSigner,
			b64([]byte(`{"ALG":"ES256"}`)) + ".e30.AAAA":   envelope.Malformed,
			b64([]byte(`{"alg":"ES256"}{}`)) + ".e30.AAAA": envelope.Malformed,
			`{"payload":"e30","protected":"` + header + `","signature":"AAAA"}{}`: envelope.Malformed,
			`{"Payload":"e30","Protected":"` + header + `","Signature":"AAAA"}`:   envelope.Malformed,
			header + "=.e30.AAAA":                                                                   envelope.Malformed,
			b64([]byte(`{"alg":1}`)) + ".e30.AAAA":                                                  envelope.Malformed,
			"\"" + header + ".e30.AAAA\"":                                                           envelope.Malformed,
			" \n" + header + ".e30.AAAA\r\n":                                                        envelope.Malformed,
			"\xef\xbb\xbf" + header + ".e30.AA":                                                     envelope.Malformed,
			`{"payload":"e30","protected":"` + header + `","signature":"AAAA"}`:                     envelope.UnknownSigner,
			`{"p\u0061yload":"e30","protected":"` + header + `","si\u0067nature":"AAAA"}`:           envelope.UnknownSigner,
			` {"payload":"e30","signatures":[{}, {"protected":"` + header + `","signature":"AA"}]}`: envelope.UnknownSigner,
		} {
			_, err := them.Seal(t.Context(), []byte(payload))
			assert.ErrorContains(t, err, "the payload is a JWS", payload)
			rejects(t, us, []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, payload)), reason)
		}
	})
}

// Errors that are ours are not rejections.
func TestOurErrors(t *testing.T) {
	w := newWorld(t)
	us := w.ours(t, jwe.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("shutting down")
	cancel(reason)
	m, err := us.Open(ctx, []byte("x"))
	assert.Nil(t, m)
	assert.ErrorIs(t, err, reason)
	assert.NotErrorIs(t, err, envelope.ErrRejected)
	sealed, err := us.Seal(ctx, nil)
	assert.Nil(t, sealed)
	assert.ErrorIs(t, err, reason)

	nobody := w.ours(t, jwe.Config{Peer: setOf(t, entries(keyset.Pending, public(w.theirSign, w.theirDecrypt)...)...)})
	_, err = nobody.Seal(t.Context(), nil)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	assert.ErrorContains(t, err, string(w.theirDecrypt.Info().ID), "who there is")
}

// An active key that may not be used is no key to seal with, on either side.
func TestUnusableKeyIsNoKey(t *testing.T) {
	w := newWorld(t)
	w.theirDecrypt = mustKey(encryption(t, "dec", rsaKeys[1]()).WithAlgorithm(jwe.RSA1_5))
	_, err := w.ours(t, jwe.Config{}).Seal(t.Context(), nil)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	assert.ErrorContains(t, err, "RSA1_5")
	w = newWorld(t)
	w.ourSign = mustKey(w.ourSign.WithAlgorithm(jwe.ES256))
	_, err = w.ours(t, jwe.Config{Seal: jwe.Algorithms{Signature: jwe.PS256}}).Seal(t.Context(), nil)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	assert.ErrorContains(t, err, "bound to ES256")
}

func TestObserver(t *testing.T) {
	w := newWorld(t)
	var events []envelope.Event
	us := w.ours(t, jwe.Config{Observe: func(_ context.Context, e envelope.Event) { events = append(events, e) }})
	sealed := seal(t, w.theirs(t, jwe.Config{}), "x")
	open(t, us, sealed)
	rejects(t, us, []byte("x"), envelope.Malformed)
	own := seal(t, us, "x")
	require.Len(t, events, 3)
	assert.Equal(t, int64(len(sealed)), events[0].Size)
	assert.Len(t, events[0].Keys, 2)
	assert.ErrorIs(t, events[1].Err, envelope.ErrRejected)
	assert.Empty(t, events[1].Keys)
	assert.Equal(t, int64(len(own)), events[2].Size)
	require.Len(t, events[2].Keys, 2)
	assert.Equal(t, []string{"ES256", "ECDH-ES+A256KW"}, []string{events[2].Keys[0].Algorithm, events[2].Keys[1].Algorithm})
	assert.Equal(t, []bool{true, false}, []bool{events[2].Keys[0].Own, events[2].Keys[1].Own})
}

func TestContentType(t *testing.T) {
	assert.Equal(t, "application/jose; charset=utf-8", newWorld(t).ours(t, jwe.Config{}).ContentType())
}

func TestInspect(t *testing.T) {
	s := newStage(t, jwe.Config{})
	o, err := jwe.Inspect([]byte(s.outer(t, `{"alg":"RSA1_5","enc":"A128CBC-HS256","kid":"a\nb","zip":"DEF"}`)))
	require.NoError(t, err, "it judges no algorithm")
	assert.Equal(t, []string{"RSA1_5"}, o.Algorithms)
	assert.Equal(t, "A128CBC-HS256", o.Content)
	assert.Equal(t, []keyset.ID{`a\nb`}, o.Recipients)
	assert.Equal(t, keyset.JOSE, o.Format)
	o, err = jwe.Inspect([]byte(s.outer(t, `{"alg":"RSA-OAEP","enc":"A128GCM"}`)))
	require.NoError(t, err)
	assert.Empty(t, o.Recipients)
	for _, token := range []string{"", "x", "a.b.c", "....", "e30", signES256(t, s.sign, goodJWS, "{}")} {
		o, err := jwe.Inspect([]byte(token))
		assert.Nil(t, o)
		assert.ErrorIs(t, err, envelope.ErrRejected)
	}
}

// What any library may take for a JWS has the structure of one, and must verify, even
// where no signature is asked for.
func TestEncryptOnlyStructure(t *testing.T) {
	w := newWorld(t)
	w.ourDecrypt = encryption(t, "dec", rsaKeys[1]())
	e := w.ours(t, jwe.Config{Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}})
	compact := func(header string) string { return b64([]byte(header)) + ".e30.AA" }
	one := `{"protected":"` + b64([]byte(goodJWS)) + `","signature":"AA"}`
	members := one[1 : len(one)-1]
	for name, content := range map[string]string{
		"compact":                       compact(goodJWS),
		"text behind the header":        compact(goodJWS + " x"),
		"another letter case of alg":    compact(`{"ALG":"ES256"}`),
		"a second alg":                  compact(`{"alg":1,"alg":"ES256"}`),
		"a header with Latin-1":         compact("{\"alg\":\"ES256\",\"a\":\"\xfc\"}"),
		"spaces in it":                  strings.Replace(compact(goodJWS), "J", "J \t", 1),
		"line ends in it":               strings.Replace(compact(goodJWS), "J", "J\r\n", 1),
		"flattened":                     `{"payload":"e30",` + members + `}`,
		"escaped names":                 `{"p\u0061yload":"e30",` + strings.Replace(members, "sig", `s\u0069g`, 1) + `}`,
		"another letter case of names":  `{"Payload":"e30",` + strings.Replace(members, "prot", "Prot", 1) + `}`,
		"text behind it":                `{"payload":"e30",` + members + `} x`,
		"general":                       `{"payload":"e30","signatures":[` + one + `]}`,
		"a number among the signatures": `{"payload":"e30","signatures":[7,` + one + `]}`,
		"a second list, which is none":  `{"payload":"e30","signatures":[` + one + `],"signatures":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Seal(t.Context(), []byte(content))
			assert.ErrorContains(t, err, "the payload is a JWS")
			_, err = e.Open(t.Context(), []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, content)))
			assert.ErrorIs(t, err, envelope.ErrRejected)
		})
	}
	for name, content := range map[string]string{
		"three parts":              "a.b.c",
		"a header without alg":     compact(`{"typ":"JWT"}`),
		"four parts":               compact(goodJWS) + ".x",
		"members of another thing": `{"payload":{"amount":1},"signature":"c2ln"}`,
		"signatures of nothing":    `{"payload":"e30","signatures":[7,{},[]]}`,
		"a signature without one":  `{"payload":"e30","protected":"e30","signatures":{}}`,
		"JSON that breaks off":     `{"payload":"e30",` + members,
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, content, string(open(t, e, seal(t, w.theirs(t, jwe.Config{Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}}), content)).Payload))
		})
	}
}
