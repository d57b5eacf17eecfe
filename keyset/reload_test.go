package keyset_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A store opens what is put into it, and remembers what was asked for.
type store struct {
	keys  map[string]keyset.Material // by source
	asked []string
	err   error
}

func (s *store) open(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
	s.asked = append(s.asked, k.Source)
	if s.err != nil {
		return nil, s.err
	}
	m, ok := s.keys[k.Source]
	if !ok {
		return nil, fmt.Errorf("no file %s", k.Source)
	}
	return m, nil
}

func storeOf(r role, ids ...keyset.ID) *store {
	s := &store{keys: map[string]keyset.Material{}}
	for _, id := range ids {
		s.keys["file:"+string(id)] = r.key(id)
	}
	return s
}

// manifestOf lists "ID state" or "ID state evidence".
func manifestOf(r role, revision uint64, keys ...[3]string) *keyset.Manifest {
	m := &keyset.Manifest{Version: 1, Revision: revision, Format: r.format, Private: r.private}
	for _, k := range keys {
		mk := keyset.ManifestKey{ID: keyset.ID(k[0]), Source: "file:" + k[0], Evidence: k[2]}
		if err := mk.State.UnmarshalText([]byte(k[1])); err != nil {
			panic(err)
		}
		m.Keys = append(m.Keys, mk)
	}
	return m
}

func statesOf(s *keyset.Set) string {
	out := ""
	for k := range s.All() {
		out += fmt.Sprintf("%s %v;", k.ID(), k.State)
	}
	return out
}

// loaded returns a ring that follows a manifest with these keys.
func loaded(t testing.TB, r role, s *store, keys ...[3]string) *keyset.Ring {
	set, err := manifestOf(r, 1, keys...).Open(t.Context(), s.open)
	require.NoError(t, err)
	s.asked = nil
	return keyset.NewRing(set)
}

