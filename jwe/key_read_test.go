package jwe_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func TestReadKeyForms(t *testing.T) {
	ec, ed, x, rs := newEC(t, elliptic.P384()), newEd(t), newX(t), rsaKeys[0]()
	pkcs8 := func(k any) string {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		return pemOf("PRIVATE KEY", der, err)
	}
	pkix := func(k any) string {
		der, err := x509.MarshalPKIXPublicKey(k)
		return pemOf("PUBLIC KEY", der, err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	certText, err := io.ReadAll(certificate(t, ec, time.Unix(1e9, 0), time.Unix(2e9, 0), x509.KeyUsageDigitalSignature))
	require.NoError(t, err)
	certBlock, _ := pem.Decode(certText)
	jwk := func(write func(io.Writer) error) string {
		var b strings.Builder
		require.NoError(t, write(&b))
		return b.String()
	}
	for _, tt := range []struct {
		name      string
		text      string
		use       keyset.Use
		private   bool
		want      *jwe.Key
		algorithm string
	}{
		{"PKCS #8 RSA", pkcs8(rs), keyset.Signing, true, signing(t, "", rs), "RSA-2048"},
		{"PKCS #8 EC", pkcs8(ec), keyset.Encryption, true, encryption(t, "", ec), "P-384"},
		{"PKCS #8 Ed25519", pkcs8(ed), keyset.Signing, true, signing(t, "", ed), "Ed25519"},
		{"PKCS #8 X25519", pkcs8(x), keyset.Encryption, true, encryption(t, "", x), "X25519"},
		{"PKCS #1", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs), nil), keyset.Signing, true, signing(t, "", rs), "RSA-2048"},
		{"PKCS #1 public", pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rs.PublicKey), nil), keyset.Signing, false, signing(t, "", rs), "RSA-2048"},
		{"SEC 1", pemOf("EC PRIVATE KEY", sec1, nil), keyset.Signing, true, signing(t, "", ec), "P-384"},
		{"SEC 1 after its parameters", pemOf("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}, nil) + pemOf("EC PRIVATE KEY", sec1, nil), keyset.Signing, true, signing(t, "", ec), "P-384"},
		{"PKIX RSA", pkix(&rs.PublicKey), keyset.Encryption, false, encryption(t, "", rs), "RSA-2048"},
		{"PKIX EC", pkix(&ec.PublicKey), keyset.Signing, false, signing(t, "", ec), "P-384"},
		{"PKIX Ed25519", pkix(ed.Public()), keyset.Signing, false, signing(t, "", ed), "Ed25519"},
		{"PKIX X25519", pkix(x.PublicKey()), keyset.Encryption, false, encryption(t, "", x), "X25519"},
		{"certificate in PEM", string(certText), 0, false, signing(t, "", ec), "P-384"},
		{"certificate in DER", string(certBlock.Bytes), keyset.Signing, false, signing(t, "", ec), "P-384"},
		{"JWK RSA", jwk(signing(t, "", rs).WriteInsecurePrivateJWK), 0, true, signing(t, "", rs), "RSA-2048"},
		{"JWK EC", jwk(encryption(t, "", ec).WriteInsecurePrivateJWK), 0, true, encryption(t, "", ec), "P-384"},
		{"JWK Ed25519", jwk(signing(t, "", ed).WriteInsecurePrivateJWK), 0, true, signing(t, "", ed), "Ed25519"},
		{"JWK X25519", jwk(encryption(t, "", x).WriteInsecurePrivateJWK), 0, true, encryption(t, "", x), "X25519"},
		{"JWK public RSA", jwk(signing(t, "", rs).WritePublicJWK), 0, false, signing(t, "", rs), "RSA-2048"},
		{"JWK public X25519", jwk(encryption(t, "", x).WritePublicJWK), keyset.Encryption, false, encryption(t, "", x), "X25519"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := jwe.ReadKey(strings.NewReader("\n"+tt.text), tt.use)
			if tt.name == "certificate in DER" {
				k, err = jwe.ReadKey(strings.NewReader(tt.text), tt.use)
			}
			require.NoError(t, err)
			i := k.Info()
			assert.Equal(t, tt.want.Info().ID, i.ID)
			assert.Equal(t, tt.want.Info().Use, i.Use)
			assert.Equal(t, tt.private, i.Private)
			assert.Equal(t, tt.algorithm, i.Algorithm)
			assert.Equal(t, keyset.JOSE, i.Format)
			assert.Equal(t, string(i.ID), i.Name, "the thumbprint, for want of a kid")
			if i.Algorithm == "RSA-2048" {
				assert.Equal(t, 2048, i.Bits)
			}
			if strings.HasPrefix(tt.name, "certificate") {
				assert.True(t, i.NotBefore.Equal(time.Unix(1e9, 0)))
				assert.True(t, i.NotAfter.Equal(time.Unix(2e9, 0)))
			}
			if tt.private {
				assert.NoError(t, k.SelfTest(t.Context()))
			} else {
				assert.ErrorIs(t, k.SelfTest(t.Context()), errors.ErrUnsupported)
				assert.Same(t, k, k.Public())
			}
		})
	}
}

