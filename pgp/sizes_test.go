package pgp_test

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

// The runbook says how large certificates and messages are with each kind of key.
func TestSizesInTheRunbook(t *testing.T) {
	beside, err := bankRSA().WithPostQuantumSubkey(t.Context(), year)
	require.NoError(t, err)
	keys := map[string]*pgp.Key{"RSA-3072": bankRSA(), "RSA-3072 with ML-KEM-768": beside, "Curve25519": bank(), "ML-DSA-65 and ML-KEM-768": bankPQ()}
	sealed := func(size int) func(*pgp.Key) int {
		return func(k *pgp.Key) int {
			e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(k)), Encoding: pgp.Binary})
			return len(seal(t, e, make([]byte, size)))
		}
	}
	rows := map[string]func(*pgp.Key) int{
		"a certificate": func(k *pgp.Key) int {
			var b bytes.Buffer
			require.NoError(t, entity(t, public(k)).Serialize(&b))
			return b.Len()
		},
		"a message of 1 KiB":  sealed(1 << 10),
		"a message of 16 KiB": sealed(16 << 10),
	}
	columns, told := runbookTable(t, "a certificate")
	require.Len(t, columns, len(keys))
	require.Len(t, told, len(rows))
	for row, cells := range told {
		for i, column := range columns {
			said, err := strconv.Atoi(cells[i])
			require.NoError(t, err)
			require.Contains(t, keys, column)
			// The names in a certificate and the numbers of a signature differ by some octets.
			assert.InEpsilon(t, said, rows[row](keys[column]), 0.02, "%s: %s", column, row)
		}
	}
}
