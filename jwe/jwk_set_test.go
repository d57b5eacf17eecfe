package jwe_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

type object = map[string]any

func joined(base, more object) object {
	out := maps.Clone(base)
	maps.Copy(out, more)
	return out
}

func jwkOfRSA(k *rsa.PublicKey, more object) object {
	return joined(object{"kty": "RSA", "n": b64(k.N.Bytes()), "e": "AQAB"}, more)
}

func jwkOfEC(t testing.TB, k *ecdsa.PublicKey, more object) object {
	point, err := k.Bytes()
	require.NoError(t, err)
	half := len(point) / 2
	return joined(object{"kty": "EC", "crv": k.Params().Name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}, more)
}

func asJSON(t testing.TB, v any) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func jwksOf(t testing.TB, keys ...any) string { return asJSON(t, object{"keys": keys}) }

// RFC 7517, Section 5: what is wrong with one entry costs that entry. The secret word
// stands in members that no error may quote.
func TestOneOddEntry(t *testing.T) {
	const canary = "quoted-by-mistake"
	r := &rsaKeys[0]().PublicKey
	good := jwkOfEC(t, &newEC(t, curve256).PublicKey, object{"use": "sig", "kid": "good"})
	ec := func(more object) object { return jwkOfEC(t, &newEC(t, curve256).PublicKey, more) }
	small := new(big.Int).SetBit(new(big.Int).Rsh(r.N, 1024), 0, 1)
	large := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8191), big.NewInt(1))
	for _, tt := range []struct {
		name  string
		entry any
		want  string
	}{
		{"RSA-OAEP-512", jwkOfRSA(r, object{"use": "enc", "alg": "RSA-OAEP-512", "kid": "x"}), `key 2 (kty "RSA", use "enc", alg "RSA-OAEP-512", kid "x"): "alg" is "RSA-OAEP-512", which is not supported`},
		{"RSA-OAEP-384", jwkOfRSA(r, object{"use": "enc", "alg": "RSA-OAEP-384"}), `"alg" is "RSA-OAEP-384", which is not supported`},
		{"HPKE", ec(object{"use": "enc", "alg": "HPKE-0"}), `"alg" is "HPKE-0", which is not supported`},
		{"RS1", jwkOfRSA(r, object{"use": "sig", "alg": "RS1"}), `"alg" is "RS1", which is not supported`},
		{"use tls", jwkOfRSA(r, object{"use": "tls"}), `"use" is "tls", and not "sig" or "enc"`},
		{"use saml_ca", jwkOfRSA(r, object{"use": "saml_ca"}), `"use" is "saml_ca", and not "sig" or "enc"`},
		{"no use", jwkOfRSA(r, object{"kid": "bare"}), "it does not say what it is for"},
		{"RSA-1024", jwkOfRSA(&rsa.PublicKey{N: small}, object{"use": "sig"}), "an RSA modulus of 1024 bits"},
		{"RSA-8192", jwkOfRSA(&rsa.PublicKey{N: large}, object{"use": "sig"}), "do not fit together"},
		{"x5c of no certificate", ec(object{"use": "sig", "x5c": []any{canary}}), `"x5c": not base64`},
		{"x5c of garbage", ec(object{"use": "sig", "x5c": []any{"AAAA"}}), `"x5c": a certificate that does not parse`},
		{"x5c of another key", ec(object{"use": "sig", "x5c": x5cOf(t, certificateOf(t, newEC(t, curve256), time.Now(), time.Now().Add(time.Hour), 0))}), `"x5c": the certificate is about another key`},
		{"numeric kid", jwkOfRSA(r, object{"use": "sig", "kid": 7}), `key 2 (kty "RSA", use "sig"): "kid" is not a string`},
		{"kty of an unknown type", object{"kty": "LMS", "alg": "LMS", "pub": canary}, "a type of key that is not supported"},
		{"secp256k1", object{"kty": "EC", "crv": "secp256k1", "x": canary, "y": "AA"}, "a key on the curve secp256k1, which is not supported"},
		{"an unknown curve", object{"kty": "EC", "crv": canary, "x": "AA", "y": "AA"}, "a key on another curve, which is not supported"},
		{"no kty", object{"kid": "x", "note": canary}, `no "kty"`},
		{"no object", canary, "key 2: not a JSON object"},
		{"operations of the other half", jwkOfRSA(r, object{"key_ops": []string{"sign"}}), `"key_ops" allows nothing`},
		{"operations against the use", jwkOfRSA(r, object{"use": "sig", "key_ops": []string{"verify", "encrypt"}}), `"key_ops" contradicts`},
		{"revoked", jwkOfRSA(r, object{"use": "sig", "revoked": object{"revoked_at": 1, "reason": canary}}), "has revoked it"},
		{"no date", jwkOfRSA(r, object{"use": "sig", "exp": canary}), `"exp" is no date`},
		{"a modulus that is none", object{"kty": "RSA", "n": canary + "!", "e": "AQAB", "use": "sig"}, "do not fit together"},
		{"a short modulus", object{"kty": "RSA", "n": canary + "abc", "e": "AQAB", "use": "sig"}, "an RSA modulus of"},
		{"coordinates that are none", object{"kty": "EC", "crv": "P-256", "x": canary, "y": canary + canary + canary, "use": "sig"}, "do not fit together"},
		{"an Ed25519 key that is none", object{"kty": "OKP", "crv": "Ed25519", "x": canary}, "do not fit together"},
		{"an X25519 key that is none", object{"kty": "OKP", "crv": "X25519", "x": canary}, "not base64url"},
		{"a fingerprint that is none", jwkOfRSA(r, object{"use": "sig", "x5t#S256": []any{canary}}), `"x5t#S256" is not a string`},
		{"a point that is none", joined(good, object{"kid": "off", "x": b64(make([]byte, 32))}), "do not fit together"},
		{"a long kid", jwkOfRSA(r, object{"use": "tls", "kid": "\x1b[31m" + strings.Repeat("k", 300)}), "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, passed, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, good, tt.entry)), 0)
			require.NoError(t, err)
			require.Len(t, keys, 1)
			assert.Equal(t, "good", keys[0].Info().Name)
			require.Len(t, passed, 1)
			assert.Equal(t, 2, passed[0].Entry)
			text := passed[0].String()
			assert.Contains(t, text, tt.want)
			assert.NotContains(t, text, canary)
			assert.Less(t, len(text), 600)
			assert.NotContains(t, text, "\x1b")

			_, _, err = jwe.ReadKeys(strings.NewReader(jwksOf(t, tt.entry)), 0)
			assert.ErrorContains(t, err, "jwe: JWK Set: no key that can be used: key 1")
			_, err = jwe.ReadKey(strings.NewReader(jwksOf(t, good, tt.entry)), 0)
			assert.ErrorContains(t, err, "use ReadKeys, which passes it over")
		})
	}
}

