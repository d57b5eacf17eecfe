package keyset_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

func many(n int, state keyset.State) []keyset.Key {
	var keys []keyset.Key
	for i := range n {
		keys = append(keys, ownCert.in(state, keyset.ID(fmt.Sprintf("%v-%02d", state, i))))
	}
	return keys
}

func TestNewErrors(t *testing.T) {
	now := time.Now()
	reversed := ownCert.in(keyset.Active, "A")
	reversed.NotBefore, reversed.NotAfter = now, now.Add(-1)
	var nobody *fake
	tests := []struct {
		name string
		keys []keyset.Key
		want []string
	}{
		{"no keys", nil, []string{"at least one key"}},
		{"too many keys", many(keyset.MaxKeys+1, keyset.Pending), []string{"17 keys"}},
		{"no material", []keyset.Key{{State: keyset.Active}}, []string{"key number 1 has no material"}},
		{"nil pointer", []keyset.Key{{Material: nobody, State: keyset.Active}}, []string{"key number 1 has no material"}},
		{"no ID", []keyset.Key{ownCert.in(keyset.Active, "")}, []string{"empty or not printable"}},
		{"ID with a line break", []keyset.Key{ownCert.in(keyset.Active, "A\nB")}, []string{`"A\nB" is empty or not printable`}},
		{"ID with a space", []keyset.Key{ownCert.in(keyset.Active, "A B")}, []string{"not printable"}},
		{"no format", []keyset.Key{(role{}).in(keyset.Active, "A")}, []string{"key A has no format"}},
		{"no state", []keyset.Key{ownCert.in(0, "A")}, []string{"key A has an invalid state 0"}},
		{"unknown state", []keyset.Key{ownCert.in(5, "A")}, []string{"key A has an invalid state 5"}},
		{"reversed bounds", []keyset.Key{reversed}, []string{"key A ends at"}},
		{"same ID", []keyset.Key{ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "A")}, []string{"already present: key A"}},
		{"same ID, revoked", []keyset.Key{ownCert.in(keyset.Revoked, "A"), ownCert.in(keyset.Pending, "A")}, []string{"already present: key A is revoked"}},
		{"mixed formats", []keyset.Key{ownCert.in(keyset.Active, "A"), ownSign.in(keyset.Active, "B")}, []string{"key B is for jose, and key A for openpgp"}},
		{"mixed halves", []keyset.Key{ownCert.in(keyset.Active, "A"), peerCert.in(keyset.Active, "B")}, []string{"key B is public, and key A is private"}},
		{"tombstone in use", []keyset.Key{ownCert.in(keyset.Active, "A"), {Material: keyset.Tombstone(ownCert.key("B").info), State: keyset.Active}}, []string{"tombstone that is not revoked"}},
		{"everything at once", []keyset.Key{
			reversed, {}, ownSign.in(0, "A"), peerCert.in(keyset.Active, "C D"),
		}, []string{"key number 2 has no material", "key A ends at", "key A is for jose", "key A has an invalid state", "already present: key A", `"C D"`, "key C D is public"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := keyset.New(1, tt.keys...)
			require.Error(t, err)
			assert.Nil(t, s)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
	_, err := keyset.New(1, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Active, "A"))
	assert.ErrorIs(t, err, keyset.ErrDuplicate)
}

func TestNewAccepts(t *testing.T) {
	at := time.Now()
	instant := ownCert.in(keyset.Active, "A")
	instant.NotBefore, instant.NotAfter = at, at
	useless := ownCert.in(keyset.Active, "A", func(i *keyset.Info) { i.Use = 0 })
	for name, keys := range map[string][]keyset.Key{
		"as many as allowed":                many(keyset.MaxKeys, keyset.Active),
		"more, but revoked":                 append(many(keyset.MaxKeys, keyset.Active), many(40, keyset.Revoked)...),
		"valid for an instant":              {instant},
		"of no use":                         {useless},
		"only revoked":                      many(2, keyset.Revoked),
		"a revoked tombstone among keys":    {ownCert.in(keyset.Active, "A"), {Material: keyset.Tombstone(ownCert.key("B").info), State: keyset.Revoked}},
		"nothing but tombstones, to edit":   {{Material: keyset.Tombstone(ownCert.key("A").info), State: keyset.Active}, {Material: keyset.Tombstone(ownCert.key("B").info), State: keyset.Pending}},
		"nothing but tombstones, one ended": {{Material: keyset.Tombstone(ownCert.key("A").info), State: keyset.Active}, {Material: keyset.Tombstone(ownCert.key("B").info), State: keyset.Revoked}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := keyset.New(7, keys...)
			require.NoError(t, err)
			assert.Equal(t, len(keys), len(slices.Collect(s.All())))
			assert.EqualValues(t, 7, s.Revision())
			assert.Equal(t, keyset.OpenPGP, s.Format())
			assert.True(t, s.Private())
			assert.Same(t, s, s.Load())
		})
	}
}

func TestNewCopiesTheKeys(t *testing.T) {
	keys := many(2, keyset.Active)
	s := newSet(t, 1, keys...)
	keys[0].State = keyset.Revoked
	keys[1] = keyset.Key{}
	assert.Equal(t, "active-00:active active-01:active", states(s))
}

