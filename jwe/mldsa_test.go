//go:build go1.27 && !fips140v1.0

package jwe_test

import (
	"crypto/mldsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
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

// The thumbprints of the keys whose seeds are zero. The first two are those that RFC 9964
// writes as "kid" of its samples.
func TestOneKeyOfMLDSAThroughEveryDoor(t *testing.T) {
	for alg, id := range map[jwe.Algorithm]keyset.ID{
		jwe.MLDSA44: "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o",
		jwe.MLDSA65: "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM",
		jwe.MLDSA87: "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU",
	} {
		seed := make([]byte, 32)
		private := seeded(t, alg, seed)
		akp := jwkOfAKP(t, alg, seed)
		pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
		require.NoError(t, err)
		now := time.Now()
		public, err := jwe.NewPublicKey("", private.PublicKey(), keyset.Signing)
		require.NoError(t, err)
		text := func(s string) *jwe.Key { return mustKey(jwe.ReadKey(strings.NewReader(s), 0)) }
		for door, k := range map[string]*jwe.Key{
			"NewKey": signing(t, "", private), "NewPublicKey": public, "a Signer": signing(t, "", plainSigner{private}), "a Remote": signing(t, "", newKMS(private)),
			"a JWK": text(asJSON(t, akp)), "a private JWK": text(asJSON(t, joined(akp, object{"priv": b64(seed)}))),
			"a JWK with a use": text(asJSON(t, joined(akp, object{"use": "sig", "key_ops": []string{"verify"}}))),
			"PKCS #8":          text(pemOf("PRIVATE KEY", pkcs8, nil)), "SubjectPublicKeyInfo": text(string(spki(t, private.PublicKey()))),
			"a certificate": text(pemOf("CERTIFICATE", certificateOf(t, private, now.Add(-time.Hour), now.Add(time.Hour), 1), nil)),
			"WithAlgorithm": mustKey(public.WithAlgorithm(alg)),
		} {
			i := k.Info()
			assert.Equal(t, id, i.ID, door)
			assert.Equal(t, string(alg), i.Algorithm, door)
			assert.Equal(t, keyset.Signing, i.Use, door)
			assert.Equal(t, keyset.Signing, i.PostQuantum, door)
			assert.Zero(t, i.Bits, door)
			if door != "a certificate" {
				assert.Equal(t, public.Digest(), k.Digest(), door)
			}
			written := written(t, k.WritePublicJWK)
			assert.NotContains(t, string(written), `"priv"`, door)
			back := text(string(written))
			assert.Equal(t, k.Digest(), back.Digest(), door)
			if i.Private {
				assert.NoError(t, k.SelfTest(t.Context()), door)
			}
			_, _, err = k.Refresh(back)
			assert.NoError(t, err, door)
		}
		secret := written(t, signing(t, "pq", private).WriteInsecurePrivateJWK)
		assert.JSONEq(t, asJSON(t, joined(akp, object{"priv": b64(seed), "kid": "pq", "use": "sig"})), string(secret))
		made := mustKey(jwe.GenerateKey("pq", alg))
		require.NoError(t, made.SelfTest(t.Context()))
		assert.Equal(t, "pq", made.Info().Name)
	}
}

// A key that is wrong in any part costs itself in a set, and says what is wrong with it.
func TestMLDSAKeysThatAreNone(t *testing.T) {
	const canary = "cXVvdGVkLWJ5LW1pc3Rha2U"
	seed, other := make([]byte, 32), append(make([]byte, 31), 1)
	good := jwkOfEC(t, &newEC(t, curve256).PublicKey, object{"use": "sig", "kid": "good"})
	without := func(o object, name string) object {
		o = joined(o, nil)
		delete(o, name)
		return o
	}
	for _, alg := range mldsaAlgorithms {
		akp := jwkOfAKP(t, alg, seed)
		encoding := seeded(t, alg, seed).PublicKey().Bytes()
		private := joined(akp, object{"priv": b64(seed)})
		larger := map[jwe.Algorithm]jwe.Algorithm{jwe.MLDSA44: jwe.MLDSA65, jwe.MLDSA65: jwe.MLDSA87, jwe.MLDSA87: jwe.MLDSA44}[alg]
		for _, tt := range []struct {
			name  string
			entry object
			want  string
		}{
			{"no alg", without(akp, "alg"), `no "alg"`},
			{"alg of no string", joined(akp, object{"alg": 65}), `"alg" is not a string`},
			{"unknown alg", joined(akp, object{"alg": "ML-DSA-66"}), `"alg" is "ML-DSA-66", which is not supported`},
			{"alg of RSA", joined(akp, object{"alg": "PS256"}), `"alg" is PS256, which has no keys of the type AKP`},
			{"alg of other parameters", joined(akp, object{"alg": string(larger)}), `"pub" is of `},
			{"no pub", without(akp, "pub"), `no "pub"`},
			{"no pub beside priv", without(private, "pub"), `no "pub"`},
			{"pub of no string", joined(akp, object{"pub": []string{canary}}), `"pub" is not a string`},
			{"pub not base64url", joined(akp, object{"pub": canary + "+"}), `"pub": `},
			{"empty pub", joined(akp, object{"pub": ""}), `"pub" is of 0 bytes`},
			{"short pub", joined(akp, object{"pub": b64(encoding[1:])}), `"pub" is of `},
			{"long pub", joined(akp, object{"pub": b64(append(encoding[:len(encoding):len(encoding)], 0))}), `"pub" is of `},
			{"use enc", joined(akp, object{"use": "enc"}), "contradicts the use of the key"},
			{"operation of encryption", joined(akp, object{"key_ops": []string{"encrypt"}}), "contradicts the use of the key"},
			{"operation of the other half", joined(akp, object{"key_ops": []string{"sign"}}), `"key_ops" allows nothing`},
			{"empty priv", joined(akp, object{"priv": ""}), `"priv" is of 0 bytes, and that of ` + string(alg) + " has 32"},
			{"short priv", joined(akp, object{"priv": b64(seed[1:])}), `"priv" is of 31 bytes`},
			{"long priv", joined(akp, object{"priv": b64(make([]byte, 33))}), `"priv" is of 33 bytes`},
			{"priv not base64url", joined(akp, object{"priv": canary + "="}), `"priv": `},
			{"priv of no string", joined(akp, object{"priv": []string{canary}}), `"priv" is not a string`},
			{"priv of another key", joined(akp, object{"priv": b64(other)}), "pub does not match the public key derived from priv"},
			{"d in place of priv", joined(akp, object{"d": b64(seed)}), `private members without the private key, "priv"`},
			{"revoked", joined(akp, object{"revoked": object{}}), "has revoked it"},
		} {
			t.Run(string(alg)+" "+tt.name, func(t *testing.T) {
				k, err := jwe.ReadKey(strings.NewReader(asJSON(t, tt.entry)), 0)
				assert.Nil(t, k)
				require.ErrorContains(t, err, tt.want)
				assert.NotErrorIs(t, err, errors.ErrUnsupported)
				assert.NotContains(t, err.Error(), canary)
				_, private := tt.entry["priv"]
				if _, d := tt.entry["d"]; private || d {
					return // which is an error of the set
				}
				keys, passed, err := jwe.ReadKeys(strings.NewReader(jwksOf(t, good, tt.entry)), 0)
				require.NoError(t, err)
				require.Len(t, keys, 1)
				require.Len(t, passed, 1)
				assert.ErrorContains(t, passed[0].Err, tt.want)
			})
		}
	}
	made := func(k any, use keyset.Use) error { _, err := jwe.NewKey("", k, use); return err }
	madePublic := func(k any) error { _, err := jwe.NewPublicKey("", k, keyset.Signing); return err }
	bound := func(k any, alg jwe.Algorithm) error { _, err := signing(t, "", k).WithAlgorithm(alg); return err }
	const none = "an ML-DSA key without its parameters"
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a zero private key", made(&mldsa.PrivateKey{}, keyset.Signing), none},
		{"no private key", made((*mldsa.PrivateKey)(nil), keyset.Signing), none},
		{"a zero public key", madePublic(&mldsa.PublicKey{}), none},
		{"no public key", madePublic((*mldsa.PublicKey)(nil)), none},
		{"a key for encryption", made(newMLDSA(t, jwe.MLDSA44), keyset.Encryption), "an ML-DSA-44 key is not for encryption"},
		{"a key for both uses", made(newMLDSA(t, jwe.MLDSA44), keyset.Signing|keyset.Encryption), "an ML-DSA-44 key is not for signing+encryption"},
		{"RSA for ML-DSA", bound(rsaKeys[0](), jwe.MLDSA44), "an RSA key for signing cannot be bound to ML-DSA-44"},
		{"ML-DSA for another", bound(newMLDSA(t, jwe.MLDSA44), jwe.MLDSA65), "is bound to ML-DSA-44 already"},
	} {
		assert.ErrorContains(t, tt.err, tt.want, tt.name)
	}
}