func TestReloadGates(t *testing.T) {
	const hour = time.Hour
	for _, tt := range []struct {
		name     string
		role     role
		from, to [][3]string
		prepare  func(*keyset.Ring)
		idle     time.Duration
		want     error
		after    string // if it succeeds
	}{
		{"add", ownSign, [][3]string{{"A", "active"}}, [][3]string{{"A", "active"}, {"B", "pending"}}, nil, hour, nil, "A active;B pending;"},
		{"promote without evidence", ownSign, [][3]string{{"A", "active"}, {"B", "pending"}}, [][3]string{{"B", "active"}, {"A", "active"}}, nil, hour, keyset.ErrUnproven, ""},
		{"promote with evidence", ownSign, [][3]string{{"A", "active"}, {"B", "pending"}}, [][3]string{{"B", "active", "echo"}, {"A", "active"}}, nil, hour, nil, "B active;A active;"},
		{"promote with evidence of the ring", ownSign, [][3]string{{"A", "active"}, {"B", "pending"}}, [][3]string{{"B", "active"}, {"A", "active"}},
			func(r *keyset.Ring) { _ = r.Acknowledge("B", "echo") }, hour, nil, "B active;A active;"},
		{"promote what only opens", ownDecrypt, [][3]string{{"A", "active"}, {"B", "pending"}}, [][3]string{{"B", "active"}, {"A", "active"}}, nil, hour, nil, "B active;A active;"},
		{"promote a certificate that has opened", ownCert, [][3]string{{"A", "active"}, {"B", "pending"}}, [][3]string{{"B", "active"}, {"A", "active"}},
			func(r *keyset.Ring) { r.RecordOpened("B", time.Now()) }, hour, nil, "B active;A active;"},
		{"promote again after retiring", ownSign, [][3]string{{"A", "active"}, {"B", "retiring"}}, [][3]string{{"B", "active"}, {"A", "active"}}, nil, hour, nil, "B active;A active;"},
		{"enter as active without evidence", ownSign, [][3]string{{"A", "active"}}, [][3]string{{"B", "active"}, {"A", "active"}}, nil, hour, keyset.ErrUnproven, ""},
		{"enter as active, having been away", ownSign, [][3]string{{"A", "active"}}, [][3]string{{"B", "active", "echo"}, {"A", "retiring"}}, nil, hour, nil, "B active;A retiring;"},
		{"enter as retiring", ownDecrypt, [][3]string{{"A", "active"}}, [][3]string{{"A", "active"}, {"B", "retiring"}}, nil, hour, nil, "A active;B retiring;"},
		{"retire the last", ownSign, [][3]string{{"A", "active"}}, [][3]string{{"A", "retiring"}}, nil, hour, keyset.ErrLastActive, ""},
		{"retire beside a successor of the same manifest", ownSign, [][3]string{{"A", "active"}, {"B", "pending"}}, [][3]string{{"B", "active", "echo"}, {"A", "retiring"}}, nil, hour, nil, "B active;A retiring;"},
		{"pending, having been away", ownSign, [][3]string{{"A", "active"}, {"B", "pending"}}, [][3]string{{"A", "active"}, {"B", "retiring"}}, nil, hour, nil, "A active;B retiring;"},
		{"back to pending", ownSign, [][3]string{{"A", "active"}, {"B", "active"}}, [][3]string{{"A", "active"}, {"B", "pending"}}, nil, hour, keyset.ErrTransition, ""},
		{"remove what is busy", ownSign, [][3]string{{"A", "active"}, {"B", "retiring"}}, [][3]string{{"A", "active"}}, nil, hour, keyset.ErrBusy, ""},
		{"remove at once", ownSign, [][3]string{{"A", "active"}, {"B", "retiring"}}, [][3]string{{"A", "active"}}, nil, 0, nil, "A active;"},
		{"remove what is idle", ownSign, [][3]string{{"A", "active"}, {"B", "retiring"}}, [][3]string{{"A", "active"}},
			func(*keyset.Ring) { time.Sleep(2 * hour) }, hour, nil, "A active;"},
		{"remove what nobody replaced", ownDecrypt, [][3]string{{"A", "active"}, {"B", "retiring"}}, [][3]string{{"A", "active"}},
			func(*keyset.Ring) { time.Sleep(2 * hour) }, hour, keyset.ErrUnproven, ""},
		{"remove what others replaced", ownDecrypt, [][3]string{{"A", "active"}, {"B", "retiring"}}, [][3]string{{"A", "active"}},
			func(r *keyset.Ring) { r.RecordOpened("A", time.Now()); time.Sleep(2 * hour) }, hour, nil, "A active;"},
		{"remove an active key, having been away", ownSign, [][3]string{{"A", "active"}, {"B", "active"}}, [][3]string{{"A", "active"}}, nil, 0, nil, "A active;"},
		{"replace the last opener", ownDecrypt, [][3]string{{"A", "active"}}, [][3]string{{"B", "pending"}}, nil, 0, nil, "B pending;"},
		{"several at once", ownSign, [][3]string{{"A", "active"}, {"B", "pending"}, {"C", "retiring"}}, [][3]string{{"B", "active"}, {"A", "retiring"}}, nil, hour, keyset.ErrBusy, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storeOf(tt.role, "A", "B", "C")
				r := loaded(t, tt.role, s, tt.from...)
				if tt.prepare != nil {
					tt.prepare(r)
				}
				before := r.Load()
				changed, err := r.Reload(t.Context(), manifestOf(tt.role, 2, tt.to...), tt.idle, s.open)
				if tt.want != nil {
					require.ErrorIs(t, err, tt.want)
					assert.False(t, changed)
					assert.Same(t, before, r.Load(), "the ring stays as it was")
					if tt.name == "several at once" {
						assert.ErrorIs(t, err, keyset.ErrUnproven, "the error lists all")
					}
					return
				}
				require.NoError(t, err)
				assert.True(t, changed)
				assert.Equal(t, tt.after, statesOf(r.Load()))
				assert.Equal(t, uint64(2), r.Load().Revision())

				// Called again, it changes nothing and opens nothing.
				s.asked = nil
				now := r.Load()
				changed, err = r.Reload(t.Context(), manifestOf(tt.role, 2, tt.to...), tt.idle, s.open)
				require.NoError(t, err)
				assert.False(t, changed)
				assert.Same(t, now, r.Load())
				assert.Empty(t, s.asked)
			})
		})
	}
}

func TestReloadOpensOnlyWhatIsNew(t *testing.T) {
	s := storeOf(ownSign, "A", "B", "C")
	s.keys["kms:B"] = ownSign.key("B", named("from the service"))
	r := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "retiring"})
	m := manifestOf(ownSign, 2, [3]string{"A", "active"}, [3]string{"B", "retiring"}, [3]string{"C", "pending"})
	m.Keys[1].Source = "kms:B"
	changed, err := r.Reload(t.Context(), m, 0, s.open)
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, []string{"kms:B", "file:C"}, s.asked)
	k, _ := r.Load().Lookup("B")
	assert.Equal(t, "from the service", k.Material.Info().Name)
}

