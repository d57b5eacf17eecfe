package follow_test

import (
	"context"
	"io"
	"log/slog"
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
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	start := func() error {
		return follow.Follow(ctx, &ring, root, "own.json", slog.New(slog.NewTextHandler(io.Discard, nil)))
	}
	require.Error(t, start(), "there is no manifest yet")
	write(set.Manifest())
	require.NoError(t, start())
	assert.Equal(t, uint64(1), ring.Load().Revision(), "before the server listens")

	// The operator promotes a key that nobody has proven, and then proves it.
	m := set.Manifest()
	m.Revision = 2
	m.Keys = append(m.Keys, keyset.ManifestKey{ID: next.Info().ID, State: keyset.Active, Source: "file:next.asc"})
	write(m)
	require.Eventually(t, func() bool { return ring.Outcome().Revision == 2 }, 10*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, ring.Outcome().Err(), keyset.ErrUnproven)
	_, ok := ring.Load().Lookup(next.Info().ID)
	assert.False(t, ok)

	m.Revision = 3
	m.Keys[0].State, m.Keys[1].Evidence = keyset.Revoked, "by telephone"
	write(m)
	require.Eventually(t, func() bool { return ring.Outcome().Revision == 3 }, 10*time.Second, 10*time.Millisecond)
	assert.NoError(t, ring.Outcome().Err())
	k, _ := ring.Load().Lookup(first.Info().ID)
	assert.Equal(t, keyset.Revoked, k.State)

	assert.Empty(t, follow.Alarms(&ring, time.Now()))
	later := follow.Alarms(&ring, time.Now().AddDate(0, 11, 0))
	require.NotEmpty(t, later)
	assert.Contains(t, later[0], "expiring: key "+string(next.Info().ID))
}
