//go:build unix

package vault_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/timing"
	"github.com/sealwax/sealwax/keyset/vault"
)

// timed opens messages with a key in the Transit engine, and prints what can be told apart
// by how long it takes: see package internal/timing.
func timed(t testing.TB, w io.Writer, rounds int) {
	_, client := newServer(t)
	key, err := vault.Open(t.Context(), client, "transit/rsa", 1)
	require.NoError(t, err)
	require.NoError(t, timing.RunRemote(t.Context(), w, rounds, "RSA-2048 in Transit", key))
}

// For a person who reads what it prints; each iteration is a round:
//
//	go test -run '^$' -bench Timing -benchtime 4000x
func BenchmarkTiming(b *testing.B) { timed(b, os.Stdout, b.N) }

// Everything that the key decrypts is measured. Nothing is judged by its time here.
func TestEveryPairIsMeasured(t *testing.T) {
	var out strings.Builder
	timed(t, &out, 2)
	for _, name := range []string{"pgp Open, PKCS #1 v1.5,", "jwe Open, RSA1_5,", "jwe Open, RSA-OAEP-256,"} {
		assert.Contains(t, out.String(), name)
	}
	assert.NotContains(t, out.String(), "RSA-OAEP,", "Transit does not do that")
}