func TestReloadRevisions(t *testing.T) {
	s := storeOf(ownSign, "A", "B")
	r := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "pending"})
	reload := func(revision uint64, keys ...[3]string) error {
		_, err := r.Reload(t.Context(), manifestOf(ownSign, revision, keys...), 0, s.open)
		return err
	}
	assert.ErrorIs(t, reload(0, [3]string{"A", "active"}), keyset.ErrStale)
	assert.ErrorIs(t, reload(1, [3]string{"A", "active"}), keyset.ErrConflict)
	assert.NoError(t, reload(1, [3]string{"A", "active"}, [3]string{"B", "pending"}))
	// Changes by methods do not count as revisions of the file.
	require.NoError(t, r.Acknowledge("B", "echo"))
	require.NoError(t, r.Promote("B"))
	assert.NoError(t, reload(2, [3]string{"B", "active"}, [3]string{"A", "active"}))
	assert.ErrorIs(t, reload(1, [3]string{"A", "active"}), keyset.ErrStale)
	k, _ := r.Load().Lookup("B")
	assert.Equal(t, "echo", k.Evidence, "evidence survives")
}

// Revocations take effect whatever else is wrong, and nothing undoes them.
func TestReloadRevokes(t *testing.T) {
	for name, tt := range map[string]struct {
		revision uint64
		keys     [][3]string
		err      error
		idle     time.Duration
	}{
		"alone":          {2, [][3]string{{"A", "active"}, {"B", "revoked"}}, nil, time.Hour},
		"outage":         {2, [][3]string{{"A", "active"}, {"B", "revoked"}, {"C", "pending"}}, keyset.ErrUnavailable, time.Hour},
		"broken rule":    {2, [][3]string{{"A", "retiring"}, {"B", "revoked"}}, nil, time.Hour},
		"stale":          {0, [][3]string{{"A", "active"}, {"B", "revoked"}}, nil, time.Hour},
		"same revision":  {1, [][3]string{{"A", "active"}, {"B", "revoked"}}, nil, time.Hour},
		"all of them":    {2, [][3]string{{"A", "revoked"}, {"B", "revoked"}}, nil, time.Hour},
		"and an unknown": {2, [][3]string{{"A", "active"}, {"B", "revoked"}, {"Z", "revoked"}}, nil, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := storeOf(ownSign, "A", "B", "C")
			r := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "active"})
			s.err = tt.err
			changed, err := r.Reload(t.Context(), manifestOf(ownSign, tt.revision, tt.keys...), tt.idle, s.open)
			assert.True(t, changed)
			if tt.err != nil {
				assert.ErrorIs(t, err, tt.err)
			}
			k, _ := r.Load().Lookup("B")
			assert.Equal(t, keyset.Revoked, k.State)

			// Whatever comes afterwards, it stays so.
			s.err = nil
			_, err = r.Reload(t.Context(), manifestOf(ownSign, 5, [3]string{"A", "active"}, [3]string{"B", "active", "echo"}), 0, s.open)
			if name != "all of them" {
				require.NoError(t, err)
			}
			_, _ = r.Reload(t.Context(), manifestOf(ownSign, 6, [3]string{"A", "active"}), 0, s.open)
			k, ok := r.Load().Lookup("B")
			require.True(t, ok)
			assert.Equal(t, keyset.Revoked, k.State)
			assert.NotContains(t, s.asked, "file:Z", "a revoked key is never opened")
		})
	}
}

