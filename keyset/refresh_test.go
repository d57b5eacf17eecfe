package keyset_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

func TestRefresh(t *testing.T) {
	cert := func(id keyset.ID, parts ...string) *certificate {
		return &certificate{ownCert.key(id), "octets of " + string(id), parts}
	}
	start := func(t *testing.T, m keyset.Material, state keyset.State) *keyset.Ring {
		k := keyset.Key{Material: m, State: state, Evidence: "echo", Source: "file:b", Note: "note"}
		return newRing(t, ownCert.in(keyset.Active, "A"), k, ownCert.in(keyset.Active, "C"))
	}
	t.Run("merges", func(t *testing.T) {
		r := start(t, cert("B", "seal 1", "revocation 1"), keyset.Retiring)
		r.RecordOpened("B", time.Now())
		newer := cert("B", "seal 1", "open 2")
		require.NoError(t, r.Refresh(t.Context(), newer, ""))
		k := lookup(t, r, "B")
		assert.Equal(t, []string{"seal 1", "revocation 1", "open 2"}, k.Material.(*certificate).parts)
		assert.Equal(t, []string{"seal 1", "open 2"}, newer.parts)
		assert.Equal(t, "A:active B:retiring C:active", states(r.Load()), "state and order stay")
		assert.Equal(t, "echo", k.Evidence)
		assert.Equal(t, "file:b", k.Source)
		assert.Equal(t, "note", k.Note)
		assert.EqualValues(t, 2, r.Load().Revision())
		u, _ := r.Usage("B")
		assert.EqualValues(t, 1, u.Opened)
	})
	t.Run("a copy that adds nothing changes nothing", func(t *testing.T) {
		r := start(t, cert("B", "seal 1"), keyset.Active)
		before := r.Load()
		require.NoError(t, r.Refresh(t.Context(), cert("B"), ""))
		require.NoError(t, r.Refresh(t.Context(), cert("B", "seal 1"), "file:b"))
		assert.Same(t, before, r.Load())
		require.NoError(t, r.Refresh(t.Context(), cert("B", "seal 1"), "file:c"))
		assert.Equal(t, "file:c", lookup(t, r, "B").Source)
	})
	t.Run("drops evidence for another part that seals", func(t *testing.T) {
		r := start(t, cert("B", "seal 1"), keyset.Pending)
		r.RecordOpened("B", time.Now())
		require.NoError(t, r.Refresh(t.Context(), cert("B", "seal 2"), ""))
		assert.Empty(t, lookup(t, r, "B").Evidence)
		assert.ErrorIs(t, r.Promote("B"), keyset.ErrUnproven, "what it opened before proves nothing either")
		u, _ := r.Usage("B")
		assert.EqualValues(t, 1, u.Opened, "usage stays")
		r.RecordOpened("B", time.Now())
		assert.NoError(t, r.Promote("B"))
	})
	t.Run("private copies test themselves", func(t *testing.T) {
		m := cert("B", "seal 1")
		fail := errors.New("does not sign")
		m.test = func(context.Context) error { return fail }
		r := start(t, m, keyset.Active)
		before := r.Load()
		assert.ErrorIs(t, r.Refresh(t.Context(), cert("B", "seal 2"), ""), fail)
		assert.Same(t, before, r.Load())
	})
	t.Run("a revoked key stays revoked", func(t *testing.T) {
		m := cert("B", "seal 1")
		m.test = func(context.Context) error { panic("a revoked key is used") }
		r := start(t, m, keyset.Revoked)
		require.NoError(t, r.Refresh(t.Context(), cert("B", "seal 2"), ""))
		k := lookup(t, r, "B")
		assert.Equal(t, keyset.Revoked, k.State)
		assert.Len(t, k.Material.(*certificate).parts, 2, "its parts are known, to be refused")
	})
	t.Run("revoked during the self-test", func(t *testing.T) {
		m := cert("B", "seal 1")
		r := start(t, m, keyset.Active)
		m.test = func(context.Context) error { return r.Revoke("B") }
		require.NoError(t, r.Refresh(t.Context(), cert("B", "seal 2"), ""))
		assert.Equal(t, keyset.Revoked, lookup(t, r, "B").State)
	})
	t.Run("removed during the self-test", func(t *testing.T) {
		m := cert("B", "seal 1")
		r := start(t, m, keyset.Retiring)
		m.test = func(context.Context) error { return r.RemoveUnchecked("B", "out of use") }
		assert.ErrorIs(t, r.Refresh(t.Context(), cert("B", "seal 2"), ""), keyset.ErrNotFound)
		assert.Equal(t, "A:active C:active", states(r.Load()))
	})
	t.Run("two at once lose neither", func(t *testing.T) {
		m := cert("B", "seal 1")
		r := start(t, m, keyset.Active)
		first := true
		m.test = func(ctx context.Context) error {
			if first {
				first = false
				return r.Refresh(ctx, cert("B", "open 2"), "file:2")
			}
			return nil
		}
		require.NoError(t, r.Refresh(t.Context(), cert("B", "open 3"), ""))
		assert.ElementsMatch(t, []string{"seal 1", "open 2", "open 3"}, lookup(t, r, "B").Material.(*certificate).parts)
		assert.Equal(t, "file:2", lookup(t, r, "B").Source)
	})
	t.Run("plain material is replaced", func(t *testing.T) {
		for name, tt := range map[string]struct {
			change   func(*keyset.Info)
			evidence string
		}{
			"same":      {func(i *keyset.Info) {}, "echo"},
			"later end": {valid(time.Time{}, time.Now().Add(time.Hour)), "echo"},
			"name":      {named("new"), ""},
			"use":       {func(i *keyset.Info) { i.Use = keyset.Signing }, ""},
			"algorithm": {func(i *keyset.Info) { i.Algorithm = "RSA-4096" }, ""},
			"size":      {bits(4096), ""},
		} {
			r := start(t, ownCert.key("B"), keyset.Active)
			newer := ownCert.key("B", tt.change)
			err := r.Refresh(t.Context(), newer, "file:new")
			if name == "use" {
				assert.ErrorIs(t, err, keyset.ErrBusy, "messages to it would no longer open")
				continue
			}
			require.NoError(t, err, name)
			k := lookup(t, r, "B")
			assert.Same(t, newer, k.Material, name)
			assert.Equal(t, tt.evidence, k.Evidence, name)
			assert.Equal(t, "file:new", k.Source)
		}
	})
	t.Run("errors", func(t *testing.T) {
		r := start(t, cert("B", "seal 1"), keyset.Active)
		before := r.Load()
		other := cert("B")
		other.octets = "octets of another key with the same fingerprint"
		assert.ErrorContains(t, r.Refresh(t.Context(), other, ""), "key B: refresh: fake: another key")
		assert.ErrorIs(t, r.Refresh(t.Context(), cert("X"), ""), keyset.ErrNotFound)
		assert.ErrorContains(t, r.Refresh(t.Context(), nil, ""), "nil")
		assert.ErrorContains(t, r.Refresh(t.Context(), (*fake)(nil), ""), "nil")
		assert.ErrorContains(t, r.Refresh(t.Context(), keyset.Tombstone(ownCert.key("B").info), ""), "tombstone")
		assert.ErrorContains(t, r.Refresh(t.Context(), peerCert.key("A"), ""), "the copy is public, and the ring holds private keys")
		assert.ErrorContains(t, r.Refresh(t.Context(), ownSign.key("A"), ""), "another key")
		assert.Same(t, before, r.Load())
	})
	t.Run("a refresher that breaks its promise", func(t *testing.T) {
		for _, bad := range []keyset.Material{nil, (*fake)(nil), ownCert.key("X"), ownSign.key("B"), peerCert.key("B")} {
			r := start(t, broken{ownCert.key("B"), bad}, keyset.Active)
			before := r.Load()
			assert.Error(t, r.Refresh(t.Context(), ownCert.key("B"), ""), "%T", bad)
			assert.Same(t, before, r.Load())
		}
	})
	t.Run("material that is not comparable", func(t *testing.T) {
		b := box{Inner: ownCert.key("B").info, Secret: []string{canary}}
		r := start(t, b, keyset.Active)
		assert.NoError(t, r.Refresh(t.Context(), b, ""))
	})
}

type broken struct {
	*fake
	merged keyset.Material
}

func (b broken) Refresh(keyset.Material) (keyset.Material, bool, error) { return b.merged, false, nil }
