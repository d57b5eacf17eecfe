package keyset_test

import (
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/sealwax/sealwax/keyset"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReplaceRevisions: the revision is compared with the last set that was
// given, and not with what methods of the ring made of it.
func TestReplaceRevisions(t *testing.T) {
	list := func(revision uint64, state keyset.State) *keyset.Set {
		return newSet(t, revision, ownCert.in(keyset.Active, "A"), ownCert.in(state, "B"))
	}
	local := func(t *testing.T, r *keyset.Ring) {
		require.NoError(t, r.Acknowledge("B", "echo"))
		require.NoError(t, r.Promote("B"))
		require.NoError(t, r.Retire("A"))
	}
	const changed = "B:active A:retiring"
	tests := []struct {
		name     string
		local    func(*testing.T, *keyset.Ring)
		revision uint64
		state    keyset.State
		want     error
		after    string
	}{
		{"lower", nil, 11, keyset.Pending, keyset.ErrStale, "A:active B:pending"},
		{"lower, other keys", nil, 11, keyset.Retiring, keyset.ErrStale, "A:active B:pending"},
		{"equal set", nil, 12, keyset.Pending, nil, "A:active B:pending"},
		{"same number, other keys", nil, 12, keyset.Retiring, keyset.ErrConflict, "A:active B:pending"},
		{"higher", nil, 13, keyset.Retiring, nil, "A:active B:retiring"},
		{"much higher", nil, math.MaxUint64, keyset.Retiring, nil, "A:active B:retiring"},
		{"equal set does not undo local changes", local, 12, keyset.Pending, nil, changed},
		{"same number, other keys, local changes", local, 12, keyset.Retiring, keyset.ErrConflict, changed},
		{"lower than given, local changes", local, 11, keyset.Pending, keyset.ErrStale, changed},
		{"higher than given, lower than local", local, 13, keyset.Retiring, nil, "A:active B:retiring"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := keyset.NewRing(list(12, keyset.Pending))
			if tt.local != nil {
				tt.local(t, r)
			}
			before := r.Load()
			err := r.Replace(list(tt.revision, tt.state))
			assert.Equal(t, tt.after, states(r.Load()))
			if tt.want != nil {
				assert.ErrorIs(t, err, tt.want)
				assert.Same(t, before, r.Load())
				return
			}
			require.NoError(t, err)
			if tt.revision == 12 {
				assert.Same(t, before, r.Load(), "without effect")
			} else {
				assert.Equal(t, tt.revision, r.Load().Revision())
			}
		})
	}
}

// TestReplaceRaisesTheFloor: a set that failed does not count, one that was
// accepted does.
func TestReplaceRaisesTheFloor(t *testing.T) {
	a := ownCert.in(keyset.Active, "A")
	r := keyset.NewRing(newSet(t, 5, a))
	assert.Error(t, r.Replace(newSet(t, 9, peerCert.in(keyset.Active, "A"))))
	assert.NoError(t, r.Replace(newSet(t, 7, a)))
	assert.ErrorIs(t, r.Replace(newSet(t, 6, a)), keyset.ErrStale)
	assert.NoError(t, r.Replace(newSet(t, 7, a)))
	assert.EqualValues(t, 7, r.Load().Revision())
}

