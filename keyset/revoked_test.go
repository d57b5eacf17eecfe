package keyset_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRevokedStaysRevoked takes every way that could bring a key back.
func TestRevokedStaysRevoked(t *testing.T) {
	update := func(f func(*keyset.Set) (*keyset.Set, error)) func(*testing.T, *keyset.Ring) error {
		return func(t *testing.T, r *keyset.Ring) error { return r.Update(f) }
	}
	listed := func(t *testing.T, state keyset.State) *keyset.Set {
		return newSet(t, 50, ownCert.in(state, "R"), ownCert.in(keyset.Active, "A"))
	}
	omitted := func(t *testing.T) *keyset.Set { return newSet(t, 50, ownCert.in(keyset.Active, "A")) }
	tests := []struct {
		name string
		do   func(*testing.T, *keyset.Ring) error
		want error // nil if it succeeds, and changes nothing for the key
	}{
		{"Promote", func(t *testing.T, r *keyset.Ring) error { return r.Promote("R") }, keyset.ErrTransition},
		{"Retire", func(t *testing.T, r *keyset.Ring) error { return r.Retire("R") }, keyset.ErrTransition},
		{"Remove", func(t *testing.T, r *keyset.Ring) error { return r.Remove("R", 0) }, keyset.ErrTransition},
		{"Acknowledge", func(t *testing.T, r *keyset.Ring) error { return r.Acknowledge("R", "echo") }, keyset.ErrTransition},
		{"Add", func(t *testing.T, r *keyset.Ring) error { return r.Add(t.Context(), ownCert.key("R"), "") }, keyset.ErrDuplicate},
		{"Probe", func(t *testing.T, r *keyset.Ring) error { _, err := r.Probe("R"); return err }, keyset.ErrTransition},
		{"Refresh", func(t *testing.T, r *keyset.Ring) error { return r.Refresh(t.Context(), ownCert.key("R"), "") }, nil},
		{"Merge", func(t *testing.T, r *keyset.Ring) error { return r.Merge("R", keyset.Usage{Opened: 9}) }, nil},
		{"Revoke again", func(t *testing.T, r *keyset.Ring) error { return r.Revoke("R") }, nil},
		{"Replace, omitted", func(t *testing.T, r *keyset.Ring) error { return r.Replace(omitted(t)) }, nil},
		{"Replace, active", func(t *testing.T, r *keyset.Ring) error { return r.Replace(listed(t, keyset.Active)) }, nil},
		{"Replace, active since", func(t *testing.T, r *keyset.Ring) error {
			return r.Replace(changed(t, listed(t, keyset.Active), 50, "R", func(k *keyset.Key) { k.Since = time.Unix(1, 0) }))
		}, nil},
		{"Replace, pending", func(t *testing.T, r *keyset.Ring) error { return r.Replace(listed(t, keyset.Pending)) }, nil},
		{"Replace, retiring", func(t *testing.T, r *keyset.Ring) error { return r.Replace(listed(t, keyset.Retiring)) }, nil},
		{"Replace, revoked", func(t *testing.T, r *keyset.Ring) error { return r.Replace(listed(t, keyset.Revoked)) }, nil},
		{"Replace, tombstone", func(t *testing.T, r *keyset.Ring) error {
			return r.Replace(newSet(t, 50, ownCert.in(keyset.Active, "A"), keyset.Key{Material: keyset.Tombstone(ownCert.key("R").info), State: keyset.Revoked}))
		}, nil},
		{"Replace with what was given first", func(t *testing.T, r *keyset.Ring) error {
			return r.Replace(newSet(t, 1, ownCert.in(keyset.Active, "R"), ownCert.in(keyset.Active, "A")))
		}, nil},
		{"Replace, twice omitted", func(t *testing.T, r *keyset.Ring) error {
			require.NoError(t, r.Replace(omitted(t)))
			return r.Replace(newSet(t, 51, ownCert.in(keyset.Active, "R")))
		}, nil},
		{"Update, WithState", update(func(s *keyset.Set) (*keyset.Set, error) { return s.WithState("R", keyset.Active) }), keyset.ErrTransition},
		{"Update, Without", update(func(s *keyset.Set) (*keyset.Set, error) { return s.Without("R") }), keyset.ErrTransition},
		{"Update, With", update(func(s *keyset.Set) (*keyset.Set, error) { return s.With(ownCert.in(keyset.Active, "R")) }), keyset.ErrDuplicate},
		{"Update, omitted", func(t *testing.T, r *keyset.Ring) error {
			return r.Update(func(*keyset.Set) (*keyset.Set, error) { return omitted(t), nil })
		}, nil},
		{"Update, listed", func(t *testing.T, r *keyset.Ring) error {
			return r.Update(func(*keyset.Set) (*keyset.Set, error) { return listed(t, keyset.Active), nil })
		}, nil},
		{"Update, listed alone", func(t *testing.T, r *keyset.Ring) error {
			return r.Update(func(*keyset.Set) (*keyset.Set, error) { return newSet(t, 0, ownCert.in(keyset.Active, "R")), nil })
		}, nil},
		{"Update by the view of a probe", func(t *testing.T, r *keyset.Ring) error {
			fresh := newRing(t, ownCert.in(keyset.Pending, "R"), ownCert.in(keyset.Active, "A"))
			probe, err := fresh.Probe("R")
			require.NoError(t, err)
			return r.Update(func(*keyset.Set) (*keyset.Set, error) { return probe.Load(), nil })
		}, nil},
	}
	for _, from := range []keyset.State{keyset.Pending, keyset.Active, keyset.Retiring} {
		for _, tt := range tests {
			if tt.name == "Replace with what was given first" && from != keyset.Active {
				continue
			}
			t.Run(from.String()+"/"+tt.name, func(t *testing.T) {
				material := ownCert.key("R")
				r := newRing(t, keyset.Key{Material: material, State: from}, ownCert.in(keyset.Active, "A"))
				probe, err := r.Probe("R")
				require.NoError(t, err)
				require.Equal(t, []keyset.ID{"R"}, sealing(probe.Load()))
				require.NoError(t, r.Revoke("R"))
				since := lookup(t, r, "R").Since

				err = tt.do(t, r)
				if tt.want != nil {
					assert.ErrorIs(t, err, tt.want)
				} else {
					assert.NoError(t, err)
				}
				for name, s := range map[string]*keyset.Set{"ring": r.Load(), "probe": probe.Load()} {
					k := lookup(t, s, "R")
					assert.Equal(t, keyset.Revoked, k.State, name)
					assert.Equal(t, since, k.Since, name)
					assert.NotContains(t, sealing(s), keyset.ID("R"), name)
					assert.NotContains(t, opening(s), keyset.ID("R"), name)
					if tt.name != "Refresh" {
						assert.Same(t, material, k.Material, "%s: formats need its parts to name the reason", name)
					}
				}
				assert.Empty(t, sealing(probe.Load()))
				assert.NotContains(t, states(r.Load().Public()), "R:")
			})
		}
	}
}

