package jwe_test

import (
	"bytes"
	"crypto/elliptic"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

var (
	keyAlgorithms     = []jwe.Algorithm{jwe.RSAOAEP256, jwe.RSAOAEP, jwe.ECDHES, jwe.ECDHESA128KW, jwe.ECDHESA192KW, jwe.ECDHESA256KW}
	contentAlgorithms = []jwe.Algorithm{jwe.A128GCM, jwe.A192GCM, jwe.A256GCM, jwe.A128CBCHS256, jwe.A192CBCHS384, jwe.A256CBCHS512}
	signAlgorithms    = []jwe.Algorithm{jwe.PS256, jwe.PS384, jwe.PS512, jwe.ES256, jwe.ES384, jwe.ES512, jwe.EdDSA, jwe.RS256, jwe.RS384, jwe.RS512}
)

// profiles calls f for every content with every key encryption, and for every
// signature.
func profiles(t *testing.T, f func(t *testing.T, w world, a jwe.Algorithms)) {
	run := func(a jwe.Algorithms) {
		t.Run(fmt.Sprintf("%s %s %s", a.Key, a.Content, a.Signature), func(t *testing.T) {
			w := newWorld(t)
			w.ourDecrypt = encryption(t, "our-decrypt", material(t, a.Key))
			w.theirSign = signing(t, "their-sign", material(t, a.Signature))
			f(t, w, a)
		})
	}
	for _, key := range keyAlgorithms {
		for _, content := range contentAlgorithms {
			run(jwe.Algorithms{Key: key, Content: content, Signature: jwe.ES256})
		}
	}
	for _, sign := range signAlgorithms {
		run(jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: sign})
	}
}

func TestRoundTrip(t *testing.T) {
	profiles(t, func(t *testing.T, w world, a jwe.Algorithms) {
		them, us := w.theirs(t, jwe.Config{Seal: a}), w.ours(t, jwe.Config{})
		payload := `{"amount":"12.50"}`
		sealed := seal(t, them, payload)
		m := open(t, us, sealed)
		assert.Equal(t, payload, string(m.Payload))
		assert.Equal(t, keyset.JOSE, m.SealedAs)
		assert.Equal(t, string(a.Content), m.Content)
		assert.Equal(t, w.ourDecrypt.Info().ID, m.Decrypter.ID)
		assert.Equal(t, string(a.Key), m.Decrypter.Algorithm)
		assert.True(t, m.Decrypter.Own)
		require.Len(t, m.Signers, 1)
		assert.Equal(t, w.theirSign.Info().ID, m.Signers[0].ID)
		assert.Equal(t, string(a.Signature), m.Signers[0].Algorithm)
		assert.Equal(t, []keyset.ID{w.ourDecrypt.Info().ID}, m.Addressed)
		assert.Empty(t, m.Ignored)
		assert.Empty(t, m.Unknown)
		assert.Empty(t, m.Waived)
		assert.False(t, m.Bound)

		outline, err := jwe.Inspect(sealed)
		require.NoError(t, err)
		assert.Equal(t, []keyset.ID{"our-decrypt"}, outline.Recipients)
		assert.Equal(t, []string{string(a.Key)}, outline.Algorithms)
		assert.Equal(t, string(a.Content), outline.Content)
		assert.Equal(t, "compact", outline.Encoding)
	})
}

func TestCurvesOfAgreement(t *testing.T) {
	for _, alg := range []jwe.Algorithm{jwe.ECDHES, jwe.ECDHESA128KW, jwe.ECDHESA256KW} {
		for name, k := range map[string]*jwe.Key{
			"P-256":  encryption(t, "k", newEC(t, elliptic.P256())),
			"P-384":  encryption(t, "k", newEC(t, elliptic.P384())),
			"P-521":  encryption(t, "k", newEC(t, elliptic.P521())),
			"X25519": encryption(t, "k", newX(t)),
		} {
			t.Run(string(alg)+" "+name, func(t *testing.T) {
				w := newWorld(t)
				w.ourDecrypt = k
				sealed := seal(t, w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: alg}}), "payload")
				assert.Equal(t, "payload", string(open(t, w.ours(t, jwe.Config{}), sealed).Payload))
			})
		}
	}
}

