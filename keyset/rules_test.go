package keyset_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// refusedOf returns the refusals of an outcome by key.
func refusedOf(o keyset.Outcome) map[keyset.ID]error {
	all := map[keyset.ID]error{}
	for _, r := range o.Refused {
		all[r.ID] = r.Err
	}
	return all
}

type list = [][3]string

// One gate: what is refused, no manifest brings about, in one step or in several,
// by a state, a bound, a use, or a copy.
func TestOneGate(t *testing.T) {
	const hour = time.Hour
	ended := func(id keyset.ID) func(*keyset.Manifest) {
		return func(m *keyset.Manifest) {
			for n := range m.Keys {
				if m.Keys[n].ID == id {
					m.Keys[n].NotAfter = time.Now().AddDate(-1, 0, 0)
				}
			}
		}
	}
	from := func(id keyset.ID, source string) func(*keyset.Manifest) {
		return func(m *keyset.Manifest) {
			for n := range m.Keys {
				if m.Keys[n].ID == id {
					m.Keys[n].Source = source
				}
			}
		}
	}
	use := func(u keyset.Use) func(*keyset.Info) { return func(i *keyset.Info) { i.Use = u } }
	for _, tt := range []struct {
		name    string
		role    role
		from    list
		to      []list // one manifest after the other
		edit    func(*keyset.Manifest)
		prepare func(*keyset.Ring, *store)
		want    map[keyset.ID]error
		after   string
	}{
		{name: "add", role: ownSign, from: list{{"A", "active"}}, to: []list{{{"A", "active"}, {"B", "pending"}}}, after: "A:active B:pending"},
		{name: "promote without evidence", role: ownSign, from: list{{"A", "active"}, {"B", "pending"}}, to: []list{{{"B", "active"}, {"A", "active"}}},
			want: map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "B:pending A:active"},
		{name: "evidence of one blank", role: peerEncrypt, from: list{{"A", "active"}, {"B", "pending"}}, to: []list{{{"B", "active", " "}, {"A", "active"}}},
			want: map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "B:pending A:active"},
		{name: "promote with evidence", role: ownSign, from: list{{"A", "active"}, {"B", "pending"}}, to: []list{{{"B", "active", "echo"}, {"A", "active"}}}, after: "B:active A:active"},
		{name: "promote with evidence of this process", role: ownSign, from: list{{"A", "active"}, {"B", "pending"}}, to: []list{{{"B", "active"}, {"A", "active"}}},
			prepare: func(r *keyset.Ring, _ *store) { _ = r.Acknowledge("B", "echo") }, after: "B:active A:active"},
		{name: "promote what only opens", role: ownDecrypt, from: list{{"A", "active"}, {"B", "pending"}}, to: []list{{{"B", "active"}, {"A", "active"}}}, after: "B:active A:active"},
		{name: "promote a certificate that has opened", role: ownCert, from: list{{"A", "active"}, {"B", "pending"}}, to: []list{{{"B", "active"}, {"A", "active"}}},
			prepare: func(r *keyset.Ring, _ *store) { r.RecordOpened("B", time.Now()) }, after: "B:active A:active"},
		{name: "promote a certificate that has opened unsigned", role: ownCert, from: list{{"A", "active"}, {"B", "pending"}}, to: []list{{{"B", "active"}, {"A", "active"}}},
			prepare: func(r *keyset.Ring, _ *store) { r.RecordUnsigned("B", time.Now()) },
			want:    map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "B:pending A:active"},
		{name: "promote by way of retiring", role: peerEncrypt, from: list{{"A", "active"}, {"B", "pending"}},
			to:   []list{{{"A", "active"}, {"B", "retiring"}}, {{"B", "active"}, {"A", "active"}}},
			want: map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "B:pending A:active"},
		{name: "enter as retiring, then promote", role: peerEncrypt, from: list{{"A", "active"}},
			to:   []list{{{"A", "active"}, {"B", "retiring"}}, {{"B", "active"}, {"A", "active"}}},
			want: map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "A:active"},
		{name: "remove a pending key, and enter it as active", role: peerEncrypt, from: list{{"A", "active"}, {"B", "pending"}},
			prepare: func(*keyset.Ring, *store) { time.Sleep(2 * hour) },
			to:      []list{{{"A", "active"}}, {{"B", "active"}, {"A", "active"}}},
			want:    map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "A:active"},
		{name: "remove an old key, and enter it again on its old evidence", role: peerEncrypt, from: list{{"A", "active"}, {"B", "retiring", "echo"}},
			to:   []list{{{"A", "active"}}, {{"B", "active", "echo"}, {"A", "active"}}},
			want: map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "A:active"},
		{name: "remove an old key, and enter it again on new evidence", role: peerEncrypt, from: list{{"A", "active"}, {"B", "retiring", "echo"}},
			to:    []list{{{"A", "active"}}, {{"B", "active", "another echo"}, {"A", "active"}}},
			after: "B:active A:active"},
		{name: "enter as active, having been away", role: ownSign, from: list{{"A", "active"}}, to: []list{{{"B", "active", "echo"}, {"A", "retiring"}}}, after: "B:active A:retiring"},
		{name: "promote again after retiring", role: ownSign, from: list{{"A", "active"}, {"B", "retiring"}}, to: []list{{{"B", "active"}, {"A", "active"}}}, after: "B:active A:active"},
		{name: "back to pending", role: ownSign, from: list{{"A", "active"}, {"B", "active"}}, to: []list{{{"A", "active"}, {"B", "pending"}}},
			want: map[keyset.ID]error{"B": keyset.ErrTransition}, after: "A:active B:active"},

		{name: "retire the last", role: ownSign, from: list{{"A", "active"}}, to: []list{{{"A", "retiring"}}},
			want: map[keyset.ID]error{"A": keyset.ErrLastActive}, after: "A:active"},
		{name: "retire both at once", role: ownSign, from: list{{"A", "active"}, {"B", "active"}}, to: []list{{{"A", "retiring"}, {"B", "retiring"}}},
			want: map[keyset.ID]error{"A": keyset.ErrLastActive, "B": keyset.ErrLastActive}, after: "A:active B:active"},
		{name: "end the last key that seals", role: ownSign, from: list{{"A", "active"}}, to: []list{{{"A", "active"}}}, edit: ended("A"),
			want: map[keyset.ID]error{"A": keyset.ErrLastActive}, after: "A:active"},
		{name: "end the last key to encrypt to", role: peerEncrypt, from: list{{"A", "active"}}, to: []list{{{"A", "active"}}}, edit: ended("A"),
			want: map[keyset.ID]error{"A": keyset.ErrLastActive}, after: "A:active"},
		{name: "end the last key that verifies", role: peerVerify, from: list{{"A", "active"}}, to: []list{{{"A", "active"}}}, edit: ended("A"),
			want: map[keyset.ID]error{"A": keyset.ErrLastOpener}, after: "A:active"},
		{name: "end a key that verifies and is busy", role: peerVerify, from: list{{"A", "active"}, {"B", "active"}}, to: []list{{{"A", "active"}, {"B", "active"}}}, edit: ended("B"),
			want: map[keyset.ID]error{"B": keyset.ErrBusy}, after: "A:active B:active"},
		{name: "end a key that decrypts, which validity does not stop", role: ownDecrypt, from: list{{"A", "active"}}, to: []list{{{"A", "active"}}}, edit: ended("A"), after: "A:active"},

		{name: "widen the use of an active key", role: peerVerify, from: list{{"A", "active"}}, to: []list{{{"A", "active"}}}, edit: from("A", "file:wide"),
			prepare: func(_ *keyset.Ring, s *store) { s.keys["file:wide"] = peerVerify.key("A", use(both)) },
			want:    map[keyset.ID]error{"A": keyset.ErrUnproven}, after: "A:active"},
		{name: "narrow the use of the last key that seals", role: role{"", keyset.JOSE, true, both, true, true}, from: list{{"A", "active"}}, to: []list{{{"A", "active"}}}, edit: from("A", "file:narrow"),
			prepare: func(_ *keyset.Ring, s *store) { s.keys["file:narrow"] = ownDecrypt.key("A") },
			want:    map[keyset.ID]error{"A": keyset.ErrLastActive}, after: "A:active"},

		{name: "remove what is busy", role: ownSign, from: list{{"A", "active"}, {"B", "retiring"}}, to: []list{{{"A", "active"}}},
			prepare: func(r *keyset.Ring, _ *store) { r.RecordSealed("B", time.Now()) },
			want:    map[keyset.ID]error{"B": keyset.ErrBusy}, after: "A:active B:retiring"},
		{name: "remove what is idle", role: ownSign, from: list{{"A", "active"}, {"B", "retiring"}}, to: []list{{{"A", "active"}}},
			prepare: func(*keyset.Ring, *store) { time.Sleep(2 * hour) }, after: "A:active"},
		{name: "remove what nobody replaced", role: ownDecrypt, from: list{{"A", "active"}, {"B", "retiring"}}, to: []list{{{"A", "active"}}},
			prepare: func(*keyset.Ring, *store) { time.Sleep(2 * hour) },
			want:    map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "A:active B:retiring"},
		{name: "remove what others replaced", role: ownDecrypt, from: list{{"A", "active"}, {"B", "retiring"}}, to: []list{{{"A", "active"}}},
			prepare: func(r *keyset.Ring, _ *store) { r.RecordOpened("A", time.Now()); time.Sleep(2 * hour) }, after: "A:active"},
		{name: "remove what others replaced unsigned", role: ownDecrypt, from: list{{"A", "active"}, {"B", "retiring"}}, to: []list{{{"A", "active"}}},
			prepare: func(r *keyset.Ring, _ *store) { r.RecordUnsigned("A", time.Now()); time.Sleep(2 * hour) },
			want:    map[keyset.ID]error{"B": keyset.ErrUnproven}, after: "A:active B:retiring"},
		{name: "remove what opens unsigned", role: ownDecrypt, from: list{{"A", "active"}, {"B", "retiring"}}, to: []list{{{"A", "active"}}},
			prepare: func(r *keyset.Ring, _ *store) {
				time.Sleep(2 * hour)
				r.RecordOpened("A", time.Now())
				r.RecordUnsigned("B", time.Now())
			},
			want: map[keyset.ID]error{"B": keyset.ErrBusy}, after: "A:active B:retiring"},
		{name: "replace the last opener", role: peerVerify, from: list{{"A", "active"}}, to: []list{{{"B", "pending"}}},
			prepare: func(*keyset.Ring, *store) { time.Sleep(2 * hour) },
			want:    map[keyset.ID]error{"A": keyset.ErrUnproven}, after: "B:pending A:active"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storeOf(tt.role, "A", "B", "C")
				ring := loaded(t, tt.role, s, tt.from...)
				if tt.prepare != nil {
					tt.prepare(ring, s)
				}
				var o keyset.Outcome
				var m *keyset.Manifest
				for n, to := range tt.to {
					if n > 0 {
						time.Sleep(2 * hour)
					}
					m = manifestOf(tt.role, uint64(n+2), to...)
					if tt.edit != nil {
						tt.edit(m)
					}
					if strings.HasPrefix(tt.name, "remove an old key") {
						ring.RecordOpened("A", time.Now())
						time.Sleep(2 * hour)
					}
					var err error
					o, err = ring.Reload(t.Context(), m, s.open, keyset.IdleFor(hour))
					require.NoError(t, err)
				}
				got := refusedOf(o)
				for id, want := range tt.want {
					assert.ErrorIs(t, got[id], want)
					assert.ErrorContains(t, got[id], "key "+string(id)+": ")
				}
				assert.Len(t, got, len(tt.want), "%v", o)
				assert.Equal(t, tt.after, states(ring.Load()))

				// Called again, it tries what was refused, and opens nothing else.
				s.asked = nil
				before := ring.Load()
				again, err := ring.Reload(t.Context(), m, s.open, keyset.IdleFor(hour))
				require.NoError(t, err)
				assert.False(t, again.Changed)
				assert.Equal(t, len(o.Refused), len(again.Refused))
				assert.Same(t, before, ring.Load())
				for _, source := range s.asked {
					id := keyset.ID(strings.TrimPrefix(source, "file:"))
					if _, ok := tt.want[id]; !ok {
						assert.Contains(t, []string{"file:wide", "file:narrow"}, source)
					}
				}
			})
		})
	}
}

