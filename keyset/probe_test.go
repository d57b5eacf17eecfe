package keyset_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

func TestProbe(t *testing.T) {
	r := newRing(t,
		ownSign.in(keyset.Active, "S1"), ownSign.in(keyset.Active, "S2"), ownSign.in(keyset.Pending, "S3"),
		ownSign.in(keyset.Retiring, "S4"), ownSign.in(keyset.Revoked, "S5"),
		ownDecrypt.in(keyset.Active, "D1"), ownDecrypt.in(keyset.Pending, "D2"))
	before := r.Load()
	probe, err := r.Probe("S3")
	require.NoError(t, err)
	s := probe.Load()
	assert.Equal(t, []keyset.ID{"S3"}, sealing(s))
	assert.Equal(t, []keyset.ID{"D1", "D2"}, opening(s), "keys that only open stay as they are")
	assert.Equal(t, "S3:active S1:retiring S2:retiring S4:retiring S5:revoked D1:active D2:pending", states(s))
	assert.Equal(t, before.Revision(), s.Revision())
	assert.Same(t, before, r.Load(), "the ring does not change")
	assert.Same(t, s, probe.Load(), "derived once for each set of the ring")

	retiring, err := r.Probe("S4")
	require.NoError(t, err)
	assert.Equal(t, []keyset.ID{"S4"}, sealing(retiring.Load()))
	active, err := r.Probe("S2")
	require.NoError(t, err)
	assert.Equal(t, []keyset.ID{"S2"}, sealing(active.Load()))

	_, err = r.Probe("S5")
	assert.ErrorIs(t, err, keyset.ErrTransition)
	_, err = r.Probe("D1")
	assert.ErrorIs(t, err, keyset.ErrTransition)
	assert.ErrorContains(t, err, "only opens")
	_, err = r.Probe("X")
	assert.ErrorIs(t, err, keyset.ErrNotFound)
}

// TestProbeFollowsTheRing: each Load starts from the current set.
func TestProbeFollowsTheRing(t *testing.T) {
	for _, r := range []role{ownCert, peerCert} {
		ring := newRing(t, r.in(keyset.Active, "A"), r.in(keyset.Pending, "B"))
		probe, err := ring.Probe("B")
		require.NoError(t, err)
		assert.Equal(t, "B:active A:retiring", states(probe.Load()))

		require.NoError(t, ring.Add(t.Context(), r.key("C"), ""))
		assert.Equal(t, "B:active A:retiring C:pending", states(probe.Load()))
		require.NoError(t, ring.Revoke("A"))
		assert.Equal(t, "B:active A:revoked C:pending", states(probe.Load()))
		require.NoError(t, ring.Acknowledge("C", "echo"))
		require.NoError(t, ring.Promote("C"))
		assert.Equal(t, "B:active C:retiring A:revoked", states(probe.Load()))

		require.NoError(t, ring.RemoveUnchecked("B", "out of use"))
		assert.Equal(t, "C:retiring A:revoked", states(probe.Load()), "removed: nothing seals")
		assert.Empty(t, sealing(probe.Load()))
		assert.Equal(t, []keyset.ID{"C"}, opening(probe.Load()), "and all else opens")
		require.NoError(t, ring.Add(t.Context(), r.key("B"), ""))
		assert.Equal(t, []keyset.ID{"B"}, sealing(probe.Load()), "added again")
		require.NoError(t, ring.Revoke("B"))
		assert.Empty(t, sealing(probe.Load()), "revoked: nothing seals")
		assert.Equal(t, []keyset.ID{"C"}, opening(probe.Load()))
		assert.Equal(t, []keyset.ID{"C"}, sealing(ring.Load()))
	}
}

func TestProbeRespectsValidity(t *testing.T) {
	tomorrow := time.Now().Add(24 * time.Hour)
	r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B", valid(tomorrow, time.Time{})))
	probe, err := r.Probe("B")
	require.NoError(t, err)
	assert.Empty(t, sealing(probe.Load()))
}

func TestProbeRecords(t *testing.T) {
	r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"))
	probe, err := r.Probe("B")
	require.NoError(t, err)
	recorder, ok := probe.(keyset.Recorder)
	require.True(t, ok, "envelopes ask for it")
	at := time.Now().UTC().Round(0)
	recorder.RecordSealed("B", at)
	recorder.RecordOpened("A", at)
	b, _ := r.Usage("B")
	assert.EqualValues(t, 1, b.Sealed)
	assert.Equal(t, at, b.LastSealed)
	a, _ := r.Usage("A")
	assert.EqualValues(t, 1, a.Opened)
	assert.Equal(t, "probe of key B", fmt.Sprintf("%v", probe))
	assert.Equal(t, "probe of key B", fmt.Sprintf("%#v", probe))
}
