package pkcs12_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	library "software.sslmate.com/src/go-pkcs12"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/jwe/pkcs12"
	"github.com/sealwax/sealwax/keyset"
)

const password = "pässword"

func issue(t *testing.T, name string, public crypto.PublicKey, issuer string, by crypto.Signer, usage x509.KeyUsage) *x509.Certificate {
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0), KeyUsage: usage}
	}
	der, err := x509.CreateCertificate(rand.Reader, template(name), template(issuer), public, by)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// made returns a file with a key, its certificate, and the one above, and the key.
func made(t *testing.T, with *library.Encoder, private crypto.Signer, usage x509.KeyUsage) []byte {
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leaf := issue(t, "leaf", private.Public(), "root", ca, usage)
	root := issue(t, "root", ca.Public(), "root", ca, x509.KeyUsageCertSign)
	der, err := with.Encode(private, leaf, []*x509.Certificate{root}, password)
	require.NoError(t, err)
	return der
}

func TestReadKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, with := range map[string]*library.Encoder{"RC2": library.LegacyRC2, "3DES": library.LegacyDES, "AES": library.Modern2023} {
		for _, private := range []crypto.Signer{ec, r} {
			der := made(t, with, private, x509.KeyUsageDigitalSignature)
			k, err := pkcs12.ReadKey(bytes.NewReader(der), 0, []byte(password))
			require.NoError(t, err, name)
			want, err := jwe.NewKey("", private, keyset.Signing)
			require.NoError(t, err)
			assert.Equal(t, want.Info().ID, k.Info().ID)
			assert.True(t, k.Info().Private)
			assert.Equal(t, keyset.Signing, k.Info().Use, "by the key usage of the certificate")
			assert.True(t, time.Unix(4e9, 0).Equal(k.Info().NotAfter))
			assert.NoError(t, k.SelfTest(t.Context()))

			for _, wrong := range [][]byte{nil, []byte("password"), []byte("\xff")} {
				_, err = pkcs12.ReadKey(bytes.NewReader(der), 0, wrong)
				if len(wrong) != 1 {
					assert.ErrorIs(t, err, pkcs12.ErrPassword)
				}
				assert.ErrorContains(t, err, "jwe/pkcs12: PKCS #12: ")
				assert.NotContains(t, err.Error(), password)
			}
			_, err = pkcs12.ReadKey(bytes.NewReader(der), keyset.Encryption, []byte(password))
			assert.ErrorContains(t, err, "it does not allow encryption")
			_, _, err = pkcs12.ReadKeys(bytes.NewReader(der), 0, nil)
			assert.ErrorContains(t, err, "it has a password, and none is given")
			_, err = jwe.ReadKey(bytes.NewReader(der), keyset.Signing)
			assert.ErrorContains(t, err, "PKCS #12 is read by package jwe/pkcs12")
		}
	}
}

// Whatever else package jwe reads is read, and no password is asked for.
func TestReadOtherFiles(t *testing.T) {
	k, err := jwe.GenerateKey("kid", jwe.ES256)
	require.NoError(t, err)
	var jwk bytes.Buffer
	require.NoError(t, k.WritePublicJWK(&jwk))
	keys, passed, err := pkcs12.ReadKeys(&jwk, 0, nil)
	require.NoError(t, err)
	assert.Empty(t, passed)
	assert.Equal(t, k.Public().Info(), keys[0].Info())
	_, _, err = pkcs12.ReadKeys(strings.NewReader(strings.Repeat(" ", 1<<20+1)), 0, nil)
	assert.ErrorContains(t, err, "more than 1048576 bytes")
}

// A file cannot make us compute without end.
func TestRoundsAreBounded(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der := made(t, library.Modern2023.WithIterations(4321), ec, 0)
	from, err := asn1.Marshal(4321)
	require.NoError(t, err)
	to := append([]byte{2, 2}, 0x7f, 0xff)
	require.Equal(t, len(from), len(to))
	require.NotZero(t, bytes.Count(der, from))
	mac := bytes.LastIndex(der, from)
	huge := bytes.Clone(der)
	huge = append(huge[:mac], append([]byte{2, 4, 0x7f, 0xff, 0xff, 0xff}, der[mac+len(from):]...)...)
	huge = lengthened(t, huge, mac, 2)
	_, err = pkcs12.ReadKey(bytes.NewReader(huge), keyset.Signing, []byte(password))
	assert.ErrorContains(t, err, "a key derivation of more than")
}

