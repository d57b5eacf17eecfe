package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/process"
)

// A key in SoftHSM decrypts for both formats what is timed, and rejects it for the reason
// that it is about. Nothing is judged by its time here.
func TestEveryPairIsMeasured(t *testing.T) {
	if _, err := process.SoftHSMLibrary(); errors.Is(err, process.ErrMissing) && os.Getenv("SEALWAX_REQUIRE_PEERS") != "1" {
		t.Skip(err)
	}
	t.Setenv("SOFTHSM2_CONF", "") // the command sets it
	var out strings.Builder
	require.NoError(t, run(&out, []string{"-rounds", "2"}))
	for _, name := range []string{"pgp Open, PKCS #1 v1.5,", "jwe Open, RSA1_5,", "jwe Open, RSA-OAEP,"} {
		assert.Contains(t, out.String(), name)
	}
	assert.NotContains(t, out.String(), "RSA-OAEP-256", "SoftHSM does not do that")
}
