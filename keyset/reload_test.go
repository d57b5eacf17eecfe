package keyset_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// A renewal in place reaches a running ring: the same key, the same file, a later
// end or a new part. A ring that was just started has the same.
func TestReloadTakesRenewedCopies(t *testing.T) {
	end := time.Now().Add(time.Hour).UTC().Round(time.Second)
	old := func(id keyset.ID) keyset.Material { return peerEncrypt.key(id, valid(time.Time{}, end)) }
	renewed := func(id keyset.ID) keyset.Material {
		return peerEncrypt.key(id, valid(time.Time{}, end.AddDate(1, 0, 0)))
	}
	for name, tt := range map[string]struct {
		old, renewed keyset.Material
		digests      [2]string
		want         error
	}{
		"without digests":     {old("A"), renewed("A"), [2]string{}, nil},
		"with digests":        {&copied{fake: old("A").(*fake), digest: digestOf("1")}, &copied{fake: renewed("A").(*fake), digest: digestOf("2")}, [2]string{digestOf("1"), digestOf("2")}, nil},
		"a swapped file":      {&copied{fake: old("A").(*fake), digest: digestOf("1")}, &copied{fake: renewed("A").(*fake), digest: digestOf("3")}, [2]string{digestOf("1"), digestOf("2")}, keyset.ErrOtherCopy},
		"lacks a revocation":  {&copied{fake: old("A").(*fake), digest: digestOf("1")}, &copied{renewed("A").(*fake), digestOf("2"), []string{"a revocation of subkey S"}}, [2]string{digestOf("1"), digestOf("2")}, keyset.ErrIncomplete},
		"cannot be read":      {old("A"), nil, [2]string{}, keyset.ErrUnavailable},
		"is another key":      {old("A"), renewed("B"), [2]string{}, keyset.ErrOtherCopy},
		"cannot be digested":  {&copied{fake: old("A").(*fake), digest: digestOf("1")}, renewed("A"), [2]string{digestOf("1"), digestOf("2")}, keyset.ErrOtherCopy},
		"nothing is returned": {old("A"), (*fake)(nil), [2]string{}, keyset.ErrOtherCopy},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{keys: map[string]keyset.Material{"file:A": tt.old}}
			var ring keyset.Ring
			m := manifestOf(peerEncrypt, 1, [3]string{"A", "active"})
			m.Keys[0].Digest = tt.digests[0]
			_, err := ring.Reload(t.Context(), m, s.open)
			require.NoError(t, err)
			ring.RecordSealed("A", time.Now())

			m = manifestOf(peerEncrypt, 2, [3]string{"A", "active"})
			m.Keys[0].Digest, m.Keys[0].Note = tt.digests[1], "renewed"
			s.keys["file:A"] = tt.renewed
			if tt.renewed == nil {
				s.err = fmt.Errorf("mount: %w", keyset.ErrUnavailable)
			}
			o, err := ring.Reload(t.Context(), m, s.open)
			require.NoError(t, err)
			k := lookup(t, &ring, "A")
			_, got := k.Bounds()
			assert.Equal(t, "renewed", k.Note, "what else the manifest says takes effect")
			if tt.want != nil {
				refusal := refusedOf(o)["A"]
				require.Error(t, refusal)
				if tt.want != keyset.ErrOtherCopy || name == "a swapped file" {
					assert.ErrorIs(t, refusal, tt.want)
				}
				if name == "lacks a revocation" {
					assert.ErrorContains(t, refusal, "key A: the new copy lacks a revocation of subkey S")
				}
				assert.Equal(t, end, got, "the copy that is held stays")
				assert.Equal(t, []keyset.ID{"A"}, sealing(ring.Load()))
				return
			}
			require.Empty(t, o.Refused)
			assert.Equal(t, end.AddDate(1, 0, 0), got)
			u, _ := ring.Usage("A")
			assert.EqualValues(t, 1, u.Sealed)

			var fresh keyset.Ring
			_, err = fresh.Reload(t.Context(), m, s.open)
			require.NoError(t, err)
			_, restarted := lookup(t, &fresh, "A").Bounds()
			assert.Equal(t, restarted, got)
		})
	}
}