// RFC 7638, Section 3.1, and RFC 8037, Appendix A.3.
func TestThumbprint(t *testing.T) {
	k, err := jwe.ReadKey(strings.NewReader(`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`), 0)
	require.NoError(t, err)
	assert.Equal(t, keyset.ID("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), k.Info().ID)
	assert.Equal(t, "2011-04-29", k.Info().Name)
	assert.Equal(t, keyset.Signing, k.Info().Use, "by its algorithm")

	k, err = jwe.ReadKey(strings.NewReader(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), keyset.Signing)
	require.NoError(t, err)
	assert.Equal(t, keyset.ID("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), k.Info().ID)
}

func TestReadKeyRefuses(t *testing.T) {
	ec, rs := newEC(t, curve256), rsaKeys[0]()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	smallPublic, err := x509.MarshalPKIXPublicKey(&small.PublicKey)
	require.NoError(t, err)
	huge := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 4096), big.NewInt(1)), E: 65537}
	even := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(3), 2046), E: 65537}
	p224, err := x509.MarshalPKIXPublicKey(&newEC(t, elliptic.P224()).PublicKey)
	require.NoError(t, err)
	pub, err := ec.PublicKey.Bytes()
	require.NoError(t, err)
	ecJWK := func(more string) string {
		return fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s"%s}`, b64(pub[1:33]), b64(pub[33:]), more)
	}
	other, err := newEC(t, curve256).Bytes()
	require.NoError(t, err)
	sealUsage, err := io.ReadAll(certificate(t, ec, time.Unix(0, 0), time.Unix(1, 0), x509.KeyUsageKeyAgreement))
	require.NoError(t, err)
	signUsage, err := io.ReadAll(certificate(t, ec, time.Unix(0, 0), time.Unix(1, 0), x509.KeyUsageCertSign))
	require.NoError(t, err)
	pkixText := pemOf("PUBLIC KEY", spki(t, &ec.PublicKey), nil)
	for _, tt := range []struct {
		name, text string
		use        keyset.Use
		want       string
	}{
		{"empty", "", keyset.Signing, "the file is empty"},
		{"text", "hello", keyset.Signing, "neither a JWK"},
		{"too long", strings.Repeat(" ", 1<<20+1), keyset.Signing, "more than 1048576 bytes"},
		{"PEM cut off", pkixText[:80], keyset.Signing, "not complete"},
		{"two keys in PEM", pkixText + pemOf("PUBLIC KEY", spki(t, &newEC(t, curve256).PublicKey), nil), keyset.Signing, "keys that do not belong together"},
		{"two private keys in PEM", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs), nil) + pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs), nil), keyset.Signing, "2 private keys"},
		{"the second PEM block damaged", pkixText + strings.Replace(pkixText, "M", "!", 1), keyset.Signing, "a block that is not complete, or is damaged"},
		{"encrypted PEM", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", keyset.Signing, "is encrypted"},
		{"PEM of a request", pemOf("CERTIFICATE REQUEST", []byte{1}, nil), keyset.Signing, "ask for the certificate"},
		{"PEM of garbage", pemOf("PRIVATE KEY", []byte{1}, nil), keyset.Signing, "does not parse"},
		{"PEM, no use", pkixText, 0, "it does not say what it is for, and no use is given"},
		{"RSA of 1024 bits", pemOf("PUBLIC KEY", smallPublic, nil), keyset.Signing, "an RSA modulus of 1024 bits"},
		{"private RSA of 1024 bits", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small), nil), keyset.Signing, "an RSA modulus of 1024 bits"},
		{"RSA of 4097 bits", pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(huge), nil), keyset.Signing, "an RSA modulus of 4097 bits"},
		{"RSA of 4097 bits in a JWK", fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"AQAB","use":"sig"}`, b64(huge.N.Bytes())), 0, "do not fit together"},
		{"RSA with an even modulus", pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(even), nil), keyset.Signing, "an RSA public key that is not valid"},
		{"P-224", pemOf("PUBLIC KEY", p224, nil), keyset.Signing, "not supported"},
		{"certificate against its usage", string(sealUsage), keyset.Signing, "does not allow signing"},
		{"certificate without a usage for us", string(signUsage), 0, "does not allow"},
		{"DER of garbage", "\x30\x03\x02\x01\x01", keyset.Signing, "ASN.1 (DER): neither a key nor a certificate"},
		{"JWK symmetric", `{"kty":"oct","k":"AAAA","use":"sig"}`, 0, "a symmetric key"},
		{"JWK of another type", `{"kty":"LMS","pub":"AAAA"}`, keyset.Signing, "not supported"},
		{"JWK of another curve", `{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}`, keyset.Signing, "not supported"},
		{"JWK without a type", `{"n":"AAAA"}`, keyset.Signing, `no "kty"`},
		{"JWK with text after it", ecJWK("") + "{}", keyset.Signing, "not a JSON object"},
		{"JWK with a member twice", ecJWK(`,"kty":"EC"`), keyset.Signing, "twice"},
		{"JWK in two letter cases", ecJWK(`,"D":"AAAA"`), keyset.Signing, "twice"},
		{"JWK with a kid that is no string", ecJWK(`,"kid":1`), keyset.Signing, `"kid" is not a string`},
		{"JWK with a long kid", ecJWK(`,"kid":"` + strings.Repeat("x", 257) + `"`), keyset.Signing, "kid is not valid UTF-8 of at most 256 bytes"},
		{"JWK without a use", ecJWK(""), 0, "no use is given"},
		{"JWK of an unknown use", ecJWK(`,"use":"seal"`), 0, `"use" is "seal"`},
		{"JWK and an unknown use", ecJWK(""), 64, "unknown use 64"},
		{"JWK against the use that is given", ecJWK(`,"use":"enc"`), keyset.Signing, `"use" contradicts`},
		{"JWK whose key_ops contradict its use", ecJWK(`,"use":"sig","key_ops":["deriveKey"]`), 0, `"key_ops" contradicts`},
		{"JWK whose alg contradicts its use", ecJWK(`,"use":"enc","alg":"ES256"`), 0, `"alg" contradicts`},
		{"JWK whose alg does not fit", ecJWK(`,"alg":"PS256"`), 0, "cannot be bound to PS256"},
		{"JWK bound to HS256", jwkRSA(rs, `"alg":"HS256"`), 0, "not supported"},
		{"JWK bound to HS256", ecJWK(`,"alg":"HS256"`), keyset.Signing, "not supported"},
		{"JWK with operations of the other half", ecJWK(`,"key_ops":["sign"]`), 0, "allows nothing"},
		{"JWK with an operation twice", ecJWK(`,"key_ops":["verify","verify"]`), 0, "different strings"},
		{"JWK with operations that are no list", ecJWK(`,"key_ops":"verify"`), 0, "not an array"},
		{"JWK off its curve", fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}`, b64(make([]byte, 32)), b64(make([]byte, 32))), keyset.Signing, "not on declared curve"},
		{"JWK whose halves do not belong together", ecJWK(`,"d":"` + b64(other) + `"`), keyset.Signing, "do not belong together"},
		{"JWK Ed25519 of low order", `{"kty":"OKP","crv":"Ed25519","x":"` + b64(make([]byte, 32)) + `"}`, keyset.Signing, "low-order"},
		{"JWK X25519 of low order", `{"kty":"OKP","crv":"X25519","x":"` + b64(make([]byte, 32)) + `"}`, keyset.Encryption, "low order"},
		{"JWK X25519 whose halves do not belong together", fmt.Sprintf(`{"kty":"OKP","crv":"X25519","x":"%s","d":"%s"}`, b64(newX(t).PublicKey().Bytes()), b64(random(32))), keyset.Encryption, "do not belong together"},
		{"JWK X25519 to sign", `{"kty":"OKP","crv":"X25519","x":"` + b64(newX(t).PublicKey().Bytes()) + `"}`, keyset.Signing, "it does not allow signing"},
		{"JWK Ed25519 to encrypt", `{"kty":"OKP","crv":"Ed25519","x":"` + b64(newEd(t)[32:]) + `"}`, keyset.Encryption, "it does not allow encryption"},
		{"JWK RSA with private members and no d", jwkRSA(rs, `"p":"AAAA"`), keyset.Signing, "private members without the private key"},
		{"JWK RSA of several primes", jwkRSA(rs, `"d":"AAAA","oth":[]`), keyset.Signing, "more than two primes"},
		{"JWK RSA whose numbers are wrong", jwkRSA(rs, `"d":"AAAA","p":"AQ","q":"AQ"`), keyset.Signing, "do not fit together"},
		{"JWK with a chain that is none", ecJWK(`,"x5c":"AAAA"`), keyset.Signing, "not a chain"},
		{"JWK with a chain of garbage", ecJWK(`,"x5c":["AAAA"]`), keyset.Signing, `"x5c": a certificate that does not parse`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := jwe.ReadKey(strings.NewReader(tt.text), tt.use)
			assert.Nil(t, k)
			assert.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "jwe: ")
		})
	}
}

