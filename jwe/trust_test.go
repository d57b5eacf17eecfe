package jwe_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

var curve256 = elliptic.P256()

// Every trusted key is tried, whatever the "kid" says: trap J1.
func TestKidIsOnlyAHint(t *testing.T) {
	d := []*jwe.Key{
		encryption(t, "first", rsaKeys[1]()), encryption(t, "second", rsaKeys[2]()), encryption(t, "third", rsaKeys[3]()),
	}
	signKeys := make([]*jwe.Key, 3)
	raw := make([]*ecdsa.PrivateKey, 3)
	for i, kid := range []string{"one", "two", "three"} {
		k := newEC(t, curve256)
		raw[i], signKeys[i] = k, signing(t, kid, k)
	}
	sum := sha256.Sum256(spki(t, &rsaKeys[3]().PublicKey))
	for _, tt := range []struct {
		name           string
		decKid, sigKid string // as JSON members, with a comma in front
		same           bool   // all our keys under one name
		addressed      []keyset.ID
	}{
		{name: "named", decKid: `,"kid":"third"`, sigKid: `,"kid":"three"`, addressed: []keyset.ID{d[2].Info().ID}},
		{name: "no kid"},
		{name: "empty kid", decKid: `,"kid":""`, sigKid: `,"kid":""`},
		{name: "unknown kid", decKid: `,"kid":"nobody"`, sigKid: `,"kid":"nobody"`, addressed: []keyset.ID{"nobody"}},
		{name: "kid of another key", decKid: `,"kid":"first"`, sigKid: `,"kid":"one"`, addressed: []keyset.ID{d[0].Info().ID}},
		{name: "kid in other letter case", decKid: `,"kid":"THIRD"`, sigKid: `,"kid":"Three"`, addressed: []keyset.ID{d[2].Info().ID}},
		{name: "equal kids", same: true, decKid: `,"kid":"same"`, sigKid: `,"kid":"same"`, addressed: []keyset.ID{d[2].Info().ID}},
		{name: "thumbprint", decKid: `,"kid":"` + string(d[2].Info().ID) + `"`, sigKid: `,"kid":"` + string(signKeys[2].Info().ID) + `"`, addressed: []keyset.ID{d[2].Info().ID}},
		{name: "fingerprint of the key", decKid: `,"kid":"` + hex.EncodeToString(sum[:]) + `"`, addressed: []keyset.ID{d[2].Info().ID}},
		{name: "unprintable kid", decKid: `,"kid":"a\nb"`, sigKid: `,"kid":"\u0000"`, addressed: []keyset.ID{`a\nb`}},
		{name: "long kid", decKid: `,"kid":"` + strings.Repeat("x", 4000) + `"`, addressed: []keyset.ID{keyset.ID(strings.Repeat("x", 125) + "…")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own, peer := d, public(signKeys...)
			if tt.same {
				own, peer = nil, nil
				for i := range d {
					own = append(own, d[i].WithName("same"))
					peer = append(peer, signKeys[i].WithName("same").Public().(*jwe.Key))
				}
			}
			us := newEnvelope(t, jwe.Config{Own: set(t, own...), Peer: set(t, peer...)})
			token := encryptTo(t, &rsaKeys[3]().PublicKey, `{"alg":"RSA-OAEP-256","enc":"A256GCM"`+tt.decKid+`}`,
				signES256(t, raw[2], `{"alg":"ES256"`+tt.sigKid+`}`, "payload"))
			m := open(t, us, []byte(token))
			assert.Equal(t, "payload", string(m.Payload))
			assert.Equal(t, d[2].Info().ID, m.Decrypter.ID)
			assert.Equal(t, signKeys[2].Info().ID, m.Signers[0].ID)
			assert.Equal(t, tt.addressed, m.Addressed)
			assert.True(t, m.SignedBy(signKeys[2].Info().ID))
		})
	}
}