// A refusal tells every rule that the change breaks: whoever mends one is not surprised by the
// next.
func TestEveryRuleThatIsBrokenIsTold(t *testing.T) {
	now := time.Now()
	held := &copied{fake: peerEncrypt.key("A", valid(time.Time{}, now.Add(time.Hour))), digest: digestOf("1")}
	s := &store{keys: map[string]keyset.Material{"file:A": held}}
	var ring keyset.Ring
	m := manifestOf(peerEncrypt, 1, [3]string{"A", "active"})
	m.Keys[0].Digest = digestOf("1")
	_, err := ring.Reload(t.Context(), m, s.open)
	require.NoError(t, err)

	s.keys["file:A"] = &copied{peerEncrypt.key("A", valid(time.Time{}, now.Add(-time.Hour))), digestOf("2"), []string{"a subkey"}}
	m = manifestOf(peerEncrypt, 2, [3]string{"A", "active"})
	m.Keys[0].Digest, m.Keys[0].NotAfter = digestOf("2"), now.Add(-time.Minute)
	o, err := ring.Reload(t.Context(), m, s.open)
	require.NoError(t, err)
	refusal := refusedOf(o)["A"]
	assert.ErrorIs(t, refusal, keyset.ErrIncomplete)
	assert.ErrorIs(t, refusal, keyset.ErrLastActive)
}

// What cannot be is all that is told: to mend the rest would not make it possible.
func TestOfWhatCannotBeNothingElseIsTold(t *testing.T) {
	s := storeOf(peerEncrypt, "A")
	var ring keyset.Ring
	_, err := ring.Reload(t.Context(), manifestOf(peerEncrypt, 1, [3]string{"A", "active"}), s.open)
	require.NoError(t, err)
	o, err := ring.Reload(t.Context(), manifestOf(peerEncrypt, 2, [3]string{"A", "pending"}), s.open)
	require.NoError(t, err)
	refusal := refusedOf(o)["A"]
	assert.ErrorIs(t, refusal, keyset.ErrTransition)
	assert.NotErrorIs(t, refusal, keyset.ErrLastActive)
}

// A manifest that says which copy it means opens only what is not held.
func TestReloadOpensWhatChanged(t *testing.T) {
	s := storeOf(ownSign, "A", "B", "C")
	for _, id := range []string{"A", "B"} {
		s.keys["file:"+id] = &copied{fake: ownSign.key(keyset.ID(id)), digest: digestOf("1")}
	}
	ring := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "retiring"})
	s.keys["kms:B"] = s.keys["file:B"]
	m := manifestOf(ownSign, 2, [3]string{"A", "active"}, [3]string{"B", "retiring"}, [3]string{"C", "pending"})
	m.Keys[0].Digest, m.Keys[1].Digest, m.Keys[1].Source = digestOf("1"), digestOf("1"), "kms:B"
	o, err := ring.Reload(t.Context(), m, s.open)
	require.NoError(t, err)
	assert.Empty(t, o.Refused)
	assert.Equal(t, []string{"kms:B", "file:C"}, s.asked)
	assert.Equal(t, digestOf("1"), ring.Load().Manifest().Keys[0].Digest)
}

// The name in the manifest is the kid on the wire: a new one takes effect.
func TestReloadTakesNames(t *testing.T) {
	var ring keyset.Ring
	for n, name := range []string{"", "partner-2026", "partner-2027"} {
		m := manifestOf(peerEncrypt, uint64(n+1), [3]string{"A", "active"})
		m.Keys[0].Name = name
		_, err := ring.Reload(t.Context(), m, peerEncrypt.open)
		require.NoError(t, err)
		assert.Equal(t, name, lookup(t, &ring, "A").Material.Info().Name)
		assert.Equal(t, name, ring.Load().Manifest().Keys[0].Name)
	}
}