// WebCrypto exports keys with "key_ops" and "ext", and the public half of an
// agreement with an empty list.
func TestKeysOfWebCrypto(t *testing.T) {
	ec := newEC(t, curve256)
	pub, err := ec.PublicKey.Bytes()
	require.NoError(t, err)
	d, err := ec.Bytes()
	require.NoError(t, err)
	jwk := fmt.Sprintf(`{"kty":"EC","crv":"P-256","ext":true,"x":"%s","y":"%s"`, b64(pub[1:33]), b64(pub[33:]))
	for _, tt := range []struct {
		text  string
		given keyset.Use
		want  keyset.Use
	}{
		{jwk + `,"d":"` + b64(d) + `","key_ops":["deriveKey","deriveBits"]}`, 0, keyset.Encryption},
		{jwk + `,"key_ops":[]}`, keyset.Encryption, keyset.Encryption},
		{jwk + `,"d":"` + b64(d) + `","key_ops":["sign"]}`, 0, keyset.Signing},
		{jwk + `,"key_ops":["verify"]}`, 0, keyset.Signing},
		{jwkRSA(rsaKeys[0](), `"ext":true,"alg":"RSA-OAEP-256","key_ops":["encrypt","wrapKey"]`), 0, keyset.Encryption},
	} {
		k, err := jwe.ReadKey(strings.NewReader(tt.text), tt.given)
		require.NoError(t, err)
		assert.Equal(t, tt.want, k.Info().Use)
	}
	_, err = jwe.ReadKey(strings.NewReader(jwk+`,"key_ops":[]}`), 0)
	assert.ErrorContains(t, err, "no use is given")
}

