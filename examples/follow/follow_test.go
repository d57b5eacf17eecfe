package follow_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/follow"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// An operator writes, a server follows: what is refused changes nothing, and
// what is right takes effect with the next call.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	newKey := func(name string) *pgp.Key {
		k, err := pgp.GenerateKey(name, pgp.Curve25519, 365*24*time.Hour)
		require.NoError(t, err)
		f, err := root.Create(name + ".asc")
		require.NoError(t, err)
		require.NoError(t, k.WriteInsecurePrivateKey(f))
		require.NoError(t, f.Close())
		return k
	}
	first, next := newKey("first"), newKey("next")
	write := func(m *keyset.Manifest) { require.NoError(t, m.WriteFile(filepath.Join(dir, "own.json"))) }
	set, err := keyset.New(1, keyset.Key{Material: first, State: keyset.Active, Source: "file:first.asc"})
	require.NoError(t, err)

	var ring keyset.Ring
	assert.Error(t, follow.Follow(t.Context(), &ring, root, "own.json"), "there is no manifest yet")
	write(set.Manifest())
	require.NoError(t, follow.Follow(t.Context(), &ring, root, "own.json"))
	assert.Equal(t, uint64(1), ring.Load().Revision())

	set, err = set.With(keyset.Key{Material: next, State: keyset.Active, Source: "file:next.asc"})
	require.NoError(t, err)
	write(set.Manifest())
	err = follow.Follow(t.Context(), &ring, root, "own.json")
	assert.True(t, errors.Is(err, keyset.ErrUnproven), "%v", err)
	assert.Equal(t, uint64(1), ring.Load().Revision())

	set, err = set.WithState(first.Info().ID, keyset.Revoked)
	require.NoError(t, err)
	m := set.Manifest()
	for i := range m.Keys {
		if m.Keys[i].ID == next.Info().ID {
			m.Keys[i].Evidence = "by telephone"
		}
	}
	write(m)
	require.NoError(t, follow.Follow(t.Context(), &ring, root, "own.json"))
	k, _ := ring.Load().Lookup(first.Info().ID)
	assert.Equal(t, keyset.Revoked, k.State)

	assert.Empty(t, follow.Alarms(&ring, time.Now()))
	later := follow.Alarms(&ring, time.Now().AddDate(0, 11, 0))
	require.NotEmpty(t, later)
	assert.Contains(t, later[0], "expiring: key "+string(next.Info().ID))

	raw, err := follow.Usage(&ring)
	require.NoError(t, err)
	var usage map[keyset.ID]keyset.Usage
	require.NoError(t, json.Unmarshal(raw, &usage))
	assert.Len(t, usage, 2)
}
