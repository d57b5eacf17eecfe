package pgp_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func TestUsageAndEvents(t *testing.T) {
	own, peer := keyset.NewRing(active(t, bank())), keyset.NewRing(active(t, public(partner())))
	var events []envelope.Event
	e := newEnvelope(t, pgp.Config{Own: own, Peer: peer, Observe: func(_ context.Context, ev envelope.Event) { events = append(events, ev) }})
	_, theirs := conversation(t, bank(), partner())
	sealed := seal(t, theirs, body)
	seal(t, e, body)
	open(t, e, sealed)
	_, err := e.Open(context.Background(), []byte("x"))
	require.Error(t, err)

	ours, _ := own.Usage(bank().Info().ID)
	assert.Equal(t, [2]uint64{1, 2}, [2]uint64{ours.Sealed, ours.Opened}, "open opens twice: Open and OpenTo")
	them, _ := peer.Usage(partner().Info().ID)
	assert.Equal(t, [2]uint64{1, 2}, [2]uint64{them.Sealed, them.Opened})
	require.Len(t, events, 4)
	assert.Equal(t, events[1].Size, events[2].Size)
	assert.Equal(t, "seal", events[0].Op)
	assert.Len(t, events[0].Keys, 2)
	assert.Positive(t, events[0].Size)
	assert.Equal(t, "open", events[1].Op)
	assert.Equal(t, int64(len(sealed)), events[1].Size)
	assert.Len(t, events[1].Keys, 2)
	assert.ErrorIs(t, events[3].Err, envelope.ErrRejected)
	assert.Empty(t, events[3].Keys)
}

// Unsigned messages are evidence of nothing: anyone can make them.
func TestUnsignedIsNoEvidence(t *testing.T) {
	own := keyset.NewRing(active(t, bank()))
	e := newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner())), Waive: []envelope.Waiver{pgp.InsecureUnsigned("test")}})
	open(t, e, newForger(t, bank()).message(literalPacket(body)))
	u, _ := own.Usage(bank().Info().ID)
	assert.Zero(t, u.Opened)
}

// Messages under way open while both sides rotate; -race.
func TestConcurrentRotation(t *testing.T) {
	next := newKey(t, "next")
	own := keyset.NewRing(active(t, bank(), next))
	peer := keyset.NewRing(active(t, public(partner())))
	e := newEnvelope(t, pgp.Config{Own: own, Peer: peer})
	_, theirs := conversation(t, bank(), partner())
	sealed := seal(t, theirs, body)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			assert.NoError(t, own.Retire(next.Info().ID))
			assert.NoError(t, own.Promote(next.Info().ID))
		}
	})
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for range 5 {
				m, err := e.Open(context.Background(), sealed)
				if assert.NoError(t, err) {
					assert.Equal(t, body, m.Payload)
				}
				_, err = e.Seal(context.Background(), body)
				assert.NoError(t, err)
			}
		})
	}
	workers.Wait()
	cancel()
	wg.Wait()
}