func TestPublic(t *testing.T) {
	a := ownCert.in(keyset.Active, "A", named("Example Bank 2027"))
	a.Source, a.Note, a.Evidence = "file:a", "a note", "an echo"
	a.NotAfter = time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	s := newSet(t, 5, a, ownCert.in(keyset.Revoked, "R"), ownCert.in(keyset.Retiring, "B"))
	p := s.Public()
	assert.Equal(t, "A:active B:retiring", states(p))
	assert.False(t, p.Private())
	assert.Equal(t, keyset.OpenPGP, p.Format())
	assert.EqualValues(t, 5, p.Revision())
	k := lookup(t, p, "A")
	assert.False(t, k.Material.Info().Private)
	assert.Empty(t, k.Material.(*fake).Secret)
	assert.Empty(t, k.Source+k.Note+k.Evidence)
	assert.Equal(t, a.NotAfter, k.NotAfter)
	assert.Equal(t, "Example Bank 2027", k.Material.Info().Name)
	assert.Equal(t, "file:a", lookup(t, s, "A").Source, "the receiver stays as it is")

	again := p.Public()
	assert.Equal(t, states(p), states(again))
	assert.Same(t, k.Material, lookup(t, again, "A").Material)
	assert.Empty(t, states(newSet(t, 1, many(2, keyset.Revoked)...).Public()))

	edited := newSet(t, 1, keyset.Key{Material: keyset.Tombstone(ownCert.key("A").info), State: keyset.Active}).Public()
	assert.False(t, edited.Private())
	assert.Same(t, lookup(t, edited, "A").Material, lookup(t, edited.Public(), "A").Material)
}

// TestPublicWithholdsSecrets is about an implementation of Public that is wrong.
func TestPublicWithholdsSecrets(t *testing.T) {
	s := newSet(t, 1, keyset.Key{Material: leaky{ownCert.key("A")}, State: keyset.Active}, ownCert.in(keyset.Active, "B"))
	assert.Equal(t, "B:active", states(s.Public()))
}

type leaky struct{ *fake }

func (l leaky) Public() keyset.Material { return l }

func TestTombstone(t *testing.T) {
	i := ownCert.key("A").info
	m := keyset.Tombstone(i)
	assert.Equal(t, i, m.Info())
	assert.Error(t, m.SelfTest(t.Context()))
	assert.False(t, m.Public().Info().Private)
}

// TestInfoIsReadOnce: a set must not change because its material does.
func TestInfoIsReadOnce(t *testing.T) {
	m := ownCert.key("A")
	s := newSet(t, 1, keyset.Key{Material: m, State: keyset.Active})
	m.info.Use, m.info.ID = 0, "B"
	assert.Len(t, sealing(s), 1)
	_, ok := s.Lookup("A")
	assert.True(t, ok)
}

func TestZeroValues(t *testing.T) {
	var s keyset.Set
	assert.Empty(t, states(&s))
	assert.Empty(t, sealing(&s))
	assert.Empty(t, opening(&s))
	assert.Zero(t, s.Revision())
	assert.Empty(t, s.Format())
	_, ok := s.Lookup("A")
	assert.False(t, ok)
	_, err := s.Find("A")
	assert.ErrorIs(t, err, keyset.ErrNotFound)
	assert.Empty(t, states(s.Public()))

	var k keyset.Key
	assert.Empty(t, k.ID())
	assert.Equal(t, " (invalid state 0)", k.String())
	assert.True(t, k.ValidAt(time.Now()))
	assert.NotPanics(t, func() { k.LogValue() })

	var r keyset.Ring
	require.NotNil(t, r.Load())
	assert.Empty(t, states(r.Load()))
	assert.ErrorIs(t, r.Promote("A"), keyset.ErrNotFound)
	assert.ErrorIs(t, r.Retire("A"), keyset.ErrNotFound)
	assert.ErrorIs(t, r.Revoke("A"), keyset.ErrNotFound)
	assert.ErrorIs(t, r.RemoveUnchecked("A", "out of use"), keyset.ErrNotFound)
	assert.ErrorIs(t, r.Acknowledge("A", "x"), keyset.ErrNotFound)
	assert.Empty(t, r.RevokeAll("A"))
	assert.Empty(t, r.Usages())
	assert.Zero(t, r.Outcome())
	assert.ErrorIs(t, r.Refresh(t.Context(), ownCert.key("A"), ""), keyset.ErrNotFound)
	_, err = r.Probe("A")
	assert.ErrorIs(t, err, keyset.ErrNotFound)
	r.RecordOpened("A", time.Now())
	r.RecordSealed("A", time.Now())
	r.RecordUnsigned("A", time.Now())
	_, ok = r.Usage("A")
	assert.False(t, ok)
	require.NoError(t, r.Add(t.Context(), ownCert.key("A"), ""))
	assert.Equal(t, "A:pending", states(r.Load()))
	_, ok = r.Usage("A")
	assert.True(t, ok)

	assert.PanicsWithValue(t, "keyset: NewRing called with a nil *Set", func() { keyset.NewRing(nil) })
	assert.NotNil(t, keyset.NewRing(new(keyset.Set)).Load())
}