// What is refused holds back itself and what relies on it, whatever the order of
// keys, and not the manifests that follow.
func TestRefusedMeansThatAlone(t *testing.T) {
	orders := []list{
		{{"A", "retiring"}, {"B", "active"}, {"C", "pending"}},
		{{"C", "pending"}, {"B", "active"}, {"A", "retiring"}},
		{{"B", "active"}, {"A", "retiring"}, {"C", "pending"}},
	}
	for _, to := range orders {
		s := storeOf(ownSign, "A", "B", "C", "D")
		ring := loaded(t, ownSign, s, list{{"A", "active"}, {"B", "pending"}}...)
		o, err := ring.Reload(t.Context(), manifestOf(ownSign, 2, to...), s.open)
		require.NoError(t, err)
		got := refusedOf(o)
		require.Len(t, got, 2)
		assert.ErrorIs(t, got["B"], keyset.ErrUnproven)
		assert.ErrorIs(t, got["A"], keyset.ErrLastActive)
		assert.ErrorContains(t, got["A"], "it relies on key B, of which the change was refused")
		assert.NotContains(t, got["B"].Error(), "relies")
		assert.Equal(t, keyset.Active, lookup(t, ring, "A").State)
		assert.Equal(t, keyset.Pending, lookup(t, ring, "B").State)
		assert.Equal(t, keyset.Pending, lookup(t, ring, "C").State, "C relies on nothing")

		o, err = ring.Reload(t.Context(), manifestOf(ownSign, 3, append(to, [3]string{"D", "pending"})...), s.open)
		require.NoError(t, err)
		assert.Len(t, o.Refused, 2)
		assert.Equal(t, keyset.Pending, lookup(t, ring, "D").State, "a later manifest follows")
		assert.EqualValues(t, 3, o.Revision)
	}
}

