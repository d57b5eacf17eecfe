package follow_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/examples/follow"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Two replicas share a store, and an operator waits for both.
func TestReplicas(t *testing.T) {
	store, reports := envelopetest.NewStore(t), envelopetest.NewReports(t)
	var made [2]*pgp.Key
	for n := range made {
		k, err := pgp.ReadKey(bytes.NewReader(envelopetest.OpenPGPKey(t, n)))
		require.NoError(t, err)
		made[n] = k
	}
	first, next := made[0], made[1]
	keys := map[keyset.ID]keyset.Material{first.Info().ID: first, next.Info().ID: next}
	open := func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) { return keys[k.ID], nil }
	set, err := keyset.New(1, keyset.Key{Material: first, State: keyset.Active})
	require.NoError(t, err)
	require.NoError(t, keyset.Create(t.Context(), store, set.Manifest()))

	rings := make([]keyset.Ring, 2)
	for n, name := range []string{"eu-1", "eu-2"} {
		r := &follow.Replica{Name: name, Store: store, Reports: reports, Open: open, Log: slog.New(slog.DiscardHandler)}
		run, end, err := r.Follow(t.Context(), &rings[n])
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- run(ctx) }()
		t.Cleanup(func() {
			stop()
			assert.Error(t, <-done)
			assert.NoError(t, end(context.Background()))
		})
	}
	id := next.Info().ID
	require.NoError(t, keyset.Step(t.Context(), store, func(ring *keyset.Ring) error { return ring.Add(t.Context(), next, "") }))
	// They load it in a moment.
	require.Eventually(t, func() bool {
		err := follow.Promote(t.Context(), store, reports, id, "echo")
		if err != nil {
			require.ErrorIs(t, err, keyset.ErrLagging)
		}
		return err == nil
	}, 10*time.Second, time.Millisecond)
	for n := range rings {
		require.Eventually(t, func() bool {
			k, ok := rings[n].Load().Lookup(id)
			return ok && k.State == keyset.Active
		}, 10*time.Second, time.Millisecond)
	}
}
