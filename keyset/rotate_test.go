package keyset_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

func TestAdd(t *testing.T) {
	t.Run("private keys test themselves first", func(t *testing.T) {
		r := newRing(t, ownCert.in(keyset.Active, "A"))
		m := ownCert.key("B")
		type mark struct{}
		ctx := context.WithValue(t.Context(), mark{}, true)
		tested := 0
		m.test = func(got context.Context) error {
			tested++
			assert.Equal(t, true, got.Value(mark{}), "the context reaches the key service")
			// No lock is held meanwhile: the ring can be read and changed.
			assert.Equal(t, "A:active", states(r.Load()))
			return r.Acknowledge("A", "echo")
		}
		require.NoError(t, r.Add(ctx, m, "file:b"))
		assert.Equal(t, 1, tested)
		k := lookup(t, r, "B")
		assert.Equal(t, "A:active B:pending", states(r.Load()))
		assert.Equal(t, "file:b", k.Source)
		assert.Same(t, m, k.Material)
		assert.Empty(t, k.Evidence, "a self-test is no evidence")
		assert.ErrorIs(t, r.Promote("B"), keyset.ErrUnproven)
	})
	t.Run("a key that fails does not enter", func(t *testing.T) {
		r := newRing(t, ownCert.in(keyset.Active, "A"))
		m := ownCert.key("B")
		m.test = func(context.Context) error { return fmt.Errorf("kms: %w", keyset.ErrUnavailable) }
		err := r.Add(t.Context(), m, "")
		assert.ErrorIs(t, err, keyset.ErrUnavailable)
		assert.ErrorContains(t, err, "key B: self-test")
		assert.Equal(t, "A:active", states(r.Load()))
	})
	t.Run("public keys have no test", func(t *testing.T) {
		r := newRing(t, peerCert.in(keyset.Active, "A"))
		require.NoError(t, r.Add(t.Context(), peerCert.key("B"), ""))
		assert.Equal(t, []keyset.ID{"A", "B"}, opening(r.Load()), "trusted at once")
		assert.Equal(t, []keyset.ID{"A"}, sealing(r.Load()))
	})
	t.Run("errors", func(t *testing.T) {
		r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Revoked, "R"))
		before := r.Load()
		duplicate := ownCert.key("A")
		duplicate.test = func(context.Context) error { panic("tested although it cannot enter") }
		assert.ErrorIs(t, r.Add(t.Context(), duplicate, ""), keyset.ErrDuplicate)
		assert.ErrorIs(t, r.Add(t.Context(), ownCert.key("R"), ""), keyset.ErrDuplicate)
		assert.ErrorContains(t, r.Add(t.Context(), peerCert.key("B"), ""), "public")
		assert.ErrorContains(t, r.Add(t.Context(), ownSign.key("B"), ""), "jose")
		assert.ErrorContains(t, r.Add(t.Context(), nil, ""), "nil")
		assert.ErrorContains(t, r.Add(t.Context(), (*fake)(nil), ""), "nil")
		assert.ErrorContains(t, r.Add(t.Context(), keyset.Tombstone(ownCert.key("B").info), ""), "tombstone")
		assert.Same(t, before, r.Load())
	})
	t.Run("added by another during the self-test", func(t *testing.T) {
		r := newRing(t, ownCert.in(keyset.Active, "A"))
		m := ownCert.key("B")
		m.test = func(ctx context.Context) error { return r.Add(ctx, ownCert.key("B"), "first") }
		assert.ErrorIs(t, r.Add(t.Context(), m, "second"), keyset.ErrDuplicate)
		assert.Equal(t, "first", lookup(t, r, "B").Source)
	})
}

