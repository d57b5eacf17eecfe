package jwe_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func mustKey(k *jwe.Key, err error) *jwe.Key {
	if err != nil {
		panic(err)
	}
	return k
}

// certificate returns a self-signed certificate in PEM.
func certificate(t testing.TB, key crypto.Signer, from, to time.Time, usage x509.KeyUsage) io.Reader {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: from, NotAfter: to, KeyUsage: usage}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func pemOf(typ string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
}

func TestNewKeyRefuses(t *testing.T) {
	var noRSA *rsa.PrivateKey
	var noEC *ecdsa.PrivateKey
	var noX *ecdh.PrivateKey
	mixed := *newEC(t, curve256)
	mixed.PublicKey = newEC(t, curve256).PublicKey
	mixedEd := append(newEd(t)[:32:32], newEd(t)[32:]...)
	broken := *rsaKeys[0]()
	broken.D = new(big.Int).Add(broken.D, big.NewInt(2))
	for name, private := range map[string]crypto.PrivateKey{
		"nil": nil, "no RSA": noRSA, "no EC": noEC, "no X25519": noX, "text": "alias/key",
		"empty Ed25519": ed25519.PrivateKey{}, "empty RSA": &rsa.PrivateKey{}, "empty EC": &ecdsa.PrivateKey{},
		"mixed EC": &mixed, "mixed Ed25519": mixedEd, "broken RSA": &broken,
		"public": &newEC(t, curve256).PublicKey, "octets": []byte("secret"),
	} {
		t.Run(name, func(t *testing.T) {
			k, err := jwe.NewKey("kid", private, keyset.Signing)
			assert.Error(t, err)
			assert.Nil(t, k)
		})
	}
	for name, public := range map[string]crypto.PublicKey{
		"nil": nil, "private": newEC(t, curve256), "empty Ed25519": ed25519.PublicKey{}, "empty RSA": &rsa.PublicKey{},
		"empty EC": &ecdsa.PublicKey{}, "octets": []byte("secret"), "low order": ed25519.PublicKey(make([]byte, 32)),
	} {
		t.Run("public "+name, func(t *testing.T) {
			k, err := jwe.NewPublicKey("kid", public, keyset.Signing)
			assert.Error(t, err)
			assert.Nil(t, k)
		})
	}
	_, err := jwe.NewKey("", newEC(t, curve256), 0)
	assert.ErrorContains(t, err, "use of the key is not known")
	_, err = jwe.NewKey("", newEC(t, curve256), 64)
	assert.ErrorContains(t, err, "unknown use")
	_, err = jwe.NewKey("\xff", newEC(t, curve256), keyset.Signing)
	assert.ErrorContains(t, err, "UTF-8")
}

// A key is copied: what the caller does to the original later changes nothing.
func TestKeysAreCopied(t *testing.T) {
	ed := newEd(t)
	k := signing(t, "", ed)
	clear(ed)
	assert.NoError(t, k.SelfTest(t.Context()))
	original := *rsaKeys[0]()
	original.D = new(big.Int).Set(original.D)
	k = signing(t, "", &original)
	original.D.SetInt64(1)
	assert.NoError(t, k.SelfTest(t.Context()))
}

// A key is the same key in whichever package it comes from.
func TestKeysOfECDH(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k := newEC(t, curve)
		dh, err := k.ECDH()
		require.NoError(t, err)
		private := mustKey(jwe.NewKey("kid", dh, keyset.Encryption))
		assert.Equal(t, encryption(t, "kid", k).Info(), private.Info())
		assert.NoError(t, private.SelfTest(t.Context()))
		other := mustKey(jwe.NewPublicKey("kid", dh.PublicKey(), keyset.Encryption))
		assert.Equal(t, private.Public().Info(), other.Info())
		_, err = jwe.NewKey("", dh, keyset.Signing)
		assert.NoError(t, err, "the curve does both, and the use is what the caller says")
	}
}