func TestReloadRevisions(t *testing.T) {
	s := storeOf(ownSign, "A", "B")
	r := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "pending"})
	reload := func(revision uint64, keys ...[3]string) error {
		_, err := r.Reload(t.Context(), manifestOf(ownSign, revision, keys...), s.open)
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
	assert.Equal(t, "echo", k.Evidence, "what this process was told survives")
	assert.NoError(t, reload(3, [3]string{"B", "active", "mail"}, [3]string{"A", "active"}))
	assert.NoError(t, reload(4, [3]string{"B", "active"}, [3]string{"A", "active"}))
	assert.Empty(t, lookup(t, r, "B").Evidence, "what the manifest said is as it says now")
}

// Evidence of a change that was refused is not taken for what this process was told:
// found by TestRunningEqualsRestarted.
func TestEvidenceOfARefusedChange(t *testing.T) {
	var running, fresh keyset.Ring
	for n, keys := range []list{{{"A", "active", "echo"}}, {{"A", "pending", ""}}, {{"A", "active", ""}}} {
		m := manifestOf(peerCert, uint64(n+1), keys...)
		o, err := running.Reload(t.Context(), m, peerCert.open)
		require.NoError(t, err)
		assert.Equal(t, n == 1, len(o.Refused) == 1)
		if n == 2 {
			_, err = fresh.Reload(t.Context(), m, peerCert.open)
			require.NoError(t, err)
		}
	}
	assert.Equal(t, lookup(t, &fresh, "A").Evidence, lookup(t, &running, "A").Evidence)
	assert.Empty(t, lookup(t, &running, "A").Evidence)
}

// Revocations take effect whatever else is wrong.
func TestRevocationsFirst(t *testing.T) {
	fill := func(m *keyset.Manifest) {
		for n := range keyset.MaxKeys + 1 {
			m.Keys = append(m.Keys, keyset.ManifestKey{ID: keyset.ID(fmt.Sprint("N", n)), State: keyset.Pending})
		}
	}
	for name, tt := range map[string]struct {
		revision uint64
		keys     list
		edit     func(*keyset.Manifest)
		outage   bool
		fails    bool
		stays    bool // A is not revoked
	}{
		"alone":         {2, list{{"A", "revoked"}, {"B", "active"}}, nil, false, false, false},
		"in an outage":  {2, list{{"A", "revoked"}, {"B", "active"}, {"C", "pending"}}, nil, true, false, false},
		"too many keys": {2, list{{"A", "revoked"}, {"B", "active"}}, fill, false, true, false},
		"a reversed bound": {2, list{{"A", "revoked"}, {"B", "active"}}, func(m *keyset.Manifest) {
			m.Keys[1].NotBefore, m.Keys[1].NotAfter = time.Now(), time.Now().Add(-time.Hour)
		}, false, true, false},
		"another version":   {2, list{{"A", "revoked"}, {"B", "active"}}, func(m *keyset.Manifest) { m.Version = 9 }, false, true, false},
		"stale":             {0, list{{"A", "revoked"}, {"B", "active"}}, nil, false, true, false},
		"the same revision": {1, list{{"A", "revoked"}, {"B", "active"}}, nil, false, true, false},
		"all of them":       {2, list{{"A", "revoked"}, {"B", "revoked"}}, nil, false, false, false},
		"one that we lack":  {2, list{{"A", "revoked"}, {"B", "active"}, {"Z", "revoked"}}, nil, false, false, false},
		"listed twice":      {2, list{{"A", "revoked"}, {"A", "active"}, {"B", "active"}}, nil, false, true, true},
		"of another format": {2, list{{"A", "revoked"}, {"B", "active"}}, func(m *keyset.Manifest) { m.Format = keyset.OpenPGP }, false, true, true},
		"of the other half": {2, list{{"A", "revoked"}, {"B", "active"}}, func(m *keyset.Manifest) { m.Private = false }, false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := storeOf(ownSign, "A", "B", "C")
			ring := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "active"})
			m := manifestOf(ownSign, tt.revision, tt.keys...)
			if tt.edit != nil {
				tt.edit(m)
			}
			if tt.outage {
				s.err = keyset.ErrUnavailable
			}
			o, err := ring.Reload(t.Context(), m, s.open)
			assert.Equal(t, tt.fails, err != nil, "%v", err)
			if tt.stays {
				assert.Empty(t, o.Revoked)
				assert.Equal(t, keyset.Active, lookup(t, ring, "A").State)
				return
			}
			assert.Contains(t, o.Revoked, keyset.ID("A"))
			assert.True(t, o.Changed)
			assert.Equal(t, keyset.Revoked, lookup(t, ring, "A").State)

			// Whatever comes afterwards, it stays so, and says so.
			s.err = nil
			for n, later := range []list{{{"A", "active", "echo"}, {"B", "active"}}, {{"B", "active"}}} {
				o, err = ring.Reload(t.Context(), manifestOf(ownSign, uint64(5+n), later...), s.open)
				require.NoError(t, err)
				assert.ErrorIs(t, refusedOf(o)["A"], keyset.ErrTransition)
				assert.Equal(t, keyset.Revoked, lookup(t, ring, "A").State)
			}
			assert.NotContains(t, s.asked, "file:Z", "a revoked key is never opened")
		})
	}
}