// lengthened adds n to the length of the outer sequence and of the MacData around at.
func lengthened(t *testing.T, der []byte, at, n int) []byte {
	require.Equal(t, []byte{0x30, 0x82}, der[:2])
	der[3] += byte(n)
	require.Less(t, int(der[3]), 256)
	for i := at - 2; i > 0; i-- {
		if der[i] == 0x30 && i+2+int(der[i+1]) == len(der)-n {
			der[i+1] += byte(n)
			return der
		}
	}
	t.Fatal("no MacData")
	return nil
}

func TestOpenFile(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der := made(t, library.Modern2023, ec, x509.KeyUsageDigitalSignature)
	k, err := pkcs12.ReadKey(bytes.NewReader(der), 0, []byte(password))
	require.NoError(t, err)
	files := fstest.MapFS{"own.p12": {Data: der}}
	asked := 0
	open := pkcs12.OpenFile(files, func(_ context.Context, m keyset.ManifestKey) ([]byte, error) {
		asked++
		assert.Equal(t, "file:own.p12", m.Source)
		return []byte(password), nil
	})
	entry := keyset.ManifestKey{ID: k.Info().ID, Name: "mle-2027", Use: "signing", Source: "file:own.p12"}
	m, err := open(t.Context(), entry)
	require.NoError(t, err)
	assert.Equal(t, 1, asked)
	assert.Equal(t, "mle-2027", m.Info().Name)
	assert.Equal(t, k.Digest(), m.(*jwe.Key).Digest())
	for name, other := range map[string]keyset.Opener{
		"it has a password": pkcs12.OpenFile(files, nil),
		"the password is wrong": pkcs12.OpenFile(files, func(context.Context, keyset.ManifestKey) ([]byte, error) {
			return []byte("x"), nil
		}),
	} {
		_, err = other(t.Context(), entry)
		assert.ErrorContains(t, err, name)
		assert.ErrorContains(t, err, "own.p12")
		assert.NotErrorIs(t, err, keyset.ErrUnavailable, "to try again does not help")
	}
}

// A sealctl that is built with this package reads such keys, alone and in a manifest.
func TestSealctl(t *testing.T) {
	t.Chdir(t.TempDir())
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	write := func(name string, data []byte) { require.NoError(t, os.WriteFile(name, data, 0o600)) }
	write("own.p12", made(t, library.Modern2023, ec, x509.KeyUsageDigitalSignature))
	write("password", []byte(password+"\n"))
	sealctl := func(args ...string) string {
		var out, errs bytes.Buffer
		files := command.KeyFiles{Read: pkcs12.ReadKeys, Open: pkcs12.OpenFile}
		status := command.Run(t.Context(), files, args, strings.NewReader(""), &out, &errs)
		require.Zero(t, status, errs.String())
		return out.String() + errs.String()
	}
	assert.Contains(t, sealctl("public", "own.p12", "-passphrase", "password"), `"keys"`)
	sealctl("rotate", "own.json", "init", "own.p12", "-passphrase", "password")
	assert.Contains(t, sealctl("public", "own.json", "-passphrase", "password"), `"use":"sig"`)
}

// Files of openssl, as partners make them.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("openssl is not installed")
	}
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	openssl := func(args ...string) {
		out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=MLE/serialNumber=17", "-addext", "keyUsage=keyEncipherment", "-keyout", file("key.pem"), "-out", file("cert.pem"))
	openssl("pkcs12", "-export", "-inkey", file("key.pem"), "-in", file("cert.pem"), "-name", "mle", "-passout", "pass:secret", "-out", file("own.p12"))
	raw, err := os.ReadFile(file("own.p12"))
	require.NoError(t, err)
	k, err := pkcs12.ReadKey(bytes.NewReader(raw), 0, []byte("secret"))
	require.NoError(t, err)
	assert.Equal(t, keyset.Encryption, k.Info().Use)
	// What the error of package jwe advises does the same.
	openssl("pkcs12", "-in", file("own.p12"), "-nocerts", "-nodes", "-passin", "pass:secret", "-out", file("key2.pem"))
	openssl("pkcs12", "-in", file("own.p12"), "-clcerts", "-nokeys", "-passin", "pass:secret", "-out", file("cert2.pem"))
	key, err := os.ReadFile(file("key2.pem"))
	require.NoError(t, err)
	cert, err := os.ReadFile(file("cert2.pem"))
	require.NoError(t, err)
	both, err := jwe.ReadKey(bytes.NewReader(append(key, cert...)), 0)
	require.NoError(t, err)
	assert.Equal(t, k.Info(), both.Info())
	assert.Equal(t, k.Digest(), both.Digest())
}