func TestReloadErrors(t *testing.T) {
	s := storeOf(ownSign, "A", "B")
	r := loaded(t, ownSign, s, [3]string{"A", "active"})
	good := manifestOf(ownSign, 2, [3]string{"A", "active"}, [3]string{"B", "pending"})
	before := r.Load()
	s.keys["file:B"] = &fake{info: ownSign.key("B").info, test: func(context.Context) error { return errors.New("hsm says no") }}
	for name, f := range map[string]func() (bool, error){
		"no manifest":   func() (bool, error) { return r.Reload(t.Context(), nil, 0, s.open) },
		"no opener":     func() (bool, error) { return r.Reload(t.Context(), good, 0, nil) },
		"negative idle": func() (bool, error) { return r.Reload(t.Context(), good, -1, s.open) },
		"not a manifest": func() (bool, error) {
			return r.Reload(t.Context(), &keyset.Manifest{Version: 9}, 0, s.open)
		},
		"other half": func() (bool, error) {
			return r.Reload(t.Context(), manifestOf(peerVerify, 2, [3]string{"A", "active"}), 0, s.open)
		},
		"other format": func() (bool, error) {
			return r.Reload(t.Context(), manifestOf(ownCert, 2, [3]string{"A", "active"}), 0, s.open)
		},
		"self-test fails": func() (bool, error) { return r.Reload(t.Context(), good, 0, s.open) },
	} {
		changed, err := f()
		assert.Error(t, err, name)
		assert.False(t, changed, name)
		assert.Same(t, before, r.Load(), name)
	}
	_, err := r.Reload(t.Context(), good, 0, s.open)
	assert.ErrorContains(t, err, "key B")
	assert.ErrorContains(t, err, "hsm says no")
}

// A certificate that comes from a new source is merged with the one held.
func TestReloadMergesCertificates(t *testing.T) {
	cert := func(parts ...string) *certificate { return &certificate{ownCert.key("A"), "octets", parts} }
	s := &store{keys: map[string]keyset.Material{"file:A": cert("seal-1"), "file:A-2": cert("open-2"), "file:A-3": cert("seal-3")}}
	r := loaded(t, ownCert, s, [3]string{"A", "active", "echo"})
	m := manifestOf(ownCert, 2, [3]string{"A", "active"})
	m.Keys[0].Source = "file:A-2"
	_, err := r.Reload(t.Context(), m, 0, s.open)
	require.NoError(t, err)
	k, _ := r.Load().Lookup("A")
	assert.Equal(t, []string{"seal-1", "open-2"}, k.Material.(*certificate).parts)
	assert.Equal(t, "echo", k.Evidence)
	m = manifestOf(ownCert, 3, [3]string{"A", "active"})
	m.Keys[0].Source = "file:A-3"
	_, err = r.Reload(t.Context(), m, 0, s.open)
	require.NoError(t, err)
	k, _ = r.Load().Lookup("A")
	assert.Equal(t, []string{"seal-1", "open-2", "seal-3"}, k.Material.(*certificate).parts)
	assert.Empty(t, k.Evidence, "what was proven is not what seals now")
}

func TestReloadOfTheZeroRing(t *testing.T) {
	s := storeOf(ownSign, "A")
	var r keyset.Ring
	changed, err := r.Reload(t.Context(), manifestOf(ownSign, 7, [3]string{"A", "active"}), time.Hour, s.open)
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, "A active;", statesOf(r.Load()))
}

func TestReloadWhileOthersWrite(t *testing.T) {
	s := storeOf(ownSign, "A", "B")
	r := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "retiring"})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 50 {
				_, _ = r.Reload(t.Context(), manifestOf(ownSign, uint64(2+4*i+n), [3]string{"A", "active"}, [3]string{"B", "retiring"}), 0,
					func(context.Context, keyset.ManifestKey) (keyset.Material, error) {
						return nil, errors.New("never asked")
					})
				_ = r.Acknowledge("B", fmt.Sprint(n, i))
				assert.Equal(t, "A active;B retiring;", statesOf(r.Load()))
			}
		})
	}
	wg.Wait()
}

func TestGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		r := keyset.NewRing(newSet(t, 9,
			ownCert.in(keyset.Active, "A", valid(now.Add(-time.Hour), now.Add(time.Hour))),
			ownCert.in(keyset.Revoked, "B")))
		r.RecordSealed("A", now)
		r.RecordOpened("A", now)
		time.Sleep(time.Minute)
		got := map[string]float64{}
		for _, g := range r.Gauges(time.Now(), keyset.Requirements{Lead: 2 * time.Hour, Subkey: true}) {
			got[g.String()] = g.Value
		}
		assert.Equal(t, map[string]float64{
			`revision`:                             9,
			`key_state{id="A",label="active"}`:     1,
			`key_state{id="B",label="revoked"}`:    1,
			`key_expires_seconds{id="A"}`:          3540,
			`key_last_used_seconds{id="A"}`:        60,
			`key_sealed_total{id="A"}`:             1,
			`key_opened_total{id="A"}`:             1,
			`finding{id="A",label="expiring"}`:     1,
			`finding{id="A",label="no_successor"}`: 1,
			`finding{id="A",label="no_subkey"}`:    1,
		}, got)
	})
}