// A secret among public keys is a mistake of the partner that must not pass in
// silence, whatever else is wrong with the entry.
func TestSecretsAmongPublicKeys(t *testing.T) {
	good := jwkOfEC(t, &newEC(t, curve256).PublicKey, object{"use": "sig", "kid": "good"})
	r := jwkOfRSA(&rsaKeys[0]().PublicKey, object{"use": "sig"})
	for name, entry := range map[string]object{
		"oct": {"kty": "oct", "k": "AAAA", "alg": "HS256"}, "oct without a value": {"kty": "oct"}, "k of another type": {"kty": "x", "k": "AAAA"},
		"d": joined(r, object{"d": "AAAA"}), "p alone": joined(r, object{"p": "AAAA"}), "dp alone": joined(r, object{"dp": 1}),
		"oth": joined(r, object{"oth": []any{}}), "of an unknown use": joined(r, object{"use": "tls", "d": "AAAA"}),
		"of an unknown type": {"kty": "LMS", "priv": "AAAA"}, "the seed of ML-DSA": {"kty": "AKP", "alg": "ML-DSA-44", "priv": "AAAA"},
	} {
		for _, list := range [][]any{{good, entry}, {entry, good}} {
			keys, passed, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, list...)), 0)
			assert.Error(t, err, name)
			assert.Empty(t, keys, name)
			assert.Empty(t, passed, name)
		}
	}
	many := slices.Repeat([]any{good}, 300)
	_, _, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, append(many, object{"kty": "oct", "k": "AAAA"})...)), 0)
	assert.ErrorContains(t, err, "key 301 (kty \"oct\"): a symmetric key", "even where nothing else is looked at")
}

