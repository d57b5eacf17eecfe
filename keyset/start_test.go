package keyset_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A ring that starts asks the rules that need no history. It takes what they do not
// allow, for it has nothing else, and says so for as long as it is so.
func TestStartAsksTheTable(t *testing.T) {
	past, future := time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0)
	bounds := func(id keyset.ID, from, to time.Time) func(*keyset.Manifest) {
		return func(m *keyset.Manifest) {
			for n := range m.Keys {
				if m.Keys[n].ID == id {
					m.Keys[n].NotBefore, m.Keys[n].NotAfter = from, to
				}
			}
		}
	}
	var none time.Time
	for name, tt := range map[string]struct {
		role role
		keys list
		edit func(*keyset.Manifest)
		lost string
		want map[keyset.ID]error // nil for a file that is lost
		got  string
	}{
		"all is well":                             {ownCert, list{{"A", "active"}, {"B", "pending"}, {"C", "retiring"}}, nil, "", nil, "A:active B:pending C:retiring"},
		"nothing seals":                           {ownCert, list{{"A", "retiring"}, {"B", "pending"}}, nil, "", map[keyset.ID]error{"A": keyset.ErrLastActive}, "A:retiring B:pending"},
		"what seals has ended":                    {ownCert, list{{"A", "active"}}, bounds("A", none, past), "", map[keyset.ID]error{"A": keyset.ErrLastActive}, "A:active"},
		"what seals has not begun":                {ownSign, list{{"A", "active"}}, bounds("A", future, none), "", map[keyset.ID]error{"A": keyset.ErrLastActive}, "A:active"},
		"another seals":                           {ownSign, list{{"A", "active"}, {"B", "active"}}, bounds("A", none, past), "", nil, "A:active B:active"},
		"what verifies has ended":                 {peerVerify, list{{"A", "active"}}, bounds("A", none, past), "", map[keyset.ID]error{"A": keyset.ErrLastOpener}, "A:active"},
		"what verifies and retires has ended":     {peerVerify, list{{"A", "retiring"}}, bounds("A", none, past), "", map[keyset.ID]error{"A": keyset.ErrLastOpener}, "A:retiring"},
		"another verifies":                        {peerVerify, list{{"A", "active"}, {"B", "pending"}}, bounds("A", none, past), "", nil, "A:active B:pending"},
		"what decrypts has ended":                 {ownDecrypt, list{{"A", "active"}}, bounds("A", none, past), "", nil, "A:active"},
		"the first key waits":                     {peerCert, list{{"A", "pending"}}, nil, "", nil, "A:pending"},
		"all are revoked":                         {peerCert, list{{"A", "revoked"}}, nil, "", nil, "A:revoked"},
		"a pending key is lost":                   {ownSign, list{{"A", "active"}, {"B", "pending"}}, nil, "B", map[keyset.ID]error{"B": nil}, "A:active"},
		"a retiring key is lost":                  {ownSign, list{{"A", "active"}, {"B", "retiring"}}, nil, "B", map[keyset.ID]error{"B": nil}, "A:active"},
		"what seals is lost, and another opens":   {ownCert, list{{"A", "active"}, {"B", "retiring"}}, nil, "A", map[keyset.ID]error{"A": nil, "B": keyset.ErrLastActive}, "B:retiring"},
		"what seals is lost, and another waits":   {ownCert, list{{"A", "active"}, {"B", "pending"}}, nil, "A", map[keyset.ID]error{"A": nil}, "B:pending"},
		"one of two that seal is lost":            {ownSign, list{{"A", "active"}, {"B", "active"}}, nil, "A", map[keyset.ID]error{"A": nil}, "B:active"},
		"what opens is lost":                      {ownCert, list{{"A", "active"}}, nil, "A", map[keyset.ID]error{"A": nil}, ""},
		"nothing seals or opens":                  {ownSign, list{{"A", "retiring"}}, nil, "", map[keyset.ID]error{"A": keyset.ErrLastActive}, "A:retiring"},
		"nothing seals or opens, and one waits":   {ownSign, list{{"A", "retiring"}, {"B", "pending"}}, nil, "", map[keyset.ID]error{"A": keyset.ErrLastActive}, "A:retiring B:pending"},
		"nothing is left but one that cannot":     {ownSign, list{{"A", "active"}, {"B", "retiring"}}, nil, "A", map[keyset.ID]error{"A": nil, "B": keyset.ErrLastActive}, ""},
		"a partner's certificate ends, and opens": {peerCert, list{{"A", "active"}, {"B", "active"}}, bounds("B", none, past), "", nil, "A:active B:active"},
	} {
		t.Run(name, func(t *testing.T) {
			s := storeOf(tt.role, "A", "B", "C")
			lost := s.keys["file:"+tt.lost]
			delete(s.keys, "file:"+tt.lost)
			m := manifestOf(tt.role, 7, tt.keys...)
			if tt.edit != nil {
				tt.edit(m)
			}
			var ring keyset.Ring
			o, err := ring.Reload(t.Context(), m, s.open)
			if tt.got == "" {
				require.Error(t, err)
				for id, want := range tt.want {
					assert.ErrorContains(t, err, "key "+string(id)+": ")
					if want != nil {
						assert.ErrorIs(t, err, want)
					}
				}
				assert.Empty(t, states(ring.Load()), "the ring stays empty")
				return
			}
			require.NoError(t, err)
			check := func(o keyset.Outcome) {
				got := refusedOf(o)
				assert.Len(t, got, len(tt.want), "%v", o)
				for id, want := range tt.want {
					assert.ErrorContains(t, got[id], "key "+string(id)+": ")
					if want != nil {
						assert.ErrorIs(t, got[id], want)
						assert.ErrorContains(t, got[id], "a ring that starts takes it as it is")
					}
				}
			}
			check(o)
			assert.Equal(t, o.Refused, ring.Outcome().Refused)
			assert.Equal(t, tt.got, states(ring.Load()))

			// It stays so, and is told again.
			s.asked = nil
			o, err = ring.Reload(t.Context(), m, s.open)
			require.NoError(t, err)
			check(o)
			assert.False(t, o.Changed)
			for _, asked := range s.asked {
				assert.Equal(t, "file:"+tt.lost, asked, "what is held is not opened again")
			}
			if tt.lost == "" {
				return
			}

			// A file that is found again leads to where a start with it leads.
			s.keys["file:"+tt.lost] = lost
			next := *m
			next.Revision++
			for n, m := range []*keyset.Manifest{m, &next} {
				running := &ring
				if n == 1 {
					running = new(keyset.Ring)
					delete(s.keys, "file:"+tt.lost)
					_, err = running.Reload(t.Context(), m, s.open)
					require.NoError(t, err)
					s.keys["file:"+tt.lost] = lost
				}
				o, err = running.Reload(t.Context(), m, s.open)
				require.NoError(t, err)
				assert.Empty(t, o.Refused)
				assert.Equal(t, states(newSetOf(t, m, s)), states(running.Load()))
			}
		})
	}
}

