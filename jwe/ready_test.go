package jwe_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Ready names the keys that Seal uses, in the same words, and is not observed; where Seal
// finds no key, it returns the error of Seal.
func TestReady(t *testing.T) {
	w := newWorld(t)
	two := newWorld(t)
	own := set(t, w.ourSign, w.ourDecrypt, two.ourSign)
	peer := set(t, public(w.theirSign, w.theirDecrypt, two.theirDecrypt)...)
	for name, c := range map[string]jwe.Config{
		"compact":      {},
		"JSON":         {JSON: true},
		"outer":        {Layers: jwe.EncryptThenSign},
		"both":         {Layers: jwe.SignEncryptSign, JSON: true},
		"encrypt only": {Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}},
	} {
		t.Run(name, func(t *testing.T) {
			var events []envelope.Event
			c.Own, c.Peer = own, peer
			c.Observe = func(_ context.Context, e envelope.Event) { events = append(events, e) }
			e := newEnvelope(t, c)
			uses, err := e.Ready(t.Context())
			require.NoError(t, err)
			assert.Empty(t, events)
			seal(t, e, "{}")
			require.Len(t, events, 1)
			assert.ElementsMatch(t, events[0].Keys, uses)
		})
	}
	for name, c := range map[string]jwe.Config{
		"no key of ours":         {Own: setOf(t, entries(keyset.Retiring, w.ourSign, w.ourDecrypt)...), Peer: peer},
		"no key of the partner":  {Own: own, Peer: setOf(t, entries(keyset.Pending, public(w.theirSign, w.theirDecrypt)...)...)},
		"none for the algorithm": {Own: own, Peer: peer, Seal: jwe.Algorithms{Signature: jwe.ES512}},
		"no keys yet":            {Own: new(keyset.Ring), Peer: peer},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvelope(t, c)
			_, err := e.Ready(t.Context())
			_, sealing := e.Seal(t.Context(), []byte("{}"))
			assert.ErrorIs(t, err, envelope.ErrNoKey)
			assert.ErrorIs(t, sealing, envelope.ErrNoKey)
		})
	}
}
