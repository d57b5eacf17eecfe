package jwe_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// certificateOf returns a self-signed certificate as DER.
func certificateOf(t testing.TB, key crypto.Signer, from, to time.Time, usage int) []byte {
	return issue(t, "test", key.Public(), "test", key, from, to, usage)
}

func issue(t testing.TB, subject string, public crypto.PublicKey, issuer string, by crypto.Signer, from, to time.Time, usage int) []byte {
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
			NotBefore: from, NotAfter: to, KeyUsage: x509.KeyUsage(usage)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template(subject), template(issuer), public, by)
	require.NoError(t, err)
	return der
}

func x5cOf(t testing.TB, ders ...[]byte) []any {
	var out []any
	for _, der := range ders {
		out = append(out, base64.StdEncoding.EncodeToString(der))
	}
	return out
}

// What partners, key services, and openssl hand out, each for the same key.
func TestFilesOfAKey(t *testing.T) {
	r := rsaKeys[0]()
	want := signing(t, "", r).Info().ID
	ca := newEC(t, curve256)
	now := time.Now().Truncate(time.Second)
	root := issue(t, "root", ca.Public(), "root", ca, now, now.Add(2*time.Hour), int(x509.KeyUsageCertSign))
	leaf := issue(t, "leaf", r.Public(), "root", ca, now, now.Add(time.Hour), int(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment))
	spkiDER := spki(t, &r.PublicKey)
	p8, err := x509.MarshalPKCS8PrivateKey(r)
	require.NoError(t, err)
	block := func(label string, der []byte) string { return pemOf(label, der, nil) }
	bags := "Bag Attributes\n    friendlyName: mle\n    localKeyID: 01 \nsubject=CN = leaf\nissuer=CN = root\n"
	std, url := base64.StdEncoding, base64.URLEncoding
	folded := func(s string) string { return s[:64] + "\r\n" + s[64:] + "\r\n" }
	for _, tt := range []struct {
		name, text    string
		private, ends bool
	}{
		{"SubjectPublicKeyInfo", string(spkiDER), false, false},
		{"PKCS #8", string(p8), true, false},
		{"PKCS #1", string(x509.MarshalPKCS1PrivateKey(r)), true, false},
		{"PKCS #1 public", string(x509.MarshalPKCS1PublicKey(&r.PublicKey)), false, false},
		{"certificate", string(leaf), false, true},
		{"base64 of SubjectPublicKeyInfo", std.EncodeToString(spkiDER) + "\n", false, false},
		{"base64 in lines", folded(std.EncodeToString(spkiDER)), false, false},
		{"base64url without padding", strings.TrimRight(url.EncodeToString(p8), "="), true, false},
		{"base64 of a certificate", std.EncodeToString(leaf), false, true},
		{"PEM after bag attributes", bags + block("CERTIFICATE", leaf), false, true},
		{"PEM after -text", "Certificate:\n    Data:\n        Version: 3 (0x2)\n" + block("CERTIFICATE", leaf), false, true},
		{"all that openssl pkcs12 writes", bags + block("CERTIFICATE", leaf) + bags + block("CERTIFICATE", root) + bags + "Key Attributes: <No Attributes>\n" + block("PRIVATE KEY", p8), true, true},
		{"private key and certificate", block("PRIVATE KEY", p8) + block("CERTIFICATE", leaf), true, true},
		{"private key and public key", block("PRIVATE KEY", p8) + block("PUBLIC KEY", spkiDER), true, false},
		{"chain", block("CERTIFICATE", leaf) + block("CERTIFICATE", root), false, true},
		{"chain from the root", block("CERTIFICATE", root) + block("CERTIFICATE", leaf), false, true},
		{"certificate twice", block("CERTIFICATE", leaf) + block("CERTIFICATE", leaf), false, true},
		{"X509 CERTIFICATE", block("X509 CERTIFICATE", leaf), false, true},
		{"byte order mark, PEM", "\xef\xbb\xbf" + block("PUBLIC KEY", spkiDER), false, false},
		{"byte order mark, JWK", "\xef\xbb\xbf" + jwkRSA(r, `"use":"sig"`), false, false},
		{"CRLF", strings.ReplaceAll(block("PUBLIC KEY", spkiDER), "\n", "\r\n"), false, false},
		{"a label that is not quite right", block("RSA PUBLIC KEY", spkiDER), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := jwe.ReadKey(strings.NewReader(tt.text), keyset.Signing)
			require.NoError(t, err)
			assert.Equal(t, want, k.Info().ID)
			assert.Equal(t, tt.private, k.Info().Private)
			assert.Equal(t, keyset.Signing, k.Info().Use)
			if tt.ends {
				assert.True(t, now.Add(time.Hour).Equal(k.Info().NotAfter), "as the certificate does")
			} else {
				assert.Zero(t, k.Info().NotAfter)
			}
			keys, passed, err := jwe.ReadKeys(strings.NewReader(tt.text), keyset.Signing)
			require.NoError(t, err)
			assert.Empty(t, passed)
			require.Len(t, keys, 1)
			assert.Equal(t, k.Info(), keys[0].Info())
			assert.Equal(t, k.Digest(), keys[0].Digest())
		})
	}
}

