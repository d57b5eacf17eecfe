package keyset_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadersSeeWholeSets swaps sets under load. Every set that is ever in force
// has exactly one key that seals, two that open, and the same note on all of
// them: a reader that sees anything else has seen half of a change.
func TestReadersSeeWholeSets(t *testing.T) {
	generation := func(n uint64) *keyset.Set {
		first, second := ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B")
		if n%2 == 0 {
			first, second = ownCert.in(keyset.Retiring, "B"), ownCert.in(keyset.Active, "C")
		}
		first.Note, second.Note = fmt.Sprint(n), fmt.Sprint(n)
		return newSet(t, n, first, second)
	}
	r := keyset.NewRing(generation(2))
	probe, err := r.Probe("B")
	require.NoError(t, err)

	const generations = 3000
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
					r.Usage(k.ID())
				}
			}
		})
	}
	for n := uint64(3); n < generations; n++ {
		require.NoError(t, r.Replace(generation(n)))
		// Hand over within the generation, as one change.
		require.NoError(t, r.Update(func(s *keyset.Set) (*keyset.Set, error) {
			if s.Revision()%2 == 0 {
				return s, nil
			}
			s, err := s.WithState("B", keyset.Active)
			if err != nil {
				return nil, err
			}
			s, err = s.WithState("A", keyset.Retiring)
			if err != nil {
				return nil, err
			}
			return changed(t, s, n, "A", func(*keyset.Key) {}), nil
		}))
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

// TestWritersLoseNoChange: many writers at once, each of whose changes counts.
func TestWritersLoseNoChange(t *testing.T) {
	r := newRing(t, ownSign.in(keyset.Active, "A"))
	const writers, rounds = 8, 40
	var calls atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			id := keyset.ID(fmt.Sprintf("W%d", w))
			assert.NoError(t, r.Add(t.Context(), ownSign.key(id), ""))
			for i := range rounds {
				assert.NoError(t, r.Acknowledge(id, fmt.Sprint(i)))
				assert.NoError(t, r.Update(func(s *keyset.Set) (*keyset.Set, error) {
					calls.Add(1)
					return s.WithState(id, keyset.Active)
				}))
				assert.NoError(t, r.Retire(id))
			}
			assert.NoError(t, r.Revoke(id))
		})
	}
	wg.Wait()
	// One revision for each: Add, Revoke, and three a round.
	assert.EqualValues(t, 1+writers*(2+3*rounds), r.Load().Revision())
	assert.GreaterOrEqual(t, calls.Load(), int64(writers*rounds))
	assert.Equal(t, []keyset.ID{"A"}, sealing(r.Load()))
}

// TestRevokeAgainstEverything revokes a key while others replace, update,
// refresh, promote, and probe it. Once Revoke has returned, no load may show the
// key in use.
func TestRevokeAgainstEverything(t *testing.T) {
	for range 30 {
		r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Retiring, "R"))
		probe, err := r.Probe("R")
		require.NoError(t, err)
		var revoked, done atomic.Bool
		var revision atomic.Uint64
		revision.Store(1)
		attempts := []func() error{
			func() error {
				return r.Replace(newSet(t, revision.Add(1), ownCert.in(keyset.Active, "R"), ownCert.in(keyset.Active, "A")))
			},
			func() error { return r.Replace(newSet(t, revision.Add(1), ownCert.in(keyset.Active, "A"))) },
			func() error {
				return r.Update(func(*keyset.Set) (*keyset.Set, error) { return newSet(t, 0, ownCert.in(keyset.Active, "R")), nil })
			},
			func() error { return r.Refresh(t.Context(), ownCert.key("R"), "") },
			func() error { return errors.Join(r.Promote("R"), r.Retire("R"), r.Remove("R", 0)) },
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
		for errors.Is(r.Revoke("R"), keyset.ErrNotFound) {
			// It is removed and added all the time.
		}
		revoked.Store(true)
		time.Sleep(2 * time.Millisecond)
		done.Store(true)
		wg.Wait()
		assert.Equal(t, keyset.Revoked, lookup(t, r, "R").State)
	}
}
