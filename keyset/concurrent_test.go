package keyset_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// TestReadersSeeWholeSets swaps sets under load. Every set that is ever in force
// has exactly one key that seals, two that open, and the same note on all of
// them: a reader that sees anything else has seen half of a change.
func TestReadersSeeWholeSets(t *testing.T) {
	generation := func(n uint64) *keyset.Manifest {
		a, b := [3]string{"A", "active"}, [3]string{"B", "retiring", "echo"}
		if n%2 == 1 {
			a, b = [3]string{"A", "retiring"}, [3]string{"B", "active", "echo"}
		}
		m := manifestOf(ownCert, n, a, b)
		for i := range m.Keys {
			m.Keys[i].Note = fmt.Sprint(n)
		}
		return m
	}
	var r keyset.Ring
	_, err := r.Reload(t.Context(), generation(2), ownCert.open)
	require.NoError(t, err)
	probe, err := r.Probe("B")
	require.NoError(t, err)

	const generations = 2000
	var done atomic.Bool
	var loads atomic.Uint64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last uint64
			for !done.Load() {
				s := r.Load()
				loads.Add(1)
				if s.Revision() < last {
					t.Error("the revision went back")
					return
				}
				last = s.Revision()
				whole(t, s, 1)
				whole(t, probe.Load(), 1)
				for k := range s.All() {
					if got, ok := s.Lookup(k.ID()); !ok || got.State != k.State {
						t.Errorf("the index of revision %d does not agree with its list", s.Revision())
					}
					r.RecordSealed(k.ID(), time.Now())
					r.Usages()
				}
			}
		})
	}
	for n := uint64(3); n < generations; n++ {
		o, err := r.Reload(t.Context(), generation(n), ownCert.open)
		require.NoError(t, err)
		require.Empty(t, o.Refused)
	}
	done.Store(true)
	wg.Wait()
	assert.NotZero(t, loads.Load())
}

func whole(t *testing.T, s *keyset.Set, seals int) {
	note, opens := "", 0
	for k := range s.All() {
		if note == "" {
			note = k.Note
		}
		if k.Note != note {
			t.Errorf("notes %q and %q in one set", note, k.Note)
		}
	}
	for range s.Opening() {
		opens++
	}
	if n := len(sealing(s)); n != seals || opens != 2 {
		t.Errorf("%v: %d keys seal, %d open", s, n, opens)
	}
}

// TestRevokeAgainstEverything revokes a key while others reload, refresh, promote,
// and probe it. Once Revoke has returned, no load may show the key in use.
func TestRevokeAgainstEverything(t *testing.T) {
	for range 30 {
		r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Retiring, "R"))
		probe, err := r.Probe("R")
		require.NoError(t, err)
		var revoked, done atomic.Bool
		var revision atomic.Uint64
		revision.Store(1)
		reload := func(keys ...[3]string) error {
			_, err := r.Reload(t.Context(), manifestOf(ownCert, revision.Add(1), keys...), ownCert.open, keyset.IdleFor(1))
			return err
		}
		attempts := []func() error{
			func() error { return reload(list{{"R", "active", "echo"}, {"A", "active"}}...) },
			func() error { return reload(list{{"A", "active"}}...) },
			func() error { return r.Refresh(t.Context(), ownCert.key("R"), "") },
			func() error { return errors.Join(r.Promote("R"), r.Retire("R"), r.RemoveUnchecked("R", "out of use")) },
			func() error { return r.Add(t.Context(), ownCert.key("R"), "") },
		}
		var wg sync.WaitGroup
		for _, attempt := range attempts {
			wg.Go(func() {
				for !done.Load() {
					_ = attempt() // most of them fail, and none may succeed in bringing it back
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				for !done.Load() {
					gone := revoked.Load()
					for _, s := range []*keyset.Set{r.Load(), probe.Load()} {
						if k, ok := s.Lookup("R"); gone && (!ok || k.State != keyset.Revoked) {
							t.Errorf("after its revocation: %v", states(s))
						}
					}
				}
			})
		}
		for len(r.RevokeAll("R")) == 0 {
			// It is removed and added all the time.
		}
		revoked.Store(true)
		time.Sleep(2 * time.Millisecond)
		done.Store(true)
		wg.Wait()
		assert.Equal(t, keyset.Revoked, lookup(t, r, "R").State)
	}
}

// TestWritersLoseNoChange: many writers at once, each of whose changes counts.
func TestWritersLoseNoChange(t *testing.T) {
	r := newRing(t, ownSign.in(keyset.Active, "A"))
	const writers, rounds = 8, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			id := keyset.ID(fmt.Sprintf("W%d", w))
			assert.NoError(t, r.Add(t.Context(), ownSign.key(id), ""))
			for i := range rounds {
				assert.NoError(t, r.Acknowledge(id, fmt.Sprint(i)))
				assert.NoError(t, r.Promote(id))
				assert.NoError(t, r.Retire(id))
			}
			assert.NoError(t, r.Revoke(id))
		})
	}
	wg.Wait()
	// One revision for each: Add, Revoke, and three a round.
	assert.EqualValues(t, 1+writers*(2+3*rounds), r.Load().Revision())
	assert.Equal(t, []keyset.ID{"A"}, sealing(r.Load()))
}
