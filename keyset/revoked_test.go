package keyset_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// TestRevokedStaysRevoked takes every way that could bring a key back.
func TestRevokedStaysRevoked(t *testing.T) {
	reload := func(want error, keys ...[3]string) func(*testing.T, *keyset.Ring) error {
		return func(t *testing.T, r *keyset.Ring) error {
			for revision := range uint64(2) { // twice, in case that the first one makes it forget
				m := manifestOf(ownCert, 50+revision, keys...)
				o, err := r.Reload(t.Context(), m, ownCert.open, keyset.IdleFor(1))
				require.NoError(t, err)
				if want == nil {
					assert.NotContains(t, refusedOf(o), keyset.ID("R"))
				} else {
					assert.ErrorIs(t, refusedOf(o)["R"], want)
				}
			}
			return nil
		}
	}
	since := func(t *testing.T, r *keyset.Ring) error {
		m := manifestOf(ownCert, 50, list{{"R", "active"}, {"A", "active"}}...)
		m.Keys[0].Since = time.Unix(1, 0)
		_, err := r.Reload(t.Context(), m, ownCert.open)
		return err
	}
	tests := []struct {
		name string
		do   func(*testing.T, *keyset.Ring) error
		want error // nil if it succeeds, and changes nothing for the key
	}{
		{"Promote", func(t *testing.T, r *keyset.Ring) error { return r.Promote("R") }, keyset.ErrTransition},
		{"Retire", func(t *testing.T, r *keyset.Ring) error { return r.Retire("R") }, keyset.ErrTransition},
		{"Remove", func(t *testing.T, r *keyset.Ring) error { return r.RemoveUnchecked("R", "out of use") }, keyset.ErrTransition},
		{"Acknowledge", func(t *testing.T, r *keyset.Ring) error { return r.Acknowledge("R", "echo") }, keyset.ErrTransition},
		{"Add", func(t *testing.T, r *keyset.Ring) error { return r.Add(t.Context(), ownCert.key("R"), "") }, keyset.ErrDuplicate},
		{"Probe", func(t *testing.T, r *keyset.Ring) error { _, err := r.Probe("R"); return err }, keyset.ErrTransition},
		{"Refresh", func(t *testing.T, r *keyset.Ring) error { return r.Refresh(t.Context(), ownCert.key("R"), "") }, nil},
		{"Resume", func(t *testing.T, r *keyset.Ring) error {
			return r.Resume(reportOf("1", time.Now(), map[keyset.ID]keyset.Usage{"R": {Since: time.Unix(1, 0), Opened: 9}}))
		}, nil},
		{"Revoke again", func(t *testing.T, r *keyset.Ring) error { return r.Revoke("R") }, nil},
		{"Reload, omitted", reload(keyset.ErrTransition, list{{"A", "active"}}...), nil},
		{"Reload, active", reload(keyset.ErrTransition, list{{"R", "active", "echo"}, {"A", "active"}}...), nil},
		{"Reload, pending", reload(keyset.ErrTransition, list{{"R", "pending"}, {"A", "active"}}...), nil},
		{"Reload, retiring", reload(keyset.ErrTransition, list{{"R", "retiring"}, {"A", "active"}}...), nil},
		{"Reload, active since", since, nil},
		{"Reload, revoked", reload(nil, list{{"R", "revoked"}, {"A", "active"}}...), nil},
	}
	for _, from := range []keyset.State{keyset.Pending, keyset.Active, keyset.Retiring} {
		for _, tt := range tests {
			t.Run(from.String()+"/"+tt.name, func(t *testing.T) {
				material := ownCert.key("R")
				r := newRing(t, keyset.Key{Material: material, State: from}, ownCert.in(keyset.Active, "A"))
				probe, err := r.Probe("R")
				require.NoError(t, err)
				require.Equal(t, []keyset.ID{"R"}, sealing(probe.Load()))
				require.NoError(t, r.Revoke("R"))
				since := lookup(t, r, "R").Since

				assert.ErrorIs(t, tt.do(t, r), tt.want)
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

// TestRevokedDoNotFillTheSet: they count neither against MaxKeys nor as keys
// that could be used.
func TestRevokedDoNotFillTheSet(t *testing.T) {
	r := newRing(t, many(keyset.MaxKeys, keyset.Active)...)
	assert.ErrorContains(t, r.Add(t.Context(), ownCert.key("B"), ""), "17 keys")
	var ids []keyset.ID
	for i := range keyset.MaxKeys {
		ids = append(ids, keyset.ID(fmt.Sprintf("active-%02d", i)))
	}
	assert.Equal(t, ids, r.RevokeAll(ids...))
	assert.EqualValues(t, 1+keyset.MaxKeys, r.Load().Revision())
	assert.Empty(t, sealing(r.Load()))
	assert.Empty(t, opening(r.Load()))
	require.NoError(t, r.Add(t.Context(), ownCert.key("B"), ""))
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
				case 8, 9:
					o, _ := r.Reload(context.Background(), list().Manifest(), ownCert.open, keyset.IdleFor(1))
					replaced = o.Changed
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