// Files that are refused say what they are, which part is wrong, and what to do.
func TestFilesThatAreNoKey(t *testing.T) {
	ec, other := newEC(t, curve256), newEC(t, curve256)
	now := time.Now()
	cert := func(k *ecdsa.PrivateKey) string {
		return pemOf("CERTIFICATE", certificateOf(t, k, now, now.Add(time.Hour), 0), nil)
	}
	key := func(k *ecdsa.PrivateKey) string {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		return pemOf("PRIVATE KEY", der, err)
	}
	der := func(v any) string {
		out, err := asn1.Marshal(v)
		require.NoError(t, err)
		return string(out)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ec)
	require.NoError(t, err)
	type algorithm struct{ ID, Parameters asn1.ObjectIdentifier }
	onCurve := func(curve ...int) string {
		return der(struct {
			A algorithm
			K asn1.BitString
		}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, curve}, asn1.BitString{Bytes: []byte{4}, BitLength: 8}})
	}
	pkcs12 := der(struct {
		Version int
		Content struct{ Type asn1.ObjectIdentifier }
	}{3, struct{ Type asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}})
	type pbes struct{ Algorithm asn1.ObjectIdentifier }
	encrypted := der(struct {
		A pbes
		K []byte
	}{pbes{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, []byte{1}})
	for _, tt := range []struct{ name, text, want string }{
		{"PKCS #12", pkcs12, "jwe: PKCS #12 (DER): PKCS #12 is read by package jwe/pkcs12; or take out the private key with \"openssl pkcs12 -in FILE -nocerts -nodes -out key.pem\""},
		{"PKCS #12 in base64", base64.StdEncoding.EncodeToString([]byte(pkcs12)), "-clcerts -nokeys -out cert.pem"},
		{"PKCS #12 in PEM", pemOf("PKCS12", []byte(pkcs12), nil), `PEM block "PKCS12" (PKCS #12)`},
		{"encrypted PKCS #8", encrypted, `the private key is encrypted; decrypt it first, with "openssl pkey`},
		{"PKCS #7", pemOf("PKCS7", []byte{1}, nil), "openssl pkcs7"},
		{"PKCS #7 as DER", der(pbes{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}}), "openssl pkcs7"},
		{"a request as DER", string(request), "ask for the certificate"},
		{"trusted certificate", pemOf("TRUSTED CERTIFICATE", []byte{1}, nil), "openssl x509"},
		{"OpenPGP", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n", "jwe: OpenPGP: read it with package pgp"},
		{"binary OpenPGP", "\xc6\x33", "if it is OpenPGP, read it with package pgp"},
		{"SSH", "ssh-ed25519 AAAA a@b", "jwe: SSH key: write the public half"},
		{"Java keystore", "\xfe\xed\xfe\xed\x00", "jwe: Java keystore: "},
		{"UTF-16", "\xff\xfe-\x00-\x00", "it is text in UTF-16"},
		{"a JSON string", `"MIIB"`, "it is a JSON string"},
		{"PEM encoded once more", base64.StdEncoding.EncodeToString([]byte(cert(ec))), "it is encoded twice"},
		{"two certificates", cert(ec) + cert(other), "certificates that do not chain"},
		{"PEM in an environment variable", strings.ReplaceAll(cert(ec), "\n", `\n`), "its line ends are spelled out"},
		{"many certificates", strings.Repeat(cert(ec), 9), "9 certificates; 8 are the most"},
		{"a key and the certificate of another", key(ec) + cert(other), "the certificate is about another key"},
		{"two keys", key(ec) + key(other), "2 private keys; write each into a file of its own"},
		{"bytes after its end", string(spki(t, &ec.PublicKey)) + "x", "bytes after its end"},
		{"secp256k1", onCurve(1, 3, 132, 0, 10), "public key, SubjectPublicKeyInfo (DER): a key on the curve secp256k1, which is not supported; RSA, P-256"},
		{"brainpool", onCurve(1, 3, 36, 3, 3, 2, 8, 1, 1, 7), "brainpoolP256r1"},
		{"a curve without a name", onCurve(1, 2, 3), "a key on the curve 1.2.3, which is not supported"},
		{"a bad point", onCurve(1, 2, 840, 10045, 3, 1, 7), "it does not parse"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := jwe.ReadKey(strings.NewReader(tt.text), keyset.Signing)
			assert.ErrorContains(t, err, tt.want)
			keys, passed, err := jwe.ReadKeys(strings.NewReader(tt.text), keyset.Signing)
			assert.ErrorContains(t, err, tt.want)
			assert.Empty(t, keys)
			assert.Empty(t, passed)
		})
	}
}