// Fingerprints are written in several ways, and mean one key. Thumbprints are not.
func TestIDsInManifests(t *testing.T) {
	const id = "AB12CD34EF56AB12CD34EF56AB12CD34EF56AB12"
	for _, spelled := range []string{strings.ToLower(id), "0x" + id, "0x" + strings.ToLower(id), "AB12 CD34 EF56 AB12 CD34  EF56 AB12 CD34 EF56 AB12"} {
		ring := newRing(t, peerCert.in(keyset.Active, id), peerCert.in(keyset.Active, "B"))
		m := manifestOf(peerCert, 2, list{{spelled, "revoked"}, {"B", "active"}}...)
		o, err := ring.Reload(t.Context(), m, peerCert.open)
		require.NoError(t, err)
		assert.Equal(t, []keyset.ID{id}, o.Revoked, spelled)
		assert.Equal(t, keyset.ID(spelled), m.Keys[0].ID, "the manifest of the caller stays as it is")

		ring = newRing(t, peerCert.in(keyset.Active, id), peerCert.in(keyset.Active, "B"))
		assert.Equal(t, []keyset.ID{id}, ring.RevokeAll(keyset.ID(spelled)), "in an emergency too")
		read, err := keyset.ReadManifest(strings.NewReader(strings.Replace(`{"version":1,"revision":1,"format":"openpgp","private":false,"keys":[{"id":"X","state":"active"}]}`, "X", spelled, 1)))
		require.NoError(t, err)
		assert.Equal(t, keyset.ID(id), read.Keys[0].ID)
	}
	for _, part := range []string{id[:8], "0x" + id[24:], strings.ToLower(id[:39])} {
		_, err := keyset.ReadManifest(strings.NewReader(strings.Replace(`{"version":1,"revision":1,"format":"openpgp","private":false,"keys":[{"id":"X","state":"revoked"}]}`, "X", part, 1)))
		assert.ErrorContains(t, err, "a part of a fingerprint", "it would revoke nobody")
	}
	lower := strings.ToLower(id)
	ring := newRing(t, peerVerify.in(keyset.Active, id), peerVerify.in(keyset.Active, keyset.ID(lower)))
	assert.Equal(t, []keyset.ID{keyset.ID(lower)}, ring.RevokeAll(keyset.ID(lower)))
	assert.Equal(t, keyset.Active, lookup(t, ring, id).State)
}