func TestEntriesBeyondTheLimit(t *testing.T) {
	list := slices.Repeat([]any{object{"kty": "x"}}, 255)
	one := jwkOfEC(t, &newEC(t, curve256).PublicKey, object{"use": "sig", "kid": "256"})
	two := jwkOfEC(t, &newEC(t, curve256).PublicKey, object{"use": "sig", "kid": "257"})
	keys, passed, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, append(list, one, two)...)), 0)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	assert.Equal(t, "256", keys[0].Info().Name)
	require.Len(t, passed, 256)
	assert.Equal(t, "key 257: it and what follows, 1 entries, are not looked at: 256 are the most", passed[255].String())
}

// A use that is given is for entries that say nothing.
func TestUseOfASet(t *testing.T) {
	text := jwksOf(t,
		jwkOfRSA(&rsaKeys[0]().PublicKey, object{"kid": "bare"}),
		jwkOfRSA(&rsaKeys[1]().PublicKey, object{"kid": "enc", "use": "enc"}),
		object{"kty": "OKP", "crv": "X25519", "kid": "x", "x": b64(newX(t).PublicKey().Bytes())},
		object{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(newEd(t)[32:])},
	)
	keys, passed, err := jwe.ReadKeys(strings.NewReader(text), keyset.Signing)
	require.NoError(t, err)
	assert.Empty(t, passed)
	got := map[string]keyset.Use{}
	for _, k := range keys {
		got[k.Info().Name] = k.Info().Use
	}
	one := jwksOf(t, jwkOfRSA(&rsaKeys[1]().PublicKey, object{"use": "enc"}))
	_, err = jwe.ReadKey(strings.NewReader(one), keyset.Signing)
	assert.ErrorContains(t, err, "it does not allow signing", "of one key the use that is given is demanded")
	assert.Equal(t, map[string]keyset.Use{"bare": keyset.Signing, "enc": keyset.Encryption, "x": keyset.Encryption, "ed": keyset.Signing}, got)
}

