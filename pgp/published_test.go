package pgp_test

import (
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Certificates that were fetched stand in the manifest themselves, and a restart has the
// same: also the union of two copies, of which neither was ever published.
func TestPublishedCertificatesSurviveARestart(t *testing.T) {
	files := func(files fs.FS) keyset.Opener { return pgp.OpenFile(files, nil) }
	open := keyset.Schemes(map[string]keyset.Opener{"published": keyset.OpenPublished(files)})
	ring := keyset.NewRing(active(t, public(newKey(t, "Bank 2026"))))
	known := newKey(t, "Bank")
	require.NoError(t, ring.Add(t.Context(), public(known), ""))
	next := newKey(t, "Bank 2027")
	one, err := next.WithNewSubkey(t.Context(), time.Hour)
	require.NoError(t, err)
	two, err := next.WithNewSubkey(t.Context(), 2*time.Hour)
	require.NoError(t, err)
	take := func(ring *keyset.Ring, k *pgp.Key) keyset.PublicationOutcome {
		t.Helper()
		o, err := keyset.TakePublished(t.Context(), ring, keyset.Publication[*pgp.Key]{Keys: []*pgp.Key{public(known), k}, Write: (*pgp.Key).WriteCertificate}, open, keyset.PublicationPolicy{})
		require.NoError(t, err)
		assert.Empty(t, o.Refused, "%v", o)
		return o
	}
	id := next.Info().ID
	assert.Equal(t, []keyset.ID{id}, take(ring, public(one)).Added)
	assert.Equal(t, []keyset.ID{id}, take(ring, public(two)).Refreshed)
	assert.False(t, take(ring, public(one)).Changed(), "an old copy takes nothing away")

	m := ring.Load().Manifest()
	for _, k := range m.Keys {
		if k.ID != id {
			continue
		}
		got, err := open(t.Context(), k)
		require.NoError(t, err)
		assert.Equal(t, k.Digest, got.(*pgp.Key).Digest(), "what a restart opens is what is held")
		for _, copied := range []*pgp.Key{public(one), public(two)} {
			assert.Empty(t, copied.Lacks(got))
		}
	}
}
