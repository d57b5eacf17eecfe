package sealedhttp_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

const root = "../.."

func document(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

// The table of states is that of the code.
func TestStatesInTheDocument(t *testing.T) {
	readme := document(t, "docs/server.md")
	for _, row := range []string{
		"| Pending | no | yes |", "| Active | yes | yes |", "| Retiring | no | yes |", "| Revoked | no | no |",
	} {
		require.Contains(t, readme, row)
	}
	own, _, _, _ := conversation(t)
	for k := range own.Load().All() {
		for state, want := range map[keyset.State][2]int{
			keyset.Pending: {0, 1}, keyset.Active: {1, 1}, keyset.Retiring: {0, 1}, keyset.Revoked: {0, 0},
		} {
			k.State = state
			set, err := keyset.New(1, k)
			require.NoError(t, err)
			seals, opens := 0, 0
			for range set.Sealing(k.Material.Info().NotBefore) {
				seals++
			}
			for range set.Opening() {
				opens++
			}
			assert.Equal(t, want, [2]int{seals, opens}, state)
		}
	}
}