// One key that is listed twice becomes one that may do both.
func TestOneKeyListedTwice(t *testing.T) {
	r := &rsaKeys[1]().PublicKey
	read := func(t *testing.T, list ...object) ([]*jwe.Key, []jwe.PassedOver) {
		var entries []any
		for _, more := range list {
			entries = append(entries, jwkOfRSA(r, more))
		}
		keys, passed, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, entries...)), 0)
		require.NoError(t, err)
		require.Len(t, keys, 1)
		setOf(t, keyset.Key{Material: keys[0], State: keyset.Active})
		return keys, passed
	}
	w := newWorld(t)
	verifies := func(k *jwe.Key, alg jwe.Algorithm) error {
		them := w.theirs(t, jwe.Config{Own: set(t, signing(t, "", rsaKeys[1]())), Seal: jwe.Algorithms{Signature: alg}})
		sealed := seal(t, them, "x")
		_, err := w.ours(t, jwe.Config{Peer: set(t, k)}).Open(t.Context(), sealed)
		return err
	}
	t.Run("two algorithms", func(t *testing.T) {
		keys, passed := read(t, object{"alg": "RS256", "kid": "k1"}, object{"alg": "PS256", "kid": "k1"})
		assert.Empty(t, passed)
		assert.NoError(t, verifies(keys[0], jwe.PS256))
		assert.NoError(t, verifies(keys[0], jwe.RS256))
		assert.Error(t, verifies(keys[0], jwe.PS384), "which neither entry has")

		var b strings.Builder
		require.NoError(t, keys[0].WritePublicJWK(&b))
		back, err := jwe.ReadKey(strings.NewReader(b.String()), 0)
		require.NoError(t, err, "what is written is read")
		assert.Equal(t, keys[0].Info(), back.Info())
		assert.Equal(t, keys[0].Digest(), back.Digest())
	})
	t.Run("an entry for every algorithm", func(t *testing.T) {
		keys, _ := read(t, object{"alg": "RS256"}, object{"use": "sig"})
		assert.NoError(t, verifies(keys[0], jwe.PS384))
	})
	t.Run("two uses", func(t *testing.T) {
		for _, order := range [][]object{
			{{"use": "sig", "alg": "PS256", "kid": "s"}, {"use": "enc", "alg": "RSA-OAEP", "kid": "e"}},
			{{"use": "enc", "alg": "RSA-OAEP", "kid": "e"}, {"use": "sig", "alg": "PS256", "kid": "s"}},
		} {
			keys, passed := read(t, order...)
			assert.Empty(t, passed)
			k := keys[0]
			assert.Equal(t, keyset.Signing|keyset.Encryption, k.Info().Use)
			assert.Equal(t, "s", k.Info().Name)
			assert.NoError(t, verifies(k, jwe.PS256))
			assert.Error(t, verifies(k, jwe.RS256))
			sealed := seal(t, w.ours(t, jwe.Config{Peer: set(t, k)}), "x")
			header, err := base64.RawURLEncoding.DecodeString(strings.Split(string(sealed), ".")[0])
			require.NoError(t, err)
			assert.Contains(t, string(header), `"alg":"RSA-OAEP"`)
			assert.Contains(t, string(header), `"kid":"e"`, "the partner finds its key by the kid of that use")
		}
	})
	t.Run("never RSA1_5 with anything", func(t *testing.T) {
		for _, other := range []object{{"use": "sig"}, {"alg": "PS256"}, {"alg": "RSA-OAEP-256"}, {"use": "enc"}} {
			for i, order := range [][]object{{other, {"alg": "RSA1_5"}}, {{"alg": "RSA1_5"}, other}} {
				keys, passed := read(t, order...)
				require.Len(t, passed, 1)
				assert.Equal(t, "RSA1_5", passed[0].Algorithm)
				assert.Equal(t, 2-i, passed[0].Entry)
				assert.ErrorContains(t, passed[0].Err, "a key for RSA1_5 does nothing else")
				_, err := keys[0].WithAlgorithm(jwe.RSA1_5)
				if keys[0].Info().Use == keyset.Signing {
					assert.Error(t, err)
				}
			}
		}
	})
	t.Run("the manifest widens nothing", func(t *testing.T) {
		text := jwksOf(t, jwkOfRSA(r, object{"use": "sig", "alg": "PS256", "kid": "s"}), jwkOfRSA(r, object{"use": "enc", "kid": "e"}))
		before := mustKey(jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfRSA(r, object{"use": "sig", "alg": "PS256", "kid": "s"}))), 0))
		open := jwe.OpenFile(fstest.MapFS{"set": {Data: []byte(text)}})
		for use, want := range map[string]keyset.Use{"signing": keyset.Signing, "encryption": keyset.Encryption, "signing+encryption": keyset.Signing | keyset.Encryption, "": keyset.Signing | keyset.Encryption} {
			m, err := open(t.Context(), keyset.ManifestKey{ID: before.Info().ID, Use: use, Source: "file:set"})
			require.NoError(t, err)
			assert.Equal(t, want, m.Info().Use)
			if use == "signing" {
				assert.Equal(t, before.Digest(), m.(*jwe.Key).Digest(), "the copy that is in force")
				assert.Equal(t, before.Info(), m.Info())
			}
		}
	})
	t.Run("of our own, under a waiver alone", func(t *testing.T) {
		private := func(more object) object {
			k := rsaKeys[1]()
			return joined(jwkOfRSA(r, more), object{"d": b64(k.D.Bytes()), "p": b64(k.Primes[0].Bytes()), "q": b64(k.Primes[1].Bytes())})
		}
		keys, _, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, private(object{"use": "sig"}), private(object{"use": "enc"}))), 0)
		require.NoError(t, err)
		require.Len(t, keys, 1)
		_, err = w.ours(t, jwe.Config{Own: set(t, keys...)}).Seal(t.Context(), nil)
		assert.ErrorContains(t, err, "jwe.InsecureRSADualUse")
	})
}

// "kty" decides what a key is, whatever other members stand beside it.
func TestTypeDecides(t *testing.T) {
	r := &rsaKeys[0]().PublicKey
	x := b64(newX(t).PublicKey().Bytes())
	k, err := jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfRSA(r, object{"crv": "X25519", "x": x, "use": "enc"}))), 0)
	require.NoError(t, err)
	assert.Equal(t, "RSA-2048", k.Info().Algorithm)
	assert.Equal(t, encryption(t, "", rsaKeys[0]()).Info().ID, k.Info().ID)
	for _, jwk := range []object{
		{"kty": "EC", "crv": "X25519", "x": x}, {"kty": "OKP", "crv": "P-256", "x": x}, {"kty": "EC", "x": x, "y": x}, {"kty": "OKP", "n": x, "x": x},
	} {
		_, err := jwe.ReadKey(strings.NewReader(asJSON(t, jwk)), keyset.Encryption)
		assert.Error(t, err, jwk)
	}
}