// A key that stays against the manifest may leave no room for one that enters.
func TestRefusedRemovalLeavesNoRoom(t *testing.T) {
	var before, after list
	for n := range keyset.MaxKeys {
		k := [3]string{fmt.Sprintf("K%d", n), "active"}
		before = append(before, k)
		if n != 0 {
			after = append(after, k)
		}
	}
	var ring keyset.Ring
	_, err := ring.Reload(t.Context(), manifestOf(ownDecrypt, 1, before...), ownDecrypt.open)
	require.NoError(t, err)
	after = append(after, [3]string{"NEW", "pending"})
	after[0][1] = "retiring"
	o, err := ring.Reload(t.Context(), manifestOf(ownDecrypt, 2, after...), ownDecrypt.open)
	require.NoError(t, err)
	got := refusedOf(o)
	assert.Len(t, got, 2)
	assert.ErrorIs(t, got["K0"], keyset.ErrBusy)
	assert.ErrorContains(t, got["NEW"], "there is no room for it")
	assert.Equal(t, keyset.Retiring, lookup(t, &ring, "K1").State, "the rest takes effect")
}

// The named steps ask the same table.
func TestStepsAskTheTable(t *testing.T) {
	ring := newRing(t, ownSign.in(keyset.Active, "A"), ownSign.in(keyset.Pending, "B"))
	for name, tt := range map[string]struct {
		err  error
		want error
		text string
	}{
		"retire what is pending":  {ring.Retire("B"), keyset.ErrTransition, "key B: from pending to retiring: it has not sealed yet; remove it"},
		"promote what is active":  {ring.Promote("A"), keyset.ErrTransition, "key A: it is active already"},
		"promote without proof":   {ring.Promote("B"), keyset.ErrUnproven, "key B: it has not been acknowledged; probe it"},
		"retire the last":         {ring.Retire("A"), keyset.ErrLastActive, "key A: promote its successor first"},
		"remove what is active":   {ring.RemoveUnchecked("A", "out of use"), keyset.ErrTransition, "key A: it is active, and only a pending or retiring key can be removed; retire it first"},
		"add what is there":       {ring.Add(t.Context(), ownSign.key("A"), ""), keyset.ErrDuplicate, "key A is active; a newer copy of it enters with Refresh"},
		"remove what is busy":     {ring.Remove("B", time.Hour), keyset.ErrBusy, "key B: it was not used since counting began at"},
		"an idle time of nothing": {ring.Remove("B", 0), nil, "RemoveUnchecked takes a reason instead"},
		"no reason":               {ring.RemoveUnchecked("B", " "), nil, "say why"},
		"the way out of busy":     {ring.Remove("B", time.Hour), keyset.ErrBusy, "remove it unchecked, with the reason"},
		"revoke what is not here": {ring.Revoke("Z"), keyset.ErrNotFound, ""},
	} {
		if tt.want != nil {
			assert.ErrorIs(t, tt.err, tt.want, name)
		}
		assert.ErrorContains(t, tt.err, tt.text, name)
	}
	wide := peerVerify.key("V", func(i *keyset.Info) { i.Use = both })
	peer := newRing(t, peerVerify.in(keyset.Active, "V"))
	assert.ErrorIs(t, peer.Refresh(t.Context(), wide, ""), keyset.ErrUnproven, "a widened use of an active key would seal at once")
	assert.Empty(t, sealing(peer.Load()))
	require.NoError(t, peer.Acknowledge("V", "they confirmed on the telephone"))
}

