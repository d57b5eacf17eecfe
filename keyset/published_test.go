package keyset_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// openFake opens files as writeFake writes them.
func openFake(files fs.FS) keyset.Opener {
	return func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		raw, err := fs.ReadFile(files, strings.TrimPrefix(k.Source, "file:"))
		if err != nil {
			return nil, err
		}
		f := new(fake)
		if err := json.Unmarshal(raw, &f.info); err != nil {
			return nil, err
		}
		return f, nil
	}
}

func writeFake(f *fake, w io.Writer) error { return json.NewEncoder(w).Encode(f.info) }

// A relation is what an operator has of a partner: a manifest, which goes through its
// file after every publication, and a key that was installed by hand.
type relation struct {
	t    *testing.T
	open keyset.Opener
	ring *keyset.Ring
}

func relate(t *testing.T, r role, keys ...[3]string) *relation {
	rel := &relation{t: t, open: keyset.Schemes(map[string]keyset.Opener{
		"file": r.open, "published": keyset.OpenPublished(openFake)})}
	s, err := manifestOf(r, 1, keys...).Open(t.Context(), rel.open)
	require.NoError(t, err)
	rel.ring = keyset.NewRing(s)
	return rel
}

// publish takes a set, and goes on with a ring that was started from what was written.
func (rel *relation) publish(policy keyset.PublicationPolicy, keys ...*fake) keyset.PublicationOutcome {
	rel.t.Helper()
	o, err := keyset.TakePublished(rel.t.Context(), rel.ring, keyset.Publication[*fake]{Keys: keys, Write: writeFake}, rel.open, policy)
	require.NoError(rel.t, err)
	var file strings.Builder
	_, err = rel.ring.Load().Manifest().WriteTo(&file)
	require.NoError(rel.t, err)
	m, err := keyset.ReadManifest(strings.NewReader(file.String()))
	require.NoError(rel.t, err)
	var fresh keyset.Ring
	started, err := fresh.Reload(rel.t.Context(), m, rel.open) // no network, no file that is not there already
	require.NoError(rel.t, err)
	require.Empty(rel.t, started.Refused)
	require.Equal(rel.t, statesOf(rel.ring.Load()), statesOf(fresh.Load()))
	rel.ring = &fresh
	return o
}

func refusedIn(o keyset.PublicationOutcome) map[keyset.ID]error {
	return refusedOf(keyset.Outcome{Refused: o.Refused})
}

// A partner that publishes the new key beside the old one, under one name, and takes the
// old one away a week later.
func TestPublishedRotation(t *testing.T) {
	const day = 24 * time.Hour
	for _, r := range []role{peerEncrypt, peerCert} {
		synctest.Test(t, func(t *testing.T) {
			rel := relate(t, r, list{{"A", "active"}}...)
			policy := keyset.PublicationPolicy{PublishedFor: 2 * day, RetireVanished: true}
			a, b := r.key("A"), r.key("B")
			o := rel.publish(policy, a)
			assert.False(t, o.Changed())
			assert.Equal(t, "published keys: nothing changes", o.String())

			o = rel.publish(policy, a, b)
			assert.Equal(t, []keyset.ID{"B"}, o.Added)
			assert.Equal(t, "A:active B:pending", states(rel.ring.Load()))
			assert.Equal(t, []keyset.ID{"A"}, sealing(rel.ring.Load()), "nothing is encrypted to it")
			assert.ErrorIs(t, rel.ring.Promote("B"), keyset.ErrUnproven)
			time.Sleep(7 * day)
			o = rel.publish(policy, b, a)
			assert.False(t, o.Changed(), "the old one is there: no evidence")

			o = rel.publish(policy, b)
			assert.Equal(t, []keyset.ID{"B"}, o.Promoted)
			assert.Equal(t, []keyset.ID{"A"}, o.Vanished)
			assert.Equal(t, []keyset.ID{"A"}, o.Retired)
			assert.Equal(t, "B:active A:retiring", states(rel.ring.Load()), "and neither removed nor revoked")
			assert.Equal(t, "published since 2000-01-01T00:00:00Z, and no longer key A, at 2000-01-08T00:00:00Z", lookup(t, rel.ring, "B").Evidence)
			o = rel.publish(policy, b)
			assert.Equal(t, "published keys: nothing changes\npublished no longer: A", o.String(), "it is told for as long as it is so")
		})
	}
}