// TestGates is every gate of Promote, Retire, and Acknowledge.
func TestGates(t *testing.T) {
	opened := func(r *keyset.Ring) { r.RecordOpened("B", time.Now()) }
	sealed := func(r *keyset.Ring) { r.RecordSealed("B", time.Now()) }
	acknowledged := func(r *keyset.Ring) { _ = r.Acknowledge("B", "echo") }
	promote := func(r *keyset.Ring) error { return r.Promote("B") }
	retire := func(r *keyset.Ring) error { return r.Retire("B") }
	gone := valid(time.Time{}, time.Now().Add(-time.Hour))
	later := valid(time.Now().Add(time.Hour), time.Time{})
	one := func(role role, state keyset.State, changes ...func(*keyset.Info)) []keyset.Key {
		return []keyset.Key{role.in(keyset.Active, "A", changes...), role.in(state, "B")}
	}
	tests := []struct {
		name   string
		keys   []keyset.Key
		before func(*keyset.Ring)
		do     func(*keyset.Ring) error
		want   error
	}{
		{"promote own certificate", one(ownCert, keyset.Pending), nil, promote, keyset.ErrUnproven},
		{"promote own certificate, acknowledged", one(ownCert, keyset.Pending), acknowledged, promote, nil},
		{"promote own certificate, has opened", one(ownCert, keyset.Pending), opened, promote, nil},
		{"promote own certificate, has sealed", one(ownCert, keyset.Pending), sealed, promote, keyset.ErrUnproven},
		{"promote partner's certificate", one(peerCert, keyset.Pending), nil, promote, keyset.ErrUnproven},
		{"promote partner's certificate, has opened", one(peerCert, keyset.Pending), opened, promote, nil},
		{"promote own signing key", one(ownSign, keyset.Pending), nil, promote, keyset.ErrUnproven},
		{"promote own signing key, acknowledged", one(ownSign, keyset.Pending), acknowledged, promote, nil},
		{"promote own signing key, recorded as opened", one(ownSign, keyset.Pending), opened, promote, keyset.ErrUnproven},
		{"promote partner's encryption key", one(peerEncrypt, keyset.Pending), nil, promote, keyset.ErrUnproven},
		{"promote partner's encryption key, acknowledged", one(peerEncrypt, keyset.Pending), acknowledged, promote, nil},
		{"promote own decryption key", one(ownDecrypt, keyset.Pending), nil, promote, nil},
		{"promote partner's signing key", one(peerVerify, keyset.Pending), nil, promote, nil},
		{"promote what was active before", one(ownSign, keyset.Retiring), nil, promote, nil},
		{"promote active", one(ownSign, keyset.Active), nil, promote, keyset.ErrTransition},
		{"promote revoked", one(ownSign, keyset.Revoked), nil, promote, keyset.ErrTransition},

		{"retire beside another", one(ownSign, keyset.Active), nil, retire, nil},
		{"retire the only one", []keyset.Key{ownSign.in(keyset.Active, "B")}, nil, retire, keyset.ErrLastActive},
		{"retire beside a pending one", []keyset.Key{ownSign.in(keyset.Active, "B"), ownSign.in(keyset.Pending, "A")}, nil, retire, keyset.ErrLastActive},
		{"retire beside one that ended", one(ownCert, keyset.Active, gone), nil, retire, keyset.ErrLastActive},
		{"retire beside one that has not begun", one(ownCert, keyset.Active, later), nil, retire, keyset.ErrLastActive},
		{"retire beside one that only opens", []keyset.Key{ownSign.in(keyset.Active, "B"), ownDecrypt.in(keyset.Active, "A")}, nil, retire, keyset.ErrLastActive},
		{"retire the only one that opens", []keyset.Key{ownDecrypt.in(keyset.Active, "B")}, nil, retire, nil},
		{"retire pending", one(ownSign, keyset.Pending), nil, retire, keyset.ErrTransition},
		{"retire retiring", one(ownSign, keyset.Retiring), nil, retire, keyset.ErrTransition},
		{"retire revoked", one(ownSign, keyset.Revoked), nil, retire, keyset.ErrTransition},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRing(t, tt.keys...)
			if tt.before != nil {
				tt.before(r)
			}
			before := r.Load()
			err := tt.do(r)
			if tt.want != nil {
				assert.ErrorIs(t, err, tt.want)
				assert.ErrorContains(t, err, "key B", "says which")
				assert.Same(t, before, r.Load())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, before.Revision()+1, r.Load().Revision())
		})
	}
}

func TestAcknowledge(t *testing.T) {
	r := newRing(t, ownSign.in(keyset.Active, "A"), ownSign.in(keyset.Pending, "B"))
	for _, nothing := range []string{"", " ", "\n\t"} {
		assert.ErrorContains(t, r.Acknowledge("B", nothing), "say what the evidence is")
	}
	assert.ErrorIs(t, r.Acknowledge("X", "echo"), keyset.ErrNotFound)
	require.NoError(t, r.Acknowledge("B", "echo 2026-12-03"))
	assert.Equal(t, "echo 2026-12-03", lookup(t, r, "B").Evidence)
	once := r.Load()
	require.NoError(t, r.Acknowledge("B", "echo 2026-12-03"))
	assert.Same(t, once, r.Load())
	require.NoError(t, r.Acknowledge("B", "phone call"))
	assert.Equal(t, "phone call", lookup(t, r, "B").Evidence)
	require.NoError(t, r.Promote("B"))
	assert.Equal(t, "phone call", lookup(t, r, "B").Evidence, "evidence outlives the state")
}