// The "x5t#S256" of a certificate names its key as well.
func TestCertificateThumbprintNames(t *testing.T) {
	w := newWorld(t)
	signKey := newEC(t, curve256)
	text, err := io.ReadAll(certificate(t, signKey, time.Unix(0, 0), time.Now().Add(time.Hour), 0))
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	sum := sha256.Sum256(block.Bytes)
	signer := mustKey(jwe.ReadKey(bytes.NewReader(text), keyset.Signing))
	us := w.ours(t, jwe.Config{Own: set(t, encryption(t, "dec", rsaKeys[1]())), Peer: set(t, signer)})
	token := func(key *ecdsa.PrivateKey) []byte {
		return []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, key, `{"alg":"ES256","x5t#S256":"`+b64(sum[:])+`"}`, "{}")))
	}
	open(t, us, token(signKey))
	oe := rejects(t, us, token(newEC(t, curve256)), envelope.BadSignature)
	assert.Equal(t, []keyset.ID{signer.Info().ID}, oe.Keys)
}

// ECDH-ES without a wrapped key tells only by the content whether a key is the
// right one, so each that fits is tried on the content.
func TestDirectAgreementTriesEveryKey(t *testing.T) {
	w := newWorld(t)
	var own []*jwe.Key
	for range keyset.MaxKeys {
		own = append(own, encryption(t, "same", newEC(t, curve256)))
	}
	us := w.ours(t, jwe.Config{Own: set(t, own...)})
	for _, content := range contentAlgorithms {
		for _, i := range []int{0, 7, keyset.MaxKeys - 1} {
			w.ourDecrypt = own[i]
			them := w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: jwe.ECDHES, Content: content}})
			m := open(t, us, seal(t, them, "payload"))
			assert.Equal(t, "payload", string(m.Payload))
			assert.Equal(t, own[i].Info().ID, m.Decrypter.ID)
		}
	}
}

// A key does what it is for and nothing else: traps J2 and J3.
func TestKeysKeepToTheirUse(t *testing.T) {
	rsaKey := rsaKeys[1]()
	read := func(members string) *jwe.Key {
		public, err := jwe.ReadKey(strings.NewReader(jwkRSA(rsaKey, members)), 0)
		require.NoError(t, err)
		return public
	}
	t.Run("a signing key of ours does not decrypt", func(t *testing.T) {
		w := newWorld(t)
		us := w.ours(t, jwe.Config{Own: set(t, signing(t, "dec", rsaKey), w.ourDecrypt)})
		rejects(t, us, []byte(encryptTo(t, &rsaKey.PublicKey, goodJWE, "x")), envelope.NotForUs)
	})
	t.Run("a key bound to RSA-OAEP does not decrypt RSA-OAEP-256", func(t *testing.T) {
		w := newWorld(t)
		var buf strings.Builder
		require.NoError(t, encryption(t, "dec", rsaKey).WriteInsecurePrivateJWK(&buf))
		k, err := jwe.ReadKey(strings.NewReader(strings.Replace(buf.String(), `"use":"enc"`, `"use":"enc","alg":"RSA-OAEP"`, 1)), 0)
		require.NoError(t, err)
		us := w.ours(t, jwe.Config{Own: set(t, w.ourSign, k)})
		rejects(t, us, []byte(encryptTo(t, &rsaKey.PublicKey, goodJWE, "x")), envelope.NotForUs)
	})
	t.Run("a signing key of the partner is not encrypted to", func(t *testing.T) {
		w := newWorld(t)
		us := w.ours(t, jwe.Config{Peer: set(t, read(`"use":"sig"`))})
		_, err := us.Seal(t.Context(), nil)
		assert.ErrorIs(t, err, envelope.ErrNoKey)
	})
	t.Run("key_ops are a use", func(t *testing.T) {
		w := newWorld(t)
		us := w.ours(t, jwe.Config{Peer: set(t, read(`"key_ops":["verify"]`))})
		_, err := us.Seal(t.Context(), nil)
		assert.ErrorIs(t, err, envelope.ErrNoKey)
	})
	t.Run("a decryption key of ours does not sign", func(t *testing.T) {
		w := newWorld(t)
		us := w.ours(t, jwe.Config{Own: set(t, w.ourDecrypt)})
		_, err := us.Seal(t.Context(), nil)
		assert.ErrorIs(t, err, envelope.ErrNoKey)
	})
}