func TestPublishedPolicies(t *testing.T) {
	const day = 24 * time.Hour
	two := list{{"A", "active"}}
	for name, tt := range map[string]struct {
		role   role
		keys   list
		policy keyset.PublicationPolicy
		wait   time.Duration
		sets   []string // IDs
		want   string
		change bool
		err    map[keyset.ID]error
	}{
		"the default waits for an echo":            {peerEncrypt, two, keyset.PublicationPolicy{}, 300 * day, []string{"AB", "B"}, "A:active B:pending", false, nil},
		"not for long enough":                      {peerEncrypt, two, keyset.PublicationPolicy{PublishedFor: 2 * day}, day, []string{"AB", "B"}, "A:active B:pending", false, nil},
		"promoted, and nothing is retired":         {peerEncrypt, two, keyset.PublicationPolicy{PublishedFor: 2 * day}, 2 * day, []string{"AB", "B"}, "B:active A:active", true, nil},
		"the last one that seals is not retired":   {peerEncrypt, two, keyset.PublicationPolicy{RetireVanished: true}, 2 * day, []string{"AB", "B"}, "A:active B:pending", false, map[keyset.ID]error{"A": keyset.ErrLastActive}},
		"what only verifies needs no evidence":     {peerVerify, two, keyset.PublicationPolicy{PublishedFor: 2 * day}, 2 * day, []string{"AB", "AB"}, "B:active A:active", true, nil},
		"the first one is preferred":               {peerEncrypt, two, keyset.PublicationPolicy{PublishedFor: day}, day, []string{"ABC", "CB"}, "C:active B:active A:active", true, nil},
		"the old one is gone at once":              {peerEncrypt, two, keyset.PublicationPolicy{PublishedFor: day, RetireVanished: true}, day, []string{"B", "B"}, "A:active", false, map[keyset.ID]error{"B": keyset.ErrUnconfirmed}},
		"gone at once, and a person confirms":      {peerVerify, two, keyset.PublicationPolicy{Confirmed: []keyset.ID{"B"}}, day, []string{"B"}, "A:active B:pending", true, nil},
		"gone at once, and the wrong one":          {peerVerify, two, keyset.PublicationPolicy{Confirmed: []keyset.ID{"C"}}, day, []string{"B"}, "A:active", false, map[keyset.ID]error{"B": keyset.ErrUnconfirmed}},
		"what is known is revoked":                 {peerVerify, list{{"A", "revoked"}, {"C", "active"}}, keyset.PublicationPolicy{}, day, []string{"AB"}, "A:revoked C:active", false, map[keyset.ID]error{"B": keyset.ErrUnconfirmed}},
		"a revoked key stays revoked":              {peerVerify, list{{"A", "revoked"}, {"C", "active"}}, keyset.PublicationPolicy{PublishedFor: 1}, day, []string{"AC"}, "A:revoked C:active", false, nil},
		"four wait, and no more":                   {peerVerify, two, keyset.PublicationPolicy{}, day, []string{"ABCDEFG"}, "A:active B:pending C:pending D:pending E:pending", true, map[keyset.ID]error{"F": keyset.ErrUnconfirmed, "G": keyset.ErrUnconfirmed}},
		"four wait, and one is confirmed":          {peerVerify, two, keyset.PublicationPolicy{Confirmed: []keyset.ID{"G"}}, day, []string{"ABCDEFG"}, "A:active B:pending C:pending D:pending E:pending G:pending", true, map[keyset.ID]error{"F": keyset.ErrUnconfirmed}},
		"a pending key of ours does not count":     {peerVerify, list{{"A", "active"}, {"X", "pending"}}, keyset.PublicationPolicy{}, day, []string{"ABCDE"}, "A:active X:pending B:pending C:pending D:pending E:pending", true, nil},
		"a key that was installed is not promoted": {peerEncrypt, list{{"A", "active"}, {"X", "pending"}}, keyset.PublicationPolicy{PublishedFor: 1}, day, []string{"X"}, "A:active X:pending", false, nil},
		"a revoked one that sealed is still there": {peerEncrypt, list{{"A", "revoked"}, {"C", "active"}}, keyset.PublicationPolicy{PublishedFor: 1}, day, []string{"ACB", "AB"}, "A:revoked C:active B:pending", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rel := relate(t, tt.role, tt.keys...)
				var o keyset.PublicationOutcome
				for n, set := range tt.sets {
					if n != 0 {
						time.Sleep(tt.wait)
					}
					var keys []*fake
					for _, id := range set {
						keys = append(keys, tt.role.key(keyset.ID(id)))
					}
					o = rel.publish(tt.policy, keys...)
				}
				assert.Equal(t, tt.want, states(rel.ring.Load()))
				assert.Equal(t, tt.change, o.Changed(), "%v", o)
				got := refusedIn(o)
				assert.Len(t, got, len(tt.err), "%v", o)
				for id, want := range tt.err {
					assert.ErrorIs(t, got[id], want)
					if want == keyset.ErrUnconfirmed {
						assert.ErrorContains(t, got[id], "rejected as unknown_signer until")
					}
				}
				if strings.Contains(tt.want, "A:revoked") {
					assert.Equal(t, []keyset.ID{"A"}, o.Revoked)
				}
			})
		})
	}
}