// Azure Key Vault writes so of a key whose private half is in its hardware.
func TestTypesOfAzure(t *testing.T) {
	operations := []string{"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"}
	k, err := jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfRSA(&rsaKeys[0]().PublicKey, object{"kty": "RSA-HSM", "key_ops": operations}))), keyset.Signing)
	require.NoError(t, err)
	assert.Equal(t, keyset.Signing, k.Info().Use)
	k, err = jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfEC(t, &newEC(t, curve256).PublicKey, object{"kty": "EC-HSM", "key_ops": []string{"sign", "verify"}}))), 0)
	require.NoError(t, err)
	assert.Equal(t, keyset.Signing, k.Info().Use)
	_, err = jwe.ReadKey(strings.NewReader(`{"kty":"EC-HSM","crv":"P-256K","x":"AA","y":"AA"}`), keyset.Signing)
	assert.ErrorContains(t, err, "secp256k1")
	_, err = jwe.ReadKey(strings.NewReader(`{"kty":"oct-HSM"}`), keyset.Signing)
	assert.ErrorContains(t, err, "a symmetric key")
}

// The members of OpenID Federation that end a key, and the certificate: the narrowest
// counts.
func TestValidityOfAJWK(t *testing.T) {
	ec := newEC(t, curve256)
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	chain := x5cOf(t, certificateOf(t, ec, at(1e9), at(2e9), 0))
	for _, tt := range []struct {
		more     object
		from, to time.Time
	}{
		{object{}, time.Time{}, time.Time{}},
		{object{"exp": 15e8}, time.Time{}, at(15e8)},
		{object{"nbf": 12e8, "exp": 15e8}, at(12e8), at(15e8)},
		{object{"x5c": chain}, at(1e9), at(2e9)},
		{object{"x5c": chain, "nbf": 12e8, "exp": 15e8}, at(12e8), at(15e8)},
		{object{"x5c": chain, "nbf": 5e8, "exp": 25e8}, at(1e9), at(2e9)},
	} {
		k, err := jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfEC(t, &ec.PublicKey, joined(tt.more, object{"use": "sig"})))), 0)
		require.NoError(t, err)
		assert.True(t, tt.from.Equal(k.Info().NotBefore), tt.more)
		assert.True(t, tt.to.Equal(k.Info().NotAfter), tt.more)
	}
	_, err := jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfEC(t, &ec.PublicKey, object{"use": "sig", "revoked": true}))), 0)
	assert.ErrorContains(t, err, `has revoked it ("revoked")`)
}

// The text says whose end it is.
func TestTheEndOfAKeyHasAName(t *testing.T) {
	now := time.Now()
	w := newWorld(t)
	ec := newEC(t, curve256)
	chain := x5cOf(t, certificateOf(t, ec, now.Add(-3*time.Hour), now.Add(-2*time.Hour), 0))
	for _, tt := range []struct {
		more object
		want string
	}{
		{object{"x5c": chain}, `, with the certificate in "x5c"`},
		{object{"exp": now.Add(-2 * time.Hour).Unix()}, `, with "exp" of the JWK`},
	} {
		for _, use := range []string{"sig", "enc"} {
			k := mustKey(jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfEC(t, &ec.PublicKey, joined(tt.more, object{"use": use})))), 0))
			us := w.ours(t, jwe.Config{Peer: set(t, k)})
			if use == "enc" {
				_, err := us.Seal(t.Context(), nil)
				assert.ErrorContains(t, err, tt.want)
				continue
			}
			them := w.theirs(t, jwe.Config{Own: set(t, signing(t, "", ec))})
			oe := rejects(t, us, seal(t, them, "x"), envelope.OutOfTime)
			assert.ErrorContains(t, oe.Cause(), tt.want)
		}
	}
	alone := mustKey(jwe.ReadKey(certificate(t, ec, now.Add(-3*time.Hour), now.Add(-2*time.Hour), 0), keyset.Encryption))
	_, err := w.ours(t, jwe.Config{Peer: set(t, alone)}).Seal(t.Context(), nil)
	assert.ErrorContains(t, err, ", with the certificate")
}