// DER holds the seed alone, as RFC 9881 prefers. OpenSSL writes the expanded key beside it
// unless it is told not to.
func TestMLDSAKeysInDER(t *testing.T) {
	private := seeded(t, jwe.MLDSA44, make([]byte, 32))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	type info struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}
	var good info
	_, err = asn1.Unmarshal(pkcs8, &good)
	require.NoError(t, err)
	both, err := asn1.Marshal(struct{ Seed, Expanded []byte }{make([]byte, 32), make([]byte, 2560)})
	require.NoError(t, err)
	expanded, err := asn1.Marshal(make([]byte, 2560))
	require.NoError(t, err)
	for name, key := range map[string][]byte{"both": both, "expanded": expanded, "empty": {}, "short": good.Key[:33]} {
		der, err := asn1.Marshal(info{good.Version, good.Algorithm, key})
		require.NoError(t, err)
		_, err = jwe.ReadKey(strings.NewReader(string(der)), 0)
		assert.ErrorContains(t, err, "an ML-DSA-44 private key that is not its seed alone; write it so with", name)
	}
	public := spki(t, private.PublicKey())
	_, err = jwe.ReadKey(strings.NewReader(string(public)), 0)
	require.NoError(t, err)
	type subject struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	der, err := asn1.Marshal(subject{good.Algorithm, asn1.BitString{Bytes: make([]byte, 1311), BitLength: 8 * 1311}})
	require.NoError(t, err)
	_, err = jwe.ReadKey(strings.NewReader(string(der)), 0)
	assert.ErrorContains(t, err, "it does not parse", "a byte short")
}