// What may be a fault of a cache, or of a reader, takes nothing away.
func TestPublishedPartly(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		rel := relate(t, peerEncrypt, list{{"A", "active"}}...)
		policy := keyset.PublicationPolicy{PublishedFor: day, RetireVanished: true}
		rel.publish(policy, peerEncrypt.key("A"), peerEncrypt.key("B"))
		time.Sleep(2 * day)
		before := rel.ring.Load()
		take := func(p keyset.Publication[*fake]) (keyset.PublicationOutcome, error) {
			p.Write = writeFake
			return keyset.TakePublished(t.Context(), rel.ring, p, rel.open, policy)
		}
		damaged := []string{`entry 1: "x" is no coordinate`}
		o, err := take(keyset.Publication[*fake]{})
		assert.ErrorIs(t, err, keyset.ErrNothingPublished)
		assert.False(t, o.Changed())
		o, err = take(keyset.Publication[*fake]{PassedOver: damaged})
		assert.ErrorIs(t, err, keyset.ErrNothingPublished)
		assert.Len(t, o.PassedOver, 1)
		o, err = take(keyset.Publication[*fake]{Keys: []*fake{peerEncrypt.key("B")}, PassedOver: damaged})
		require.NoError(t, err)
		assert.Equal(t, []keyset.ID{"A"}, o.Vanished)
		assert.Contains(t, o.String(), "passed over: entry 1")
		assert.Same(t, before, rel.ring.Load(), "the entry may be key A")

		many := make([]*fake, 257)
		for n := range many {
			many[n] = peerEncrypt.key(keyset.ID(fmt.Sprint("K", n)))
		}
		_, err = take(keyset.Publication[*fake]{Keys: many})
		assert.ErrorContains(t, err, "at most 256")
		_, err = take(keyset.Publication[*fake]{Keys: []*fake{nil}})
		assert.ErrorContains(t, err, "number 1 is nil")
		o, err = take(keyset.Publication[*fake]{Keys: []*fake{peerEncrypt.key("A"), peerEncrypt.key("A"), ownDecrypt.key("S"), peerCert.key("P"),
			peerEncrypt.key("L", named(strings.Repeat("x", 1<<16)))}})
		require.NoError(t, err)
		got := refusedIn(o)
		assert.ErrorContains(t, got["S"], "its private half is published")
		assert.ErrorContains(t, got["P"], "key P")
		assert.ErrorContains(t, got["L"], "at most 65536")
		assert.Len(t, got, 3)
		assert.NotContains(t, o.String(), canary)
		assert.Same(t, before, rel.ring.Load())

		own := newRing(t, ownSign.in(keyset.Active, "A"))
		_, err = keyset.TakePublished(t.Context(), own, keyset.Publication[*fake]{Keys: []*fake{peerEncrypt.key("A")}, Write: writeFake}, rel.open, policy)
		assert.ErrorContains(t, err, "private keys")
		policy.PublishedFor = math.MinInt64
		_, err = take(keyset.Publication[*fake]{Keys: []*fake{peerEncrypt.key("A")}})
		assert.Error(t, err)

		// What cannot be opened again does not enter.
		policy = keyset.PublicationPolicy{}
		rel.open = keyset.Schemes(map[string]keyset.Opener{"file": peerEncrypt.open})
		o, err = take(keyset.Publication[*fake]{Keys: []*fake{peerEncrypt.key("A"), peerEncrypt.key("C")}})
		require.NoError(t, err)
		assert.ErrorContains(t, refusedIn(o)["C"], "no opener for sources of scheme")
		assert.Same(t, before, rel.ring.Load())
	})
}