func TestGenerateKey(t *testing.T) {
	for alg, want := range map[jwe.Algorithm]string{
		jwe.PS256: "RSA-3072", jwe.RSAOAEP: "RSA-3072", jwe.ES256: "P-256", jwe.ES384: "P-384", jwe.ES512: "P-521",
		jwe.EdDSA: "Ed25519", jwe.ECDHES: "P-256", jwe.ECDHESA128KW: "P-256", jwe.ECDHESA256KW: "P-256",
	} {
		t.Run(string(alg), func(t *testing.T) {
			k, err := jwe.GenerateKey("kid", alg)
			require.NoError(t, err)
			assert.Equal(t, want, k.Info().Algorithm)
			assert.Zero(t, k.Info().PostQuantum, "neither RSA nor a curve holds")
			assert.Equal(t, "kid", k.Info().Name)
			require.NoError(t, k.SelfTest(t.Context()))
			var b strings.Builder
			require.NoError(t, k.WritePublicJWK(&b))
			assert.Contains(t, b.String(), `"alg":"`+string(alg)+`"`)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			assert.ErrorIs(t, k.SelfTest(ctx), context.Canceled)
		})
	}
	for _, alg := range []jwe.Algorithm{"", "HS256", "none", jwe.A256GCM} {
		_, err := jwe.GenerateKey("", alg)
		assert.ErrorContains(t, err, "no key is generated for")
	}
}

func TestWithName(t *testing.T) {
	k := signing(t, "one", newEC(t, curve256))
	other := k.WithName("two")
	assert.Equal(t, "one", k.Info().Name)
	assert.Equal(t, "two", other.Info().Name)
	assert.Equal(t, k.Info().ID, other.Info().ID)
	assert.Equal(t, string(k.Info().ID), other.WithName("").Info().Name)
	assert.Panics(t, func() { k.WithName("\xff") })
}

// Keys for both uses go through a JWK and back.
func TestKeysForBothUses(t *testing.T) {
	for name, private := range map[string]crypto.PrivateKey{"RSA": rsaKeys[0](), "EC": newEC(t, curve256)} {
		t.Run(name, func(t *testing.T) {
			k, err := jwe.NewKey("both", private, keyset.Signing|keyset.Encryption)
			require.NoError(t, err)
			require.NoError(t, k.SelfTest(t.Context()))
			for half, write := range map[string]func(io.Writer) error{"private": k.WriteInsecurePrivateJWK, "public": k.WritePublicJWK} {
				var b strings.Builder
				require.NoError(t, write(&b))
				back, err := jwe.ReadKey(strings.NewReader(b.String()), 0)
				require.NoError(t, err)
				assert.Equal(t, k.Info().Use, back.Info().Use)
				assert.Equal(t, half == "private", back.Info().Private)
			}
			other := mustKey(jwe.NewKey("peer", newEC(t, curve256), keyset.Signing|keyset.Encryption))
			peer := newEnvelope(t, jwe.Config{Own: set(t, other), Peer: set(t, k.Public().(*jwe.Key))})
			waived := []envelope.Waiver{jwe.InsecureRSADualUse("until the partner has two keys", k.Info().ID)}
			e := newEnvelope(t, jwe.Config{Own: set(t, k), Peer: set(t, other.Public().(*jwe.Key)), Waive: waived})
			assert.Equal(t, "x", string(open(t, peer, seal(t, e, "x")).Payload))
			m := open(t, e, seal(t, peer, "x"))
			assert.Equal(t, "x", string(m.Payload))
			if name != "RSA" {
				assert.Empty(t, m.Waived)
				return
			}
			assert.Equal(t, waived, m.Waived)
			for _, w := range [][]envelope.Waiver{nil, {jwe.InsecureRSADualUse("of another", "another")}} {
				strict := newEnvelope(t, jwe.Config{Own: set(t, k), Peer: set(t, other.Public().(*jwe.Key)), Waive: w})
				_, err := strict.Seal(t.Context(), nil)
				assert.ErrorContains(t, err, "jwe.InsecureRSADualUse can permit")
				oe := rejects(t, strict, seal(t, peer, "x"), envelope.NotForUs)
				assert.ErrorContains(t, oe.Cause(), "jwe.InsecureRSADualUse can permit")
			}
		})
	}
}