// TestRevokedTombstoneGainsMaterial: a key of which only the tombstone is known
// takes over what a later set knows of it.
func TestRevokedTombstoneGainsMaterial(t *testing.T) {
	r := newRing(t, ownCert.in(keyset.Active, "A"), keyset.Key{Material: keyset.Tombstone(ownCert.key("R").info), State: keyset.Revoked})
	again := ownCert.in(keyset.Active, "R")
	require.NoError(t, r.Replace(newSet(t, 2, ownCert.in(keyset.Active, "A"), again)))
	assert.Equal(t, "A:active R:revoked", states(r.Load()))
	assert.Same(t, again.Material, lookup(t, r, "R").Material)
}

// TestRevokedDoNotFillTheSet: they count neither against MaxKeys nor as keys
// that could be used.
func TestRevokedDoNotFillTheSet(t *testing.T) {
	r := newRing(t, many(keyset.MaxKeys, keyset.Active)...)
	assert.ErrorContains(t, r.Add(t.Context(), ownCert.key("B"), ""), "17 keys")
	for i := range keyset.MaxKeys {
		require.NoError(t, r.Revoke(keyset.ID(fmt.Sprintf("active-%02d", i))))
	}
	assert.Empty(t, sealing(r.Load()))
	assert.Empty(t, opening(r.Load()))
	require.NoError(t, r.Add(t.Context(), ownCert.key("B"), ""))
	require.NoError(t, r.Replace(newSet(t, 2, many(keyset.MaxKeys, keyset.Pending)...)))
	assert.Len(t, opening(r.Load()), keyset.MaxKeys)
}

// TestRandomHistories walks rings through random operations and compares with
// the only rules that have no exception. The seed of a failure is its name.
func TestRandomHistories(t *testing.T) {
	ids := []keyset.ID{"A", "B", "C", "D"}
	for seed := range uint64(150) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"))
			dead := map[keyset.ID]bool{}
			var probes []keyset.Source
			list := func() *keyset.Set {
				keys := []keyset.Key{ownCert.in(keyset.Active, "E")}
				for _, id := range ids {
					if rnd.IntN(2) == 0 {
						keys = append(keys, ownCert.in(keyset.State(1+rnd.IntN(3)), id))
					}
				}
				return newSet(t, uint64(rnd.IntN(60)), keys...)
			}
			for range 60 {
				id, before := ids[rnd.IntN(len(ids))], r.Load()
				replaced := false
				switch rnd.IntN(12) {
				case 0:
					_ = r.Add(context.Background(), ownCert.key(id), "")
				case 1:
					_ = r.Refresh(context.Background(), ownCert.key(id), "file:"+string(id))
				case 2:
					if p, err := r.Probe(id); err == nil {
						probes = append(probes, p)
					}
				case 3:
					_ = r.Acknowledge(id, "echo")
				case 4, 5:
					_ = r.Promote(id)
				case 6:
					_ = r.Retire(id)
				case 7:
					_ = r.Remove(id, time.Duration(rnd.IntN(2)))
				case 8:
					replaced = r.Replace(list()) == nil
				case 9:
					_ = r.Update(func(*keyset.Set) (*keyset.Set, error) { return list(), nil })
				case 10:
					r.RecordOpened(id, time.Now())
				case 11:
					if rnd.IntN(4) == 0 && r.Revoke(id) == nil {
						dead[id] = true
					}
				}
				after := r.Load()
				require.True(t, after == before || replaced || after.Revision() > before.Revision(), "the revision grows")
				for _, src := range append(probes, r) {
					s := src.Load()
					for id := range dead {
						require.Equal(t, keyset.Revoked, lookup(t, s, id).State, "%s", id)
					}
					if src != r {
						require.LessOrEqual(t, len(sealing(s)), 1, "a probe seals with one key")
					}
					require.ElementsMatch(t, opening(after), opening(s), "a probe opens as the ring does")
					for k := range s.All() {
						got := lookup(t, s, k.ID())
						require.Equal(t, k.State, got.State, "the index agrees with the list")
						_, ok := r.Usage(k.ID())
						require.True(t, ok)
					}
				}
			}
		})
	}
}