func TestRevoke(t *testing.T) {
	r := newRing(t, ownCert.in(keyset.Active, "A"))
	require.NoError(t, r.Revoke("A"), "even the last one")
	assert.Empty(t, sealing(r.Load()))
	assert.Empty(t, opening(r.Load()))
	once := r.Load()
	require.NoError(t, r.Revoke("A"), "emergency scripts run twice")
	assert.Same(t, once, r.Load())
	assert.ErrorIs(t, r.Revoke("X"), keyset.ErrNotFound)
}

// TestRemove is every gate of Remove. Key B is to go; times are hours before it.
func TestRemove(t *testing.T) {
	const day = 24 * time.Hour
	type use struct {
		id     keyset.ID
		hours  int // before the removal
		sealed bool
	}
	pair := func(r role, state keyset.State) []keyset.Key {
		return []keyset.Key{r.in(keyset.Active, "A"), r.in(state, "B")}
	}
	tests := []struct {
		name string
		keys []keyset.Key
		uses []use
		idle time.Duration
		want error
		text string
	}{
		{"idle, and the other has opened since", pair(ownCert, keyset.Retiring), []use{{"B", 30, false}, {"A", 1, false}}, day, nil, ""},
		{"the other opened the same message", pair(peerCert, keyset.Retiring), []use{{"B", 30, false}, {"A", 30, false}}, day, nil, ""},
		{"opened too recently", pair(ownCert, keyset.Retiring), []use{{"B", 23, false}, {"A", 1, false}}, day, keyset.ErrBusy, "last used at 2000-01-05T01:00:00Z, 23h0m0s before"},
		{"sealed too recently", pair(ownCert, keyset.Retiring), []use{{"B", 30, false}, {"B", 23, true}, {"A", 1, false}}, day, keyset.ErrBusy, "last used at 2000-01-05T01:00:00Z"},
		{"exactly idle", pair(ownCert, keyset.Retiring), []use{{"B", 24, false}, {"A", 1, false}}, day, nil, ""},
		{"the other opened only before", pair(ownCert, keyset.Retiring), []use{{"A", 40, false}, {"B", 30, false}}, day, keyset.ErrUnproven, "key B"},
		{"the other never opened", pair(ownCert, keyset.Retiring), []use{{"B", 30, false}, {"A", 1, true}}, day, keyset.ErrUnproven, "key B"},
		{"silence proves nothing", pair(ownCert, keyset.Retiring), nil, day, keyset.ErrUnproven, "key B"},
		{"not counted for long enough", pair(ownCert, keyset.Retiring), []use{{"A", 1, false}}, 5 * day, keyset.ErrBusy, "since counting began at 2000-01-02T00:00:00Z"},
		{"unused, and the other has opened", pair(ownCert, keyset.Pending), []use{{"A", 90, false}}, day, nil, ""},
		{"a person answers both", pair(ownCert, keyset.Retiring), []use{{"B", 0, false}}, 0, nil, ""},
		{"proof by a key that has been revoked", append(pair(ownCert, keyset.Retiring), ownCert.in(keyset.Revoked, "R")), []use{{"B", 30, false}, {"R", 1, false}}, day, keyset.ErrUnproven, ""},

		{"a key that only seals needs no proof", pair(ownSign, keyset.Retiring), []use{{"B", 30, true}}, day, nil, ""},
		{"a key that only seals needs to be idle", pair(ownSign, keyset.Retiring), []use{{"B", 23, true}}, day, keyset.ErrBusy, ""},
		{"the last one that opens", []keyset.Key{ownSign.in(keyset.Active, "A"), ownDecrypt.in(keyset.Retiring, "B")}, nil, 0, keyset.ErrLastOpener, "key B"},
		{"the last one beside a revoked one", []keyset.Key{ownCert.in(keyset.Revoked, "A"), ownCert.in(keyset.Retiring, "B")}, nil, 0, keyset.ErrLastOpener, ""},
		{"the only key", []keyset.Key{ownCert.in(keyset.Pending, "B")}, nil, 0, nil, "the only one"},
		{"beside a partner's key that ended", []keyset.Key{peerVerify.in(keyset.Active, "A", valid(time.Time{}, time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC))), peerVerify.in(keyset.Retiring, "B")}, nil, 0, keyset.ErrLastOpener, ""},
		{"beside a key of ours that ended", []keyset.Key{ownDecrypt.in(keyset.Active, "A", valid(time.Time{}, time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC))), ownDecrypt.in(keyset.Retiring, "B")}, nil, 0, nil, ""},

		{"active", pair(ownCert, keyset.Active), nil, 0, keyset.ErrTransition, "key B: it is active"},
		{"revoked", pair(ownCert, keyset.Revoked), nil, 0, keyset.ErrTransition, "key B: it is revoked"},
		{"negative", pair(ownCert, keyset.Retiring), nil, -1, nil, "idle time of -1ns"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(day)
				r := newRing(t, tt.keys...)
				time.Sleep(4 * day)
				for _, u := range tt.uses {
					at := time.Now().Add(-time.Duration(u.hours) * time.Hour)
					if u.sealed {
						r.RecordSealed(u.id, at)
					} else {
						r.RecordOpened(u.id, at)
					}
				}
				before := r.Load()
				remove := func() error { return r.Remove("B", tt.idle) }
				if tt.idle == 0 {
					remove = func() error { return r.RemoveUnchecked("B", "known to be out of use") }
				}
				err := remove()
				if tt.want == nil && tt.text == "" {
					require.NoError(t, err)
					assert.NotContains(t, states(r.Load()), "B:")
					_, ok := r.Usage("B")
					assert.False(t, ok, "its usage goes with it")
					_, ok = r.Usage("A")
					assert.True(t, ok)
					return
				}
				require.Error(t, err)
				if tt.want != nil {
					assert.ErrorIs(t, err, tt.want)
				}
				assert.ErrorContains(t, err, tt.text)
				assert.Same(t, before, r.Load())
			})
		})
	}
	assert.ErrorIs(t, newRing(t, ownCert.in(keyset.Active, "A")).RemoveUnchecked("B", "out of use"), keyset.ErrNotFound)
}

