//go:build unix

package awskms_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/timing"
	"github.com/sealwax/sealwax/keyset/awskms"
)

// timed opens messages with a key in local-kms, and prints what can be told apart by how
// long it takes: see package internal/timing.
func timed(t testing.TB, w io.Writer, rounds int) {
	_, client := newServer(t)
	key, err := awskms.Open(t.Context(), client, rsaDecrypt)
	require.NoError(t, err)
	require.NoError(t, timing.RunRemote(t.Context(), w, rounds, "RSA-2048 in local-kms", key))
}

// For a person who reads what it prints; each iteration is a round:
//
//	go test -run '^$' -bench Timing -benchtime 4000x
func BenchmarkTiming(b *testing.B) { timed(b, os.Stdout, b.N) }

// AWS KMS decrypts with OAEP alone, so that there is nothing else to tell apart. Nothing is
// judged by its time here.
func TestEveryPairIsMeasured(t *testing.T) {
	var out strings.Builder
	timed(t, &out, 2)
	for _, name := range []string{"jwe Open, RSA-OAEP,", "jwe Open, RSA-OAEP-256,"} {
		assert.Contains(t, out.String(), name)
	}
	assert.NotContains(t, out.String(), "PKCS #1")
	assert.NotContains(t, out.String(), "RSA1_5")
}