// A renewed copy reaches a key that came by publication, and is told of any other.
func TestPublishedAgain(t *testing.T) {
	rel := relate(t, peerVerify, list{{"A", "active"}}...)
	end := time.Now().AddDate(1, 0, 0).UTC().Round(time.Second)
	rel.publish(keyset.PublicationPolicy{}, peerVerify.key("A"), peerVerify.key("B"))
	o := rel.publish(keyset.PublicationPolicy{}, peerVerify.key("A", valid(time.Time{}, end)), peerVerify.key("B", valid(time.Time{}, end)))
	assert.Equal(t, []keyset.ID{"B"}, o.Refreshed)
	assert.ErrorIs(t, refusedIn(o)["A"], keyset.ErrOtherCopy)
	_, got := lookup(t, rel.ring, "B").Bounds()
	assert.Equal(t, end, got)
	_, got = lookup(t, rel.ring, "A").Bounds()
	assert.Zero(t, got)
	assert.Equal(t, "A:active B:pending", states(rel.ring.Load()))

	// The rules of Refresh hold: a key that verifies does not come to seal.
	require.NoError(t, rel.ring.Promote("B"))
	o = rel.publish(keyset.PublicationPolicy{PublishedFor: 1}, peerVerify.key("A"), peerVerify.key("B", func(i *keyset.Info) { i.Use = both }))
	assert.ErrorIs(t, refusedIn(o)["B"], keyset.ErrUnproven)
	assert.Empty(t, sealing(rel.ring.Load()))
}

func TestOpenPublished(t *testing.T) {
	open := keyset.OpenPublished(func(fs.FS) keyset.Opener { return peerVerify.open }) // whatever it is given
	for _, source := range []string{"", "file:key", "published", "published:!", "published:QUJD=", "published:QUJ", "published:QU\nJD", "published:QUJD\r\n", "published:" + strings.Repeat("QUJD", 30000)} {
		_, err := open(t.Context(), keyset.ManifestKey{ID: "A", Source: source})
		assert.Error(t, err, "%.20s", source)
	}
	peeks := keyset.OpenPublished(func(files fs.FS) keyset.Opener {
		_, err := files.Open("other")
		assert.ErrorIs(t, err, fs.ErrNotExist)
		raw, err := fs.ReadFile(files, "key")
		assert.NoError(t, err)
		assert.Equal(t, "ABC", string(raw))
		info, err := fs.Stat(files, "key")
		assert.NoError(t, err)
		assert.EqualValues(t, 3, info.Size())
		return peerVerify.open
	})
	m, err := peeks(t.Context(), keyset.ManifestKey{ID: "A", Source: "published:QUJD"})
	require.NoError(t, err)
	assert.Equal(t, keyset.ID("A"), m.Info().ID)
}