// Accept narrows, one purpose at a time.
func TestAccept(t *testing.T) {
	w := newWorld(t)
	them := w.theirs(t, jwe.Config{})
	sealed := seal(t, them, "payload") // ECDH-ES+A256KW, A256GCM, ES256
	for _, tt := range []struct {
		accept []jwe.Algorithm
		reason envelope.Reason
	}{
		{[]jwe.Algorithm{jwe.A256GCM}, ""},
		{[]jwe.Algorithm{jwe.A256GCM, jwe.ECDHESA256KW, jwe.ES256}, ""},
		{[]jwe.Algorithm{jwe.A128GCM}, envelope.Forbidden},
		{[]jwe.Algorithm{jwe.RSAOAEP256}, envelope.Forbidden},
		{[]jwe.Algorithm{jwe.PS256}, envelope.Forbidden},
	} {
		us := w.ours(t, jwe.Config{Accept: tt.accept})
		if tt.reason == "" {
			open(t, us, sealed)
		} else {
			rejects(t, us, sealed, tt.reason)
		}
	}
}

// The key that opened last goes first, so that a partner who sends no kid does
// not cost one private-key operation for each of our keys. It is seen from the
// outside by what is tried first, in the keys of the rejection.
func TestLastOpenerGoesFirst(t *testing.T) {
	d := []*jwe.Key{encryption(t, "a", rsaKeys[1]()), encryption(t, "b", rsaKeys[2]()), encryption(t, "c", rsaKeys[3]())}
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign = signing(t, "sig", signKey)
	us := w.ours(t, jwe.Config{Own: set(t, d...)})
	const header = `{"alg":"RSA-OAEP-256","enc":"A256GCM"}`
	lost := func() []keyset.ID {
		return rejects(t, us, []byte(encryptTo(t, &rsaKeys[0]().PublicKey, header, "x")), envelope.NotForUs).Keys
	}
	ids := func(n ...int) (out []keyset.ID) {
		for _, i := range n {
			out = append(out, d[i].Info().ID)
		}
		return out
	}
	assert.Equal(t, ids(0, 1, 2), lost())
	open(t, us, []byte(encryptTo(t, &rsaKeys[3]().PublicKey, header, signES256(t, signKey, `{"alg":"ES256"}`, "x"))))
	assert.Equal(t, ids(2, 0, 1), lost())
}

// A key that cannot fit, by its size or its curve, costs no operation.
func TestKeysThatDoNotFitAreNotTried(t *testing.T) {
	w := newWorld(t)
	us := w.ours(t, jwe.Config{Own: set(t, encryption(t, "rsa", rsaKeys[1]()), encryption(t, "p384", newEC(t, elliptic.P384())))})
	for name, token := range map[string]string{
		"RSA-3072": encryptWith(t, random(32), random(384), `{"alg":"RSA-OAEP","enc":"A256GCM"}`, "x"),
		"P-256":    agreeWith(t, ecdhOf(t, newEC(t, curve256)), func(epk string) string { return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + epk + `}` }, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Empty(t, rejects(t, us, []byte(token), envelope.NotForUs).Keys)
		})
	}
}

// Many revoked keys cost no more than a message may cost.
func TestWorkIsBounded(t *testing.T) {
	w := newWorld(t)
	var revoked []*jwe.Key
	for range 100 {
		revoked = append(revoked, signing(t, "old", newEC(t, curve256)))
	}
	stranger, decrypt := newEC(t, curve256), newEC(t, curve256)
	w.ourDecrypt = encryption(t, "dec", decrypt)
	us := w.ours(t, jwe.Config{Peer: setOf(t, append(entries(keyset.Active, public(w.theirSign, w.theirDecrypt)...),
		entries(keyset.Revoked, public(revoked...)...)...)...)})
	token := agreeWith(t, ecdhOf(t, decrypt), func(epk string) string { return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + epk + `}` },
		signES256(t, stranger, `{"alg":"ES256"}`, "x"))
	rejects(t, us, []byte(token), envelope.UnknownSigner)
}
