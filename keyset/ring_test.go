package keyset_test

import (
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// TestRemovedMaterialIsReleased: the ring remembers what it was given, and not
// the secret of a key that is gone.
func TestRemovedMaterialIsReleased(t *testing.T) {
	material := ownCert.key("B")
	secret := weak.Make(material)
	r := newRing(t, ownCert.in(keyset.Active, "A"), keyset.Key{Material: material, State: keyset.Retiring})
	material = nil
	runtime.GC()
	require.NotNil(t, secret.Value())
	require.NoError(t, r.RemoveUnchecked("B", "out of use"))
	runtime.GC()
	assert.Nil(t, secret.Value())
	runtime.KeepAlive(r)
}

// TestLastRevision: at the end of all revisions nothing changes any more, but a
// stolen key can still be revoked.
func TestLastRevision(t *testing.T) {
	r := keyset.NewRing(newSet(t, math.MaxUint64, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"), ownCert.in(keyset.Retiring, "C")))
	for name, err := range map[string]error{
		"Add":         r.Add(t.Context(), ownCert.key("D"), ""),
		"Refresh":     r.Refresh(t.Context(), ownCert.key("B"), "file:b"),
		"Acknowledge": r.Acknowledge("B", "echo"),
		"Promote":     r.Promote("C"),
		"Remove":      r.RemoveUnchecked("B", "out of use"),
	} {
		assert.ErrorContains(t, err, "revision", name)
	}
	assert.Equal(t, "A:active B:pending C:retiring", states(r.Load()))
	require.NoError(t, r.Revoke("A"))
	assert.Equal(t, "A:revoked B:pending C:retiring", states(r.Load()))
	assert.Equal(t, uint64(math.MaxUint64), r.Load().Revision())
}

// TestSince: the ring dates every change of state, by whatever method.
func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		since := func(r *keyset.Ring, id keyset.ID) time.Time { return lookup(t, r, id).Since }
		step := func() time.Time { time.Sleep(time.Hour); return time.Now() }
		start := time.Now()

		a := ownCert.in(keyset.Active, "A")
		a.Since = start.Add(-24 * time.Hour)
		given := newSet(t, 1, a, ownCert.in(keyset.Active, "B"))
		r := keyset.NewRing(given)
		assert.Same(t, given, r.Load())
		assert.True(t, since(r, "B").IsZero(), "not known")

		added := step()
		require.NoError(t, r.Add(t.Context(), ownCert.key("C"), ""))
		assert.True(t, since(r, "C").Equal(added))

		step()
		require.NoError(t, r.Acknowledge("C", "echo"))
		assert.True(t, since(r, "C").Equal(added), "evidence is no change of state")
		promoted := step()
		require.NoError(t, r.Promote("C"))
		assert.True(t, since(r, "C").Equal(promoted))
		retired := step()
		require.NoError(t, r.Retire("A"))
		assert.True(t, since(r, "A").Equal(retired))
		assert.True(t, since(r, "B").IsZero())

		// Reload: a date that is given counts, one that is not is kept or made.
		reloaded := step()
		m := manifestOf(ownCert, 9, list{{"A", "retiring"}, {"B", "retiring"}, {"C", "active"}, {"D", "active", "echo"}}...)
		m.Keys[2].Since, m.Keys[3].Since = start.Add(time.Minute), start
		o, err := r.Reload(t.Context(), m, ownCert.open)
		require.NoError(t, err)
		require.Empty(t, o.Refused)
		assert.True(t, since(r, "A").Equal(retired), "same state")
		assert.True(t, since(r, "B").Equal(reloaded), "changed")
		assert.True(t, since(r, "C").Equal(start.Add(time.Minute)), "given")
		assert.True(t, since(r, "D").Equal(start), "new, and given")

		revoked := step()
		require.NoError(t, r.Revoke("B"))
		step()
		m.Revision = 10
		_, err = r.Reload(t.Context(), m, ownCert.open)
		require.NoError(t, err)
		assert.True(t, since(r, "B").Equal(revoked), "still revoked, and since then")
		assert.Equal(t, time.UTC, since(r, "B").Location())
	})
}
