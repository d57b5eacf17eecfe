package envelopetest

import (
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"fmt"
	"testing"
)

// How many ready-made keys there are of each kind.
const (
	RSAKeys     = 8
	OpenPGPKeys = 4
)

//go:embed keys
var files embed.FS

// RSAKey returns a private RSA key of 2048 bits, one of [RSAKeys], for
// jwe.NewKey: the same for the same n each time, so that no test waits for a key
// to be made. Everybody has it: it protects nothing. RSAKey panics outside of
// tests, and fails the test if there is no such key.
func RSAKey(t testing.TB, n int) *rsa.PrivateKey {
	rest := readyMade(t, "keys/rsa.pem", n, RSAKeys)
	for range n {
		_, rest = pem.Decode(rest)
	}
	block, _ := pem.Decode(rest)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatalf("envelopetest: %v", err)
	}
	return key.(*rsa.PrivateKey)
}

// OpenPGPKey returns an OpenPGP certificate with its private half, in ASCII
// armor, one of [OpenPGPKeys], for pgp.ReadKey: RSA keys of 2048 bits that sign
// and decrypt, without end. What RSAKey says holds here too.
func OpenPGPKey(t testing.TB, n int) []byte {
	return readyMade(t, fmt.Sprintf("keys/openpgp-%d.asc", n), n, OpenPGPKeys)
}

func readyMade(t testing.TB, file string, n, count int) []byte {
	onlyInTests(t, "a ready-made key")
	t.Helper()
	if n < 0 || n >= count {
		t.Fatalf("envelopetest: there are keys 0 to %d, and no %d", count-1, n)
	}
	raw, err := files.ReadFile(file)
	if err != nil {
		t.Fatalf("envelopetest: %v", err)
	}
	return raw
}
