package pgp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Ready names the keys that Seal uses, in the same words, and is not observed; where Seal
// finds no key, it returns the error of Seal.
func TestReady(t *testing.T) {
	var events []envelope.Event
	observe := func(_ context.Context, e envelope.Event) { events = append(events, e) }
	config := pgp.Config{Own: active(t, bank(), bankPQ()), Peer: active(t, public(partner()), public(partRSA())), Observe: observe}
	e := newEnvelope(t, config)
	uses, err := e.Ready(t.Context())
	require.NoError(t, err)
	assert.Empty(t, events)
	seal(t, e, body)
	require.Len(t, events, 1)
	sealed := events[0].Keys
	for i := range sealed {
		assert.Equal(t, sealed[i].Use == keyset.Encryption, sealed[i].Time.IsZero(), "only what was signed has a time")
		sealed[i].Time, sealed[i].Digest = uses[0].Time, uses[0].Digest
	}
	assert.ElementsMatch(t, sealed, uses)

	config.RequirePostQuantum = keyset.Encryption
	for name, c := range map[string]pgp.Config{
		"nothing that is demanded": config,
		"no key of ours":           {Own: inState(t, keyset.Retiring, bank()), Peer: config.Peer},
		"no key of the partner":    {Own: config.Own, Peer: inState(t, keyset.Pending, public(partner()))},
		"no keys yet":              {Own: new(keyset.Ring), Peer: config.Peer},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvelope(t, c)
			_, err := e.Ready(t.Context())
			_, sealing := e.Seal(t.Context(), body)
			assert.ErrorIs(t, err, envelope.ErrNoKey)
			assert.ErrorIs(t, sealing, envelope.ErrNoKey)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.Ready(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}