// Keys of id-RSASSA-PSS sign, with the hash of their parameters if they have any.
func TestKeysOfPSS(t *testing.T) {
	r := rsaKeys[0]()
	hash := func(n int) pkix.AlgorithmIdentifier {
		return pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, n}}
	}
	type parameters struct {
		Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
		MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
		Salt int                      `asn1:"explicit,tag:2"`
	}
	marshal := func(v any) []byte {
		der, err := asn1.Marshal(v)
		require.NoError(t, err)
		return der
	}
	with := func(n, mgf, salt int) []byte {
		return marshal(parameters{hash(n), pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8},
			Parameters: asn1.RawValue{FullBytes: marshal(hash(mgf))}}, salt})
	}
	for _, tt := range []struct {
		name       string
		parameters []byte
		alg        jwe.Algorithm
		refused    string
	}{
		{"none", nil, jwe.PS256, ""},
		{"SHA-256", with(1, 1, 32), jwe.PS256, ""},
		{"SHA-384", with(2, 2, 20), jwe.PS384, ""},
		{"SHA-512", with(3, 3, 64), jwe.PS512, ""},
		{"two hashes", with(1, 2, 32), "", "id-RSASSA-PSS"},
		{"a long salt", with(1, 1, 33), "", "id-RSASSA-PSS"},
		{"SHA-1, which is the default", []byte{0x30, 0}, "", "id-RSASSA-PSS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}}
			if tt.parameters != nil {
				id.Parameters = asn1.RawValue{FullBytes: tt.parameters}
			}
			public := x509.MarshalPKCS1PublicKey(&r.PublicKey)
			for _, der := range [][]byte{
				marshal(struct {
					ID  pkix.AlgorithmIdentifier
					Key asn1.BitString
				}{id, asn1.BitString{Bytes: public, BitLength: len(public) * 8}}),
				marshal(struct {
					Version int
					ID      pkix.AlgorithmIdentifier
					Key     []byte
				}{0, id, x509.MarshalPKCS1PrivateKey(r)}),
			} {
				k, err := jwe.ReadKey(bytes.NewReader(der), 0)
				if tt.refused != "" {
					assert.ErrorContains(t, err, tt.refused)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, keyset.Signing, k.Info().Use)
				assert.Equal(t, signing(t, "", r).Info().ID, k.Info().ID)
				_, err = k.WithAlgorithm(tt.alg)
				assert.NoError(t, err)
				_, err = k.WithAlgorithm(jwe.RS256)
				assert.ErrorContains(t, err, "bound to PS")
				if k.Info().Private {
					assert.NoError(t, k.SelfTest(t.Context()))
				}
			}
		})
	}
}

// No private number of a file is in any error about it.
func TestErrorsOfFilesQuoteNoSecret(t *testing.T) {
	k := newEC(t, curve256)
	p8, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: p8})
	secret := string(text[64:120])
	for i := range text {
		broken := bytes.Clone(text)
		broken[i] ^= 3
		if _, err := jwe.ReadKey(bytes.NewReader(broken), keyset.Signing); err != nil {
			for j := 0; j+8 <= len(secret); j++ {
				require.NotContains(t, err.Error(), secret[j:j+8])
			}
		}
	}
}
