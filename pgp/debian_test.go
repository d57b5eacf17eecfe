package pgp_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

// debianKeyring holds the certificates of Debian's developers, as the package
// debian-keyring installs them: certificates as twenty years have made them.
const debianKeyring = "/usr/share/keyrings/debian-keyring.gpg"

// Every certificate of Debian's developers is read, or refused for a reason that
// stands here. Each that is read can be written, and is read again as the same.
func TestDebianKeyring(t *testing.T) {
	raw, err := os.ReadFile(debianKeyring)
	if err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
			t.Fatal("install the package debian-keyring")
		}
		t.Skip("the package debian-keyring is not installed")
	}
	if testing.Short() {
		t.Skip("900 certificates")
	}
	numbers := regexp.MustCompile(`[0-9A-F]{16,}|\d{4}-\d{2}-\d{2}`)
	refused := map[string]int{}
	read := 0
	for _, cert := range certificates(t, raw) {
		k, err := pgp.ReadKey(bytes.NewReader(cert))
		if err != nil {
			refused[numbers.ReplaceAllString(err.Error(), "*")]++
			continue
		}
		read++
		again, err := pgp.ReadKey(bytes.NewReader(mustCertificate(t, k)))
		require.NoError(t, err)
		require.Equal(t, k.Info(), again.Info())
	}
	assert.GreaterOrEqual(t, read, 900)
	assert.Equal(t, map[string]int{
		"pgp: binary OpenPGP keys: certificate 1: RSA key of 10240 bits, at most 8192 are allowed":                                                   1,
		"pgp: binary OpenPGP keys: certificate *: the certificate has no part that is fit for a use: * (DSA): not allowed; * (ElGamal): not allowed": 1,
		"pgp: binary OpenPGP keys: certificate *: no valid self-signature: the certification of * does not count: it is under RIPEMD-160; " +
			"the certification of * does not count: it is under RIPEMD-160": 1,
	}, refused)
}