// What is sealed by default follows from the keys.
func TestDefaultAlgorithms(t *testing.T) {
	bound := func(alg jwe.Algorithm) *jwe.Key {
		k, err := jwe.GenerateKey("", alg)
		require.NoError(t, err)
		return k
	}
	for _, tt := range []struct {
		name         string
		sign         *jwe.Key
		decrypt      *jwe.Key
		set          jwe.Algorithms
		wantKey      jwe.Algorithm
		wantSign     jwe.Algorithm
		wantContent  jwe.Algorithm
		wantSealFail string
	}{
		{name: "RSA", sign: signing(t, "", rsaKeys[0]()), decrypt: encryption(t, "", rsaKeys[1]()),
			wantKey: jwe.RSAOAEP256, wantSign: jwe.PS256, wantContent: jwe.A256GCM},
		{name: "P-256", sign: signing(t, "", newEC(t, elliptic.P256())), decrypt: encryption(t, "", newEC(t, elliptic.P256())),
			wantKey: jwe.ECDHESA256KW, wantSign: jwe.ES256, wantContent: jwe.A256GCM},
		{name: "P-384", sign: signing(t, "", newEC(t, elliptic.P384())), decrypt: encryption(t, "", newEC(t, elliptic.P384())),
			wantKey: jwe.ECDHESA256KW, wantSign: jwe.ES384, wantContent: jwe.A256GCM},
		{name: "P-521 and X25519", sign: signing(t, "", newEC(t, elliptic.P521())), decrypt: encryption(t, "", newX(t)),
			wantKey: jwe.ECDHESA256KW, wantSign: jwe.ES512, wantContent: jwe.A256GCM},
		{name: "Ed25519", sign: signing(t, "", newEd(t)), decrypt: encryption(t, "", newX(t)),
			wantKey: jwe.ECDHESA256KW, wantSign: jwe.EdDSA, wantContent: jwe.A256GCM},
		{name: "bound keys", sign: bound(jwe.ES384), decrypt: bound(jwe.ECDHES),
			wantKey: jwe.ECDHES, wantSign: jwe.ES384, wantContent: jwe.A256GCM},
		{name: "set", sign: signing(t, "", rsaKeys[0]()), decrypt: encryption(t, "", rsaKeys[1]()),
			set:     jwe.Algorithms{Key: jwe.RSAOAEP, Content: jwe.A128CBCHS256, Signature: jwe.RS256},
			wantKey: jwe.RSAOAEP, wantSign: jwe.RS256, wantContent: jwe.A128CBCHS256},
		{name: "set against the key it is bound to", sign: bound(jwe.ES256), decrypt: bound(jwe.ECDHES),
			set: jwe.Algorithms{Key: jwe.ECDHESA256KW}, wantSealFail: "is bound to ECDH-ES, and Config.Seal says ECDH-ES+A256KW"},
		{name: "set against the type of the key", sign: signing(t, "", newEd(t)), decrypt: bound(jwe.ECDHES),
			set: jwe.Algorithms{Signature: jwe.PS256}, wantSealFail: "PS256 does not fit key"},
		{name: "set against the type of an RSA key", sign: signing(t, "", rsaKeys[0]()), decrypt: bound(jwe.ECDHES),
			set: jwe.Algorithms{Signature: jwe.ES256}, wantSealFail: "ES256 does not fit key"},
		{name: "RSA1_5 for a key that is not bound to it", sign: signing(t, "", newEd(t)), decrypt: encryption(t, "", rsaKeys[1]()),
			set: jwe.Algorithms{Key: jwe.RSA1_5}, wantSealFail: "is not bound to RSA1_5: bind it with WithAlgorithm"},
		{name: "RSA1_5 for a key of another type", sign: signing(t, "", newEd(t)), decrypt: encryption(t, "", newX(t)),
			set: jwe.Algorithms{Key: jwe.RSA1_5}, wantSealFail: "RSA1_5 does not fit key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.theirSign, w.ourDecrypt = tt.sign, tt.decrypt
			c := jwe.Config{Seal: tt.set}
			if tt.set.Key == jwe.RSA1_5 {
				c.Waive = []envelope.Waiver{jwe.InsecureRSA1_5("test")}
			}
			them := w.theirs(t, c)
			if tt.wantSealFail != "" {
				sealed, err := them.Seal(t.Context(), nil)
				assert.ErrorContains(t, err, tt.wantSealFail)
				assert.NotErrorIs(t, err, envelope.ErrRejected)
				assert.Nil(t, sealed)
				return
			}
			m := open(t, w.ours(t, jwe.Config{}), seal(t, them, "x"))
			assert.Equal(t, string(tt.wantKey), m.Decrypter.Algorithm)
			assert.Equal(t, string(tt.wantSign), m.Signers[0].Algorithm)
			assert.Equal(t, string(tt.wantContent), m.Content)
		})
	}
}