// TestReplaceEquality changes one thing at a time in a set of the same revision.
func TestReplaceEquality(t *testing.T) {
	now := time.Now()
	base := func() keyset.Key {
		k := ownCert.in(keyset.Active, "A", named("Example Bank"), valid(now, now.Add(time.Hour)))
		k.NotBefore, k.NotAfter = now.Add(1), now.Add(2)
		k.Since, k.Evidence, k.Source, k.Note = now, "echo", "file:a", "note"
		return k
	}
	edit := func(f func(*keyset.Info)) func(*keyset.Key) {
		return func(k *keyset.Key) {
			i := k.Material.Info()
			f(&i)
			k.Material = &fake{info: i}
		}
	}
	elsewhere := time.FixedZone("elsewhere", 3600)
	same := map[string]func(*keyset.Key){
		"nothing":                    func(k *keyset.Key) {},
		"another copy":               edit(func(i *keyset.Info) {}),
		"Since not given":            func(k *keyset.Key) { k.Since = time.Time{} },
		"time zone":                  func(k *keyset.Key) { k.NotAfter = k.NotAfter.In(elsewhere) },
		"time zone in the material":  edit(func(i *keyset.Info) { i.NotAfter = i.NotAfter.In(elsewhere) }),
		"monotonic reading stripped": edit(func(i *keyset.Info) { i.NotBefore = i.NotBefore.Round(0) }),
	}
	differs := map[string]func(*keyset.Key){
		"State":      func(k *keyset.Key) { k.State = keyset.Retiring },
		"NotBefore":  func(k *keyset.Key) { k.NotBefore = now },
		"NotAfter":   func(k *keyset.Key) { k.NotAfter = time.Time{} },
		"Since":      func(k *keyset.Key) { k.Since = now.Add(1) },
		"Evidence":   func(k *keyset.Key) { k.Evidence = "" },
		"Source":     func(k *keyset.Key) { k.Source = "file:b" },
		"Note":       func(k *keyset.Key) { k.Note = "" },
		"ID":         edit(func(i *keyset.Info) { i.ID = "C" }),
		"Name":       edit(func(i *keyset.Info) { i.Name = "" }),
		"Use":        edit(func(i *keyset.Info) { i.Use = keyset.Signing }),
		"Algorithm":  edit(func(i *keyset.Info) { i.Algorithm = "RSA-4096" }),
		"Bits":       edit(func(i *keyset.Info) { i.Bits = 4096 }),
		"Info.After": edit(func(i *keyset.Info) { i.NotAfter = now.Add(2 * time.Hour) }),
	}
	try := func(change func(*keyset.Key)) error {
		r := keyset.NewRing(newSet(t, 1, base(), ownCert.in(keyset.Active, "B")))
		k := base()
		change(&k)
		return r.Replace(newSet(t, 1, k, ownCert.in(keyset.Active, "B")))
	}
	for name, change := range same {
		assert.NoError(t, try(change), name)
	}
	for name, change := range differs {
		assert.ErrorIs(t, try(change), keyset.ErrConflict, name)
	}
	r := newRing(t, base(), ownCert.in(keyset.Active, "B"))
	assert.ErrorIs(t, r.Replace(newSet(t, 1, ownCert.in(keyset.Active, "B"), base())), keyset.ErrConflict, "order")
	assert.ErrorIs(t, r.Replace(newSet(t, 1, base())), keyset.ErrConflict, "fewer keys")
}

// TestFollowErrors: what neither Replace nor Update accepts.
func TestFollowErrors(t *testing.T) {
	tombstone := keyset.Key{Material: keyset.Tombstone(ownCert.key("A").info), State: keyset.Active}
	tests := []struct {
		name string
		ring role
		next *keyset.Set
		want string
	}{
		{"nil", ownCert, nil, "at least one key"},
		{"empty", ownCert, new(keyset.Set), "at least one key"},
		{"other format", ownCert, newSet(t, 2, ownSign.in(keyset.Active, "A")), "the ring holds openpgp keys, and the set jose keys"},
		{"public for private", ownCert, newSet(t, 2, peerCert.in(keyset.Active, "A")), "the ring holds private keys, and the set public keys"},
		{"private for public", peerCert, newSet(t, 2, ownCert.in(keyset.Active, "A")), "the ring holds public keys, and the set private keys"},
		{"tombstones for keys", ownCert, newSet(t, 2, tombstone), "tombstones"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRing(t, tt.ring.in(keyset.Active, "A"))
			before := r.Load()
			assert.ErrorContains(t, r.Replace(tt.next), tt.want)
			assert.ErrorContains(t, r.Update(func(*keyset.Set) (*keyset.Set, error) { return tt.next, nil }), tt.want)
			assert.Same(t, before, r.Load())
		})
	}
	// A tool that only edits states works on nothing but tombstones.
	tool := newRing(t, tombstone)
	require.NoError(t, tool.Acknowledge("A", "echo"))
	assert.NoError(t, tool.Replace(newSet(t, 2, tombstone, keyset.Key{Material: keyset.Tombstone(ownCert.key("B").info), State: keyset.Pending})))
	assert.NoError(t, tool.Revoke("A"))
	assert.NoError(t, tool.Revoke("B"))
	assert.NoError(t, tool.Update(func(s *keyset.Set) (*keyset.Set, error) { return s.With(ownCert.in(keyset.Active, "C")) }),
		"tombstones that are all revoked stand beside keys")
}