func TestReloadErrors(t *testing.T) {
	s := storeOf(ownSign, "A", "B")
	r := loaded(t, ownSign, s, [3]string{"A", "active"})
	good := manifestOf(ownSign, 2, [3]string{"A", "active"}, [3]string{"B", "pending"})
	before := r.Load()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range map[string]func() (keyset.Outcome, error){
		"no manifest":   func() (keyset.Outcome, error) { return r.Reload(t.Context(), nil, s.open) },
		"no opener":     func() (keyset.Outcome, error) { return r.Reload(t.Context(), good, nil) },
		"no idle time":  func() (keyset.Outcome, error) { return r.Reload(t.Context(), good, s.open, keyset.IdleFor(0)) },
		"negative idle": func() (keyset.Outcome, error) { return r.Reload(t.Context(), good, s.open, keyset.IdleFor(-1)) },
		"not a manifest": func() (keyset.Outcome, error) {
			return r.Reload(t.Context(), &keyset.Manifest{Version: 9, Format: keyset.JOSE, Private: true}, s.open)
		},
		"other half": func() (keyset.Outcome, error) {
			return r.Reload(t.Context(), manifestOf(peerVerify, 2, [3]string{"A", "active"}), s.open)
		},
		"other format": func() (keyset.Outcome, error) {
			return r.Reload(t.Context(), manifestOf(ownCert, 2, [3]string{"A", "active"}), s.open)
		},
		"ended": func() (keyset.Outcome, error) { return r.Reload(ended, good, s.open) },
	} {
		o, err := f()
		assert.Error(t, err, name)
		assert.False(t, o.Changed, name)
		assert.Same(t, before, r.Load(), name)
	}
	s.keys["file:B"] = &fake{info: ownSign.key("B").info, test: func(context.Context) error { return errors.New("hsm says no") }}
	o, err := r.Reload(t.Context(), good, s.open)
	require.NoError(t, err)
	assert.ErrorContains(t, o.Err(), "key B")
	assert.ErrorContains(t, o.Err(), "hsm says no")
}

func TestReloadWhileOthersWrite(t *testing.T) {
	s := storeOf(ownSign, "A", "B")
	for source, m := range s.keys {
		s.keys[source] = &copied{fake: m.(*fake), digest: digestOf("1")}
	}
	r := loaded(t, ownSign, s, [3]string{"A", "active"}, [3]string{"B", "retiring"})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 50 {
				m := manifestOf(ownSign, uint64(2+4*i+n), [3]string{"A", "active"}, [3]string{"B", "retiring"})
				m.Keys[0].Digest, m.Keys[1].Digest = digestOf("1"), digestOf("1")
				_, _ = r.Reload(t.Context(), m, func(context.Context, keyset.ManifestKey) (keyset.Material, error) {
					return nil, errors.New("never asked")
				})
				_ = r.Acknowledge("B", fmt.Sprint(n, i))
				assert.Equal(t, "A active;B retiring;", statesOf(r.Load()))
			}
		})
	}
	wg.Wait()
}

func TestOutcomeText(t *testing.T) {
	o := keyset.Outcome{Revision: 4, Revoked: []keyset.ID{"R"}, Refused: []keyset.Refusal{{ID: "A", Err: fmt.Errorf("%w: key A: because", keyset.ErrBusy)}}}
	assert.Equal(t, "revision 4, unchanged, revoked R, 1 refused\nrefused: keyset: key still in use: key A: because", o.String())
	assert.ErrorIs(t, o.Err(), keyset.ErrBusy)
	assert.NoError(t, keyset.Outcome{}.Err())
	assert.Contains(t, o.LogValue().String(), "key A: because")
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
			`key_unsigned_total{id="A"}`:           0,
			`finding{id="A",label="expiring"}`:     1,
			`finding{id="A",label="no_successor"}`: 1,
			`finding{id="A",label="no_subkey"}`:    1,
		}, got)
	})
}