func TestPayloads(t *testing.T) {
	w := newWorld(t)
	us, them := w.ours(t, jwe.Config{MaxSize: 1000}), w.theirs(t, jwe.Config{})
	for _, n := range []int{0, 1, 2, 3, 15, 16, 17, 999, 1000} {
		payload := append(make([]byte, 0, n+1000), bytes.Repeat([]byte{0xff}, n)...) // with room to be overwritten
		before := bytes.Clone(payload)
		sealed, err := them.Seal(t.Context(), payload)
		require.NoError(t, err)
		assert.Equal(t, before, payload, "the payload is the caller's")
		kept := bytes.Clone(sealed)
		m := open(t, us, sealed)
		assert.Equal(t, payload, m.Payload)
		assert.Equal(t, kept, sealed, "the message is the caller's")
	}
	big := strings.Repeat("x", 1001)
	rejects(t, us, seal(t, them, big), envelope.TooLarge)
	rejects(t, us, seal(t, them, strings.Repeat("x", 100_000)), envelope.TooLarge)
	_, err := us.Seal(t.Context(), []byte(big))
	assert.ErrorContains(t, err, "payload of 1001 bytes: larger than the limit of 1000")
}

// What Seal seals, Open opens: for every order of layers, serialization, and waiver, and
// for every payload, up to the largest.
func TestSealOpens(t *testing.T) {
	w := newWorld(t)
	w.ourDecrypt = encryption(t, "dec", newEC(t, curve256))
	const most = 70_000
	payloads := map[string]string{
		"empty": "", "zeros": strings.Repeat("\x00", most), "noise": string(random(most)), "long": strings.Repeat(`{"a":"b"}`, most/9),
		"JSON": `{"amount":1}`, "claims": `{"iss":"them","aud":["us"],"iat":1,"exp":4102444800}`, "card": `{"pan":"4","payload":"x","signature":"y"}`,
		"quoted": `"text"`, "mark": "\xef\xbb\xbf{}", "wide": unitsOf(`{"a":1}`, 2, true), "dots": "a.b.c", "five": "a.b.c.d.e", "spaces": " \r\n\t",
		"a JWE": string(seal(t, w.theirs(t, jwe.Config{}), "x")), "a JWE in JSON": string(seal(t, w.theirs(t, jwe.Config{JSON: true}), "x")),
	}
	for _, n := range []int{1, 2, 3, 11, 12, 13, 15, 16, 17, 31, 32, 33, most - 1} {
		payloads[fmt.Sprint(n)] = string(random(n))
	}
	if testing.Short() {
		payloads = map[string]string{"empty": "", "JSON": payloads["JSON"], "long": payloads["long"]}
	}
	only := jwe.InsecureEncryptOnly("test")
	try := func(c jwe.Config, content jwe.Algorithm) {
		c.MaxSize, c.Seal.Content = most, content
		t.Run(fmt.Sprintf("layers %d, JSON %t, members %t, bare %t, compress %t, named %t, waivers %d, %s",
			c.Layers, c.JSON, c.Members, c.Bare, c.Compress, c.Self != "", len(c.Waive), content), func(t *testing.T) {
			from := c
			from.Self, from.Partner = c.Partner, c.Self
			them, us := w.theirs(t, from), w.ours(t, c)
			signers := map[jwe.Layers]int{jwe.SignThenEncrypt: 1, jwe.EncryptThenSign: 1, jwe.SignEncryptSign: 2}[c.Layers]
			if slices.ContainsFunc(c.Waive, func(v envelope.Waiver) bool { return v.Name() == only.Name() }) {
				signers = 0
			}
			for name, payload := range payloads {
				m := open(t, us, seal(t, them, payload))
				require.True(t, payload == string(m.Payload), name)
				require.Len(t, m.Signers, signers, name)
			}
		})
	}
	for _, content := range []jwe.Algorithm{jwe.A256GCM, jwe.A128CBCHS256} {
		for bits := range 1 << 4 {
			on := func(bit int) bool { return bits>>bit&1 == 1 }
			for _, layers := range []jwe.Layers{jwe.SignThenEncrypt, jwe.EncryptThenSign, jwe.SignEncryptSign} {
				for _, members := range []bool{false, true} {
					c := jwe.Config{Layers: layers, JSON: on(0), Members: members, Bare: on(1), Compress: on(2)}
					if members && (c.JSON || layers == jwe.EncryptThenSign) {
						continue // New refuses it: TestLayersThatCannotBe
					}
					if on(3) {
						c.Self, c.Partner = "us", "them"
					}
					if c.Compress {
						c.Waive = waivedZip()
					}
					try(c, content)
				}
			}
		}
		for bits := range 1 << 2 {
			c := jwe.Config{JSON: bits&1 == 1, Compress: bits&2 == 2, Waive: []envelope.Waiver{only}}
			if c.Compress {
				c.Waive = append(c.Waive, waivedZip()...)
			}
			try(c, content)
		}
	}
}