// signedBy returns a JWS over the payload with what a test says of its parts.
func signedBy(t testing.TB, k *mldsa.PrivateKey, header, payload string, opts *mldsa.Options, change func([]byte) []byte) []byte {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	signature, err := k.Sign(nil, []byte(input), opts)
	require.NoError(t, err)
	return []byte(input + "." + b64(change(signature)))
}

func TestMLDSASignaturesThatDoNotCount(t *testing.T) {
	same := func(s []byte) []byte { return s }
	for _, alg := range mldsaAlgorithms {
		key := newMLDSA(t, alg).(*mldsa.PrivateKey)
		larger := map[jwe.Algorithm]jwe.Algorithm{jwe.MLDSA44: jwe.MLDSA65, jwe.MLDSA65: jwe.MLDSA87, jwe.MLDSA87: jwe.MLDSA44}[alg]
		w := newWorld(t)
		w.theirSign = signing(t, "sig", key)
		e := w.ours(t, jwe.Config{})
		header := asJSON(t, object{"alg": alg, "kid": "sig"})
		for _, tt := range []struct {
			name   string
			token  []byte
			reason envelope.Reason // none for a good one
		}{
			{"good", signedBy(t, key, header, "{}", nil, same), ""},
			{"of another key", signedBy(t, newMLDSA(t, alg).(*mldsa.PrivateKey), header, "{}", nil, same), envelope.BadSignature},
			{"of other parameters under this name", signedBy(t, newMLDSA(t, larger).(*mldsa.PrivateKey), header, "{}", nil, same), envelope.BadSignature},
			{"under the name of other parameters", signedBy(t, key, asJSON(t, object{"alg": larger, "kid": "sig"}), "{}", nil, same), envelope.Forbidden},
			{"under the name of a classical algorithm", signedBy(t, key, asJSON(t, object{"alg": "ES256", "kid": "sig"}), "{}", nil, same), envelope.Forbidden},
			{"under a name in another letter case", signedBy(t, key, asJSON(t, object{"alg": strings.ToLower(string(alg)), "kid": "sig"}), "{}", nil, same), envelope.Forbidden},
			{"in a context", signedBy(t, key, header, "{}", &mldsa.Options{Context: "jose"}, same), envelope.BadSignature},
			{"a bit flipped", signedBy(t, key, header, "{}", nil, func(s []byte) []byte { s[0] ^= 1; return s }), envelope.BadSignature},
			{"the hints flipped", signedBy(t, key, header, "{}", nil, func(s []byte) []byte { s[len(s)-1] ^= 0x80; return s }), envelope.BadSignature},
			{"a byte short", signedBy(t, key, header, "{}", nil, func(s []byte) []byte { return s[1:] }), envelope.BadSignature},
			{"a byte long", signedBy(t, key, header, "{}", nil, func(s []byte) []byte { return append(s, 0) }), envelope.BadSignature},
			{"empty", signedBy(t, key, header, "{}", nil, func([]byte) []byte { return nil }), envelope.BadSignature},
			{"zero", signedBy(t, key, header, "{}", nil, func(s []byte) []byte { return make([]byte, len(s)) }), envelope.BadSignature},
		} {
			t.Run(string(alg)+" "+tt.name, func(t *testing.T) {
				m, err := jwe.OpenSigned(t.Context(), e, tt.token)
				if tt.reason == "" {
					require.NoError(t, why(err))
					assert.Equal(t, keyset.Signing, m.PostQuantum)
					return
				}
				rejected, ok := errors.AsType[*envelope.OpenError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, tt.reason, rejected.Reason, "%v", rejected.Cause())
			})
		}
	}
}

// Without an algorithm in the Config a key of ML-DSA signs with its own, and with no other.
func TestMLDSAKeyHasOneAlgorithm(t *testing.T) {
	w := newWorld(t)
	w.theirSign = signing(t, "pq", newMLDSA(t, jwe.MLDSA65))
	_, err := w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Signature: jwe.MLDSA87}}).Seal(t.Context(), nil)
	require.ErrorIs(t, err, envelope.ErrNoKey)
	assert.ErrorContains(t, err, "is bound to ML-DSA-65, and Config.Seal says ML-DSA-87")
	token := seal(t, w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Signature: jwe.MLDSA65}}), "x")
	rejects(t, w.ours(t, jwe.Config{Accept: []jwe.Algorithm{jwe.MLDSA87, jwe.ES256}}), token, envelope.Forbidden)
	open(t, w.ours(t, jwe.Config{Accept: []jwe.Algorithm{jwe.MLDSA65}}), token)
}