// The last key that seals stays, also while it waits for its time.
func TestTheLastThatWaitsStays(t *testing.T) {
	waiting := ownSign.in(keyset.Active, "A")
	waiting.NotBefore = time.Now().Add(time.Hour)
	ring := newRing(t, waiting)
	assert.ErrorIs(t, ring.Retire("A"), keyset.ErrLastActive)
}

// The end that a certificate of OpenPGP brings along may be a revocation by its owner, which
// nothing holds back. That of a JWK is a rotation like any other.
func TestEndOfANewCopy(t *testing.T) {
	ended := valid(time.Time{}, time.Now().Add(-time.Hour))
	assert.NoError(t, newRing(t, peerCert.in(keyset.Active, "A")).Refresh(t.Context(), peerCert.key("A", ended), ""))
	assert.ErrorIs(t, newRing(t, peerEncrypt.in(keyset.Active, "A")).Refresh(t.Context(), peerEncrypt.key("A", ended), ""), keyset.ErrLastActive)
}

// Whoever removes a key that no other has followed learns what the others did.
func TestWhatTheOthersDid(t *testing.T) {
	now := time.Now()
	used := keyset.Usage{Since: now.Add(-30 * day), Opened: 1, LastOpened: now.Add(-10 * day)}
	for text, others := range map[string]keyset.Usage{
		"since it last did, no other key has opened a message":                        {Since: used.Since},
		"since it last did, other keys have opened only messages without a signature": {Since: used.Since, Unsigned: 1, LastUnsigned: now.Add(-day)},
	} {
		s, err := usable(ownDecrypt, 1, [3]string{"old", "retiring"}, [3]string{"new", "active"}, [3]string{"newer", "active"}).Open(t.Context(), nil)
		require.NoError(t, err)
		ring := keyset.NewRing(s)
		require.NoError(t, ring.Merge(keyset.Report{Replica: "a", Made: now, Usage: map[keyset.ID]keyset.Usage{"old": used, "new": others, "newer": {Since: used.Since}}}))
		err = ring.Remove("old", 7*day)
		assert.ErrorIs(t, err, keyset.ErrUnproven)
		assert.ErrorContains(t, err, text)
	}
}