// The largest payload opens whatever the algorithms and however long the
// headers are, so that no message is lost to the limit on the sealed size.
func TestLargestPayload(t *testing.T) {
	long := strings.Repeat("x", 7<<10)
	profiles(t, func(t *testing.T, w world, a jwe.Algorithms) {
		them := w.theirs(t, jwe.Config{Seal: a, Header: map[string]any{"long": long}, SignedHeader: map[string]any{"long": long}})
		us := w.ours(t, jwe.Config{MaxSize: 1})
		assert.Equal(t, "x", string(open(t, us, seal(t, them, "x")).Payload))
	})
}

// The message is not retained: what the caller does to it later changes
// nothing that was opened, and what the caller does to a message changes
// nothing that will be.
func TestNothingIsShared(t *testing.T) {
	w := newWorld(t)
	us, them := w.ours(t, jwe.Config{}), w.theirs(t, jwe.Config{SignedHeader: map[string]any{"list": []any{"a"}}})
	sealed := seal(t, them, "payload")
	m := open(t, us, sealed)
	again := bytes.Clone(sealed)
	clear(sealed)
	assert.Equal(t, "payload", string(m.Payload))
	clear(m.Payload)
	m.Header["list"].([]any)[0] = "changed"
	m = open(t, us, again)
	assert.Equal(t, "payload", string(m.Payload))
	assert.Equal(t, []any{"a"}, m.Header["list"])
}