func TestUpdate(t *testing.T) {
	start := func() *keyset.Ring {
		return keyset.NewRing(newSet(t, 10, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B")))
	}
	handOver := func(s *keyset.Set) (*keyset.Set, error) {
		s, err := s.WithState("B", keyset.Active)
		if err != nil {
			return nil, err
		}
		return s.WithState("A", keyset.Retiring)
	}
	r := start()
	require.NoError(t, r.Update(handOver))
	assert.Equal(t, "B:active A:retiring", states(r.Load()))
	assert.EqualValues(t, 12, r.Load().Revision(), "two changes")

	before := r.Load()
	assert.ErrorIs(t, r.Update(handOver), keyset.ErrTransition)
	assert.Same(t, before, r.Load(), "all or nothing")

	boom := errors.New("boom")
	assert.Equal(t, boom, r.Update(func(s *keyset.Set) (*keyset.Set, error) {
		s, _ = s.WithState("A", keyset.Active)
		return s, boom
	}))
	assert.Same(t, before, r.Load())

	assert.NoError(t, r.Update(func(s *keyset.Set) (*keyset.Set, error) { return s, nil }))
	assert.Same(t, before, r.Load(), "nothing changed")

	// The revision grows, whatever the result says.
	for _, tt := range []struct{ given, want uint64 }{{0, 11}, {10, 11}, {11, 11}, {500, 500}} {
		r := start()
		require.NoError(t, r.Update(func(*keyset.Set) (*keyset.Set, error) {
			return newSet(t, tt.given, ownCert.in(keyset.Active, "C")), nil
		}))
		assert.Equal(t, tt.want, r.Load().Revision())
		assert.Equal(t, "C:active", states(r.Load()))
		assert.Equal(t, keyset.ID("C"), lookup(t, r, "C").ID())
	}

	// It does not move the floor of Replace.
	require.NoError(t, r.Replace(newSet(t, 11, ownCert.in(keyset.Active, "A"))))
	assert.EqualValues(t, 11, r.Load().Revision())
}

// TestUpdateIsRetried: another change comes between, made by f itself, which
// also shows that no lock is held.
func TestUpdateIsRetried(t *testing.T) {
	r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"))
	calls := 0
	require.NoError(t, r.Update(func(s *keyset.Set) (*keyset.Set, error) {
		if calls++; calls == 1 {
			require.NoError(t, r.Revoke("A"))
		}
		return s.WithState("B", keyset.Active)
	}))
	assert.Equal(t, 2, calls)
	assert.Equal(t, "B:active A:revoked", states(r.Load()))
	assert.EqualValues(t, 3, r.Load().Revision())
}

// TestRemovedMaterialIsReleased: the ring remembers what it was given, and not
// the secret of a key that is gone.
func TestRemovedMaterialIsReleased(t *testing.T) {
	material := ownCert.key("B")
	secret := weak.Make(material)
	r := newRing(t, ownCert.in(keyset.Active, "A"), keyset.Key{Material: material, State: keyset.Retiring})
	material = nil
	runtime.GC()
	require.NotNil(t, secret.Value())
	require.NoError(t, r.Remove("B", 0))
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
		"Remove":      r.Remove("B", 0),
		"Update":      r.Update(func(*keyset.Set) (*keyset.Set, error) { return newSet(t, 1, ownCert.in(keyset.Active, "A")), nil }),
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

		// Update: same states keep their dates, even if keys are written anew;
		// a former date that was copied along is not the new one.
		updated := step()
		require.NoError(t, r.Update(func(s *keyset.Set) (*keyset.Set, error) {
			return changed(t, s, 0, "C", func(k *keyset.Key) { k.State = keyset.Retiring }), nil
		}))
		assert.True(t, since(r, "C").Equal(updated))
		assert.True(t, since(r, "A").Equal(retired))

		// Replace: a date that is given counts, one that is not is kept or made.
		replaced := step()
		d := ownCert.in(keyset.Active, "D")
		d.Since = start
		c := ownCert.in(keyset.Active, "C")
		c.Since = start.Add(time.Minute)
		require.NoError(t, r.Replace(newSet(t, 2, ownCert.in(keyset.Retiring, "A"), ownCert.in(keyset.Retiring, "B"), c, d)))
		assert.True(t, since(r, "A").Equal(retired), "same state")
		assert.True(t, since(r, "B").Equal(replaced), "changed")
		assert.True(t, since(r, "C").Equal(start.Add(time.Minute)), "changed, and given")
		assert.True(t, since(r, "D").Equal(start), "new, and given")

		revoked := step()
		require.NoError(t, r.Revoke("B"))
		step()
		require.NoError(t, r.Replace(newSet(t, 3, d, ownCert.in(keyset.Active, "B"))))
		assert.True(t, since(r, "B").Equal(revoked), "still revoked, and since then")
		assert.Equal(t, time.UTC, since(r, "B").Location())
	})
}