func newSetOf(t *testing.T, m *keyset.Manifest, s *store) *keyset.Set {
	set, err := m.Open(t.Context(), s.open)
	require.NoError(t, err)
	return set
}

// A start is trusted for what it says, and for no more: a key that was pending in it,
// or that has been removed since, is asked for evidence as any other.
func TestStartIsNoDetour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storeOf(peerEncrypt, "A", "B", "C")
		b := s.keys["file:B"]
		delete(s.keys, "file:B")
		var ring keyset.Ring
		_, err := ring.Reload(t.Context(), manifestOf(peerEncrypt, 1, list{{"A", "active"}, {"B", "pending"}, {"C", "active"}}...), s.open)
		require.NoError(t, err)
		s.keys["file:B"] = b
		o, err := ring.Reload(t.Context(), manifestOf(peerEncrypt, 2, list{{"A", "active"}, {"B", "active"}, {"C", "active"}}...), s.open)
		require.NoError(t, err)
		assert.ErrorIs(t, refusedOf(o)["B"], keyset.ErrUnproven)
		time.Sleep(time.Hour)
		o, err = ring.Reload(t.Context(), manifestOf(peerEncrypt, 3, list{{"A", "active"}}...), s.open, keyset.IdleFor(time.Minute))
		require.NoError(t, err)
		require.Empty(t, o.Refused)
		o, err = ring.Reload(t.Context(), manifestOf(peerEncrypt, 4, list{{"A", "active"}, {"C", "active"}}...), s.open)
		require.NoError(t, err)
		assert.ErrorIs(t, refusedOf(o)["C"], keyset.ErrUnproven)

		// What this process revoked stays revoked, whatever the start said.
		var own keyset.Ring
		m := manifestOf(ownSign, 1, list{{"A", "retiring"}, {"B", "active"}, {"C", "active"}}...)
		m.Keys[1].NotAfter, m.Keys[2].NotAfter = time.Now().Add(-time.Hour), time.Now().Add(-time.Hour)
		o, err = own.Reload(t.Context(), m, storeOf(ownSign, "A", "B", "C").open)
		require.NoError(t, err)
		require.Len(t, o.Refused, 3)
		require.NoError(t, own.Revoke("B"))
		o, err = own.Reload(t.Context(), m, storeOf(ownSign, "A", "B", "C").open)
		require.NoError(t, err)
		assert.ErrorIs(t, refusedOf(o)["B"], keyset.ErrTransition)
		assert.Equal(t, keyset.Revoked, lookup(t, &own, "B").State)
	})
}