func TestWriteJWKSet(t *testing.T) {
	var all []keyset.Key
	want := map[string]bool{}
	for _, state := range []keyset.State{keyset.Pending, keyset.Active, keyset.Retiring, keyset.Revoked} {
		for use, k := range map[string]*jwe.Key{"sig": signing(t, "sig "+state.String(), newEC(t, curve256)), "enc": encryption(t, "enc "+state.String(), newEC(t, curve256))} {
			all = append(all, keyset.Key{Material: k, State: state})
			want[use+" "+state.String()] = state != keyset.Revoked && (state != keyset.Retiring || use == "sig")
		}
	}
	var b bytes.Buffer
	require.NoError(t, jwe.WriteJWKSet(&b, setOf(t, all...)))
	assert.NotContains(t, b.String(), `"d"`)
	keys, _, err := jwe.ReadKeys(&b, 0)
	require.NoError(t, err)
	got := map[string]bool{}
	for _, k := range keys {
		assert.False(t, k.Info().Private)
		got[k.Info().Name] = true
	}
	for name, handedOut := range want {
		assert.Equal(t, handedOut, got[name], name)
	}
}

// No secret in anything that prints.
func TestKeysPrintWithoutSecrets(t *testing.T) {
	private := newEC(t, curve256)
	d, err := private.Bytes()
	require.NoError(t, err)
	k := signing(t, "kid", private)
	for _, v := range []any{k, *k, []*jwe.Key{k}, map[string]*jwe.Key{"k": k}, struct{ K *jwe.Key }{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, new(big.Int).SetBytes(d).String())
			assert.NotContains(t, text, fmt.Sprintf("%x", d))
		}
		text, err := json.Marshal(v)
		require.NoError(t, err)
		assert.NotContains(t, string(text), b64(d))
	}
	assert.Equal(t, string(k.Info().ID), fmt.Sprint(k))
	assert.Equal(t, "[id="+string(k.Info().ID)+" name=kid format=jose private=true use=signing algorithm=P-256]", k.LogValue().String())
	text, err := json.Marshal(k)
	require.NoError(t, err)
	assert.Equal(t, `"`+string(k.Info().ID)+`"`, string(text))

	// Nor in the error of a private key that does not parse.
	var b strings.Builder
	require.NoError(t, k.WriteInsecurePrivateJWK(&b))
	for i := range b.Len() {
		broken := b.String()[:i] + "!" + b.String()[i+1:]
		if _, err := jwe.ReadKey(strings.NewReader(broken), 0); err != nil {
			for j := 0; j+8 <= len(b64(d)); j++ {
				require.NotContains(t, err.Error(), b64(d)[j:j+8])
			}
		}
	}
	assert.ErrorIs(t, k.Public().(*jwe.Key).WriteInsecurePrivateJWK(io.Discard), errors.ErrUnsupported)
}

func TestWithAlgorithm(t *testing.T) {
	service := newKMS(rsaKeys[1]())
	k := encryption(t, "far", service)
	bound, err := k.WithAlgorithm(jwe.RSA1_5)
	require.NoError(t, err)
	assert.Equal(t, k.Info(), bound.Info())
	require.NoError(t, bound.SelfTest(t.Context()))
	//lint:ignore SA1019 what RSA1_5 is
	assert.IsType(t, &rsa.PKCS1v15DecryptOptions{}, *service.opts.Load(), "a service that knows nothing else")
	require.NoError(t, k.SelfTest(t.Context()))
	assert.IsType(t, &rsa.OAEPOptions{}, *service.opts.Load())
	again, err := bound.WithAlgorithm(jwe.RSA1_5)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, again.WritePublicJWK(&text))
	assert.Contains(t, text.String(), `"alg":"RSA1_5"`)
	for alg, want := range map[jwe.Algorithm]string{jwe.RSAOAEP: "bound to RSA1_5 already", "": "already"} {
		_, err := bound.WithAlgorithm(alg)
		assert.ErrorContains(t, err, want)
	}
	for alg, want := range map[jwe.Algorithm]string{
		jwe.PS256: "cannot be bound", jwe.ECDHES: "cannot be bound", "HS256": "not supported", jwe.A256GCM: "not supported", "": "no algorithm",
	} {
		_, err := k.WithAlgorithm(alg)
		assert.ErrorContains(t, err, want, alg)
	}
}