// TestRotation goes through the six steps with our own certificate, and back
// from each of them.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const month = 30 * 24 * time.Hour
		r := newRing(t, ownCert.in(keyset.Active, "old"))
		r.RecordSealed("old", time.Now())
		r.RecordOpened("old", time.Now())

		require.NoError(t, r.Add(t.Context(), ownCert.key("new"), "file:new"))
		assert.Equal(t, []keyset.ID{"old"}, sealing(r.Load()))
		assert.Equal(t, []keyset.ID{"old", "new"}, opening(r.Load()))
		require.NoError(t, r.RemoveUnchecked("new", "out of use"), "undone")
		require.NoError(t, r.Add(t.Context(), ownCert.key("new"), "file:new"))

		probe, err := r.Probe("new")
		require.NoError(t, err)
		assert.Equal(t, []keyset.ID{"new"}, sealing(probe.Load()))
		assert.Equal(t, []keyset.ID{"old"}, sealing(r.Load()), "everybody else goes on as before")
		assert.ErrorIs(t, r.Promote("new"), keyset.ErrUnproven)
		require.NoError(t, r.Acknowledge("new", "echo"))

		require.NoError(t, r.Promote("new"))
		assert.Equal(t, []keyset.ID{"new", "old"}, sealing(r.Load()), "most preferred, beside the old one")
		require.NoError(t, r.Retire("new"), "undone")
		require.NoError(t, r.Promote("new"), "no new evidence needed")

		require.NoError(t, r.Retire("old"))
		assert.Equal(t, []keyset.ID{"new"}, sealing(r.Load()))
		assert.Equal(t, []keyset.ID{"new", "old"}, opening(r.Load()))
		assert.ErrorIs(t, r.Retire("new"), keyset.ErrLastActive)
		require.NoError(t, r.Promote("old"), "undone")
		require.NoError(t, r.Retire("old"))

		assert.ErrorIs(t, r.Remove("old", month), keyset.ErrBusy)
		time.Sleep(month)
		assert.ErrorIs(t, r.Remove("old", month), keyset.ErrUnproven)
		r.RecordOpened("new", time.Now())
		require.NoError(t, r.Remove("old", month))
		assert.Equal(t, "new:active", states(r.Load()))
	})
}
