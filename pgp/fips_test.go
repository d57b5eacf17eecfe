//go:build !goexperiment.boringcrypto

package pgp_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// BoringCrypto and GODEBUG=fips140 exclude each other.
const boring = false

// Under GODEBUG=fips140=only nothing panics: what makes keys, reads them, or uses
// them is an error that says why.
func TestUnderFIPSOnly(t *testing.T) {
	if os.Getenv("SEALWAX_TEST_FIPS") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestUnderFIPSOnly$")
		cmd.Env = append(os.Environ(), "SEALWAX_TEST_FIPS=1", "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	file, err := os.Open("testdata/fuzz-ours.asc")
	require.NoError(t, err)
	defer file.Close()
	_, made := pgp.GenerateKey("Bank <bank@example.org>", pgp.Curve25519, time.Hour)
	_, read := pgp.ReadKey(file)
	_, opened := pgp.New(pgp.Config{Own: &keyset.Ring{}, Peer: &keyset.Ring{}})
	for _, err := range []error{made, read, opened} {
		assert.True(t, errors.Is(err, errors.ErrUnsupported), "%v", err)
		assert.ErrorContains(t, err, "SHA-1")
	}
	_, err = pgp.Inspect([]byte("hello"))
	assert.Error(t, err)
}