func TestReadKeys(t *testing.T) {
	jwkOf := func(k *jwe.Key, private bool) string {
		var b strings.Builder
		write := k.WritePublicJWK
		if private {
			write = k.WriteInsecurePrivateJWK
		}
		require.NoError(t, write(&b))
		return b.String()
	}
	one, two := signing(t, "one", newEC(t, curve256)), encryption(t, "two", newX(t))
	jwks := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `],"next":1}` }
	t.Run("all of them", func(t *testing.T) {
		keys, passed, err := jwe.ReadKeys(strings.NewReader(jwks(jwkOf(one, false), `{"kty":"LMS","kid":"pq"}`, `{"kty":"OKP","crv":"Ed448","x":"AAAA"}`, jwkOf(two, false))), 0)
		require.NoError(t, err)
		require.Len(t, keys, 2)
		require.Len(t, passed, 2)
		assert.Equal(t, `key 2 (kty "LMS", kid "pq"): a type of key that is not supported; RSA, EC, OKP, and AKP are`, passed[0].String())
		assert.ErrorContains(t, passed[1].Err, "a key on the curve Ed448, which is not supported")
		assert.Equal(t, one.Public().Info(), keys[0].Info())
		assert.Equal(t, two.Public().Info(), keys[1].Info())
	})
	t.Run("equal kids", func(t *testing.T) {
		keys, _, err := jwe.ReadKeys(strings.NewReader(jwks(jwkOf(one, true), jwkOf(two.WithName("one"), true))), 0)
		require.NoError(t, err)
		assert.Len(t, keys, 2)
	})
	for _, tt := range []struct{ name, text, want string }{
		{"not JSON", "{", "JSON: not a JSON object"},
		{"no keys", `{}`, `no array "keys"`},
		{"empty", jwks(), "it is empty"},
		{"only unknown ones", jwks(`{"kty":"LMS"}`), `no key that can be used: key 1 (kty "LMS"): a type`},
		{"keys twice", `{"keys":[],"keys":[]}`, "twice"},
		{"not an object", jwks("1"), "key 1: not a JSON object"},
		{"mixed halves", jwks(jwkOf(one, false), jwkOf(two, true)), `key 2 (kty "OKP", use "enc", kid "two"): private and public keys in one set`},
		{"symmetric", jwks(jwkOf(one, false), `{"kty":"oct","kid":"s","k":"AAAA","use":"sig"}`), `key 2 (kty "oct", use "sig", kid "s"): a symmetric key`},
		{"without a use", jwks(jwkRSA(rsaKeys[0](), `"kid":"e"`)), `key 1 (kty "RSA", kid "e"): it does not say what it is for`},
		{"broken", jwks(`{"kty":"RSA","kid":"r\n","use":"sig","n":"","e":"AQAB"}`), `key 1 (kty "RSA", use "sig", kid "r\\n")`},
		{"too many", jwks(strings.TrimSuffix(strings.Repeat(`{"kty":"x"},`, 300), ",")), "key 257: it and what follows, 44 entries, are not looked at"},
		{"too long", strings.Repeat(" ", 1<<20+1), "more than 1048576 bytes"},
		{"nested too deep", `{"keys":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "nested"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, _, err := jwe.ReadKeys(strings.NewReader(tt.text), 0)
			assert.Nil(t, keys)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