// The key usage of a certificate counts the same alone and inside a JWK.
func TestKeyUsageCountsTheSame(t *testing.T) {
	ec := newEC(t, curve256)
	for _, usage := range []int{0, 1, 2, 4, 8, 16, 17, 32} {
		der := certificateOf(t, ec, time.Now(), time.Now().Add(time.Hour), usage)
		for _, given := range []keyset.Use{0, keyset.Signing, keyset.Encryption} {
			alone, aloneErr := jwe.ReadKey(strings.NewReader(string(der)), given)
			inside, insideErr := jwe.ReadKey(strings.NewReader(asJSON(t, jwkOfEC(t, &ec.PublicKey, object{"x5c": x5cOf(t, der)}))), given)
			what := fmt.Sprintf("usage %d, given %s", usage, given)
			require.Equal(t, aloneErr == nil, insideErr == nil, "%s: %v, %v", what, aloneErr, insideErr)
			if aloneErr == nil {
				want := alone.Info()
				want.EndsWith = inside.Info().EndsWith // which is the only difference
				assert.Equal(t, want, inside.Info(), what)
				assert.Equal(t, alone.Digest(), inside.Digest(), what)
			}
		}
	}
}

// Coordinates without their leading zeros, as several libraries write them.
func TestShortCoordinates(t *testing.T) {
	ec := newEC(t, curve256)
	for {
		point, err := ec.PublicKey.Bytes()
		require.NoError(t, err)
		if point[1] == 0 && point[2] != 0 { // without two octets it is another point
			break
		}
		ec = newEC(t, curve256)
	}
	d, err := ec.Bytes()
	require.NoError(t, err)
	whole := jwkOfEC(t, &ec.PublicKey, object{"use": "enc"})
	point, err := ec.PublicKey.Bytes()
	require.NoError(t, err)
	short := joined(whole, object{"x": b64(point[2:33])})
	for _, jwk := range []object{short, joined(short, object{"d": b64(new(big.Int).SetBytes(d).Bytes())})} {
		k, err := jwe.ReadKey(strings.NewReader(asJSON(t, jwk)), 0)
		require.NoError(t, err)
		assert.Equal(t, encryption(t, "", ec).Info().ID, k.Info().ID)
	}
	for _, x := range []string{"", b64(append([]byte{0}, point[1:33]...)), b64(point[3:33])} {
		_, err := jwe.ReadKey(strings.NewReader(asJSON(t, joined(whole, object{"x": x}))), 0)
		assert.Error(t, err, "the point is checked all the same")
	}
}

// The same in the "epk" of a message: one in 128 has such a coordinate.
func TestShortCoordinatesOfAMessage(t *testing.T) {
	s := newStage(t, jwe.Config{})
	to, err := s.agree.ECDH()
	require.NoError(t, err)
	signed := signES256(t, s.sign, goodJWS, "{}")
	for shortened := false; !shortened; {
		token := agreeWith(t, to.PublicKey(), func(epk string) string {
			var jwk map[string]string
			require.NoError(t, json.Unmarshal([]byte(epk), &jwk))
			for _, name := range []string{"x", "y"} {
				octets, err := base64.RawURLEncoding.DecodeString(jwk[name])
				require.NoError(t, err)
				for octets[0] == 0 {
					octets, shortened = octets[1:], true
				}
				jwk[name] = b64(octets)
			}
			return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + asJSON(t, jwk) + `}`
		}, signed)
		assert.Equal(t, "{}", string(open(t, s.receiver, []byte(token)).Payload))
	}
	for _, epk := range []object{
		{"kty": "EC", "crv": "P-256", "x": b64(make([]byte, 33)), "y": b64(make([]byte, 32))},
		{"kty": "EC", "crv": "P-256", "x": "", "y": b64([]byte{1})},
		{"kty": "OKP", "crv": "X25519", "x": b64(random(31))},
	} {
		token := agreeWith(t, to.PublicKey(), func(string) string { return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + asJSON(t, epk) + `}` }, signed)
		rejects(t, s.receiver, []byte(token), envelope.Malformed)
	}
}
