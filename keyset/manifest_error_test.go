package keyset_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// What a manifest revokes counts although it cannot be read as a whole, if the entry
// is whole, alone with its ID, and says one state.
func TestManifestErrorRevokes(t *testing.T) {
	const head = `{"version": 1, "revision": 2, "format": "jose", "private": false, "keys": [` + "\n"
	for name, tt := range map[string]struct {
		entries string
		line    int
		want    []keyset.ID
	}{
		"an unknown member":         {`{"id": "A", "state": "revoked", "reason": "stolen"}]}`, 2, []keyset.ID{"A"}},
		"a comma is missing":        {`{"id": "A", "state": "revoked"}` + "\n" + `{"id": "B", "state": "active"}]}`, 3, []keyset.ID{"A"}},
		"the end is missing":        {`{"id": "A", "state": "revoked"},` + "\n" + `{"id": "B", "sta`, 3, []keyset.ID{"A"}},
		"a comma too many":          {`{"id": "B", "state": "active"},,` + "\n" + `{"id": "A", "state": "revoked"}]}`, 2, []keyset.ID{"A"}},
		"too many keys elsewhere":   {`{"id": "A", "state": "revoked"}, {"id": "B"}]}`, 2, []keyset.ID{"A"}},
		"escaped names":             {`{"i\u0064": "A", "state": "revoked", "x": 1}]}`, 2, []keyset.ID{"A"}},
		"several":                   {`{"id": "A", "state": "revoked", "x": 1}, {"id": "C", "state": "revoked"}]}`, 2, []keyset.ID{"A", "C"}},
		"a string is torn before":   {`{"id": "B", "state": "act},` + "\n" + `{"id": "A", "state": "revoked"}]}`, 2, []keyset.ID{"A"}},
		"the entry is torn":         {`{"id": "A", "state": "revoked"`, 2, nil},
		"the ID is torn":            {`{"id": "A`, 2, nil},
		"two states":                {`{"id": "A", "state": "active", "state": "revoked"}]}`, 2, nil},
		"two states, another case":  {`{"id": "A", "State": "active", "state": "revoked"}]}`, 2, nil},
		"two IDs":                   {`{"id": "B", "id": "A", "state": "revoked"}]}`, 2, nil},
		"listed twice":              {`{"id": "A", "state": "revoked"}, {"id": "A", "state": "active", "x": 1}]}`, 2, nil},
		"no state":                  {`{"id": "A", "status": "revoked"}]}`, 2, nil},
		"a state of another case":   {`{"id": "A", "state": "Revoked"}]}`, 2, nil},
		"inside of a note":          {`{"id": "B", "state": "active", "note": "{\"id\": \"A\", \"state\": \"revoked\"}", "x": 1}]}`, 2, nil},
		"inside of a nested object": {`{"id": "B", "state": "active", "note": ["{", "revoked"], "x": 1}]}`, 2, nil},
		"an ID that is none":        {`{"id": "A B", "state": "revoked", "x": 1}]}`, 2, nil},
		"not JSON at all":           {`revoked: A`, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keyset.ReadManifest(strings.NewReader(head + tt.entries))
			var broken *keyset.ManifestError
			require.ErrorAs(t, err, &broken)
			assert.Equal(t, tt.want, broken.Revoked)
			assert.Equal(t, tt.line, broken.Line, "%v", err)
			assert.ErrorIs(t, err, broken.Err)

			ring := newRing(t, peerVerify.in(keyset.Active, "A"), peerVerify.in(keyset.Active, "B"))
			revoked := ring.RevokeAll(broken.Revoked...)
			if tt.want == nil {
				assert.Empty(t, revoked)
				assert.EqualValues(t, 1, ring.Load().Revision())
				return
			}
			assert.Equal(t, []keyset.ID{"A"}, revoked)
			assert.Equal(t, "A:revoked B:active", states(ring.Load()))
			assert.Empty(t, ring.RevokeAll(broken.Revoked...), "once")
		})
	}

	// It can be read, and is no manifest: the rest says so.
	_, err := keyset.ReadManifest(strings.NewReader(`{"version": 7, "revision": 2, "format": "jose", "private": false, "keys": [{"id": "A", "state": "revoked"}]}`))
	var broken *keyset.ManifestError
	require.ErrorAs(t, err, &broken)
	assert.Equal(t, []keyset.ID{"A"}, broken.Revoked)
	assert.Zero(t, broken.Line)
	assert.EqualError(t, err, "keyset: manifest: version 7, and only 1 is known")
}

func FuzzManifestErrorRevokes(f *testing.F) {
	f.Add(`{"keys":[{"id":"A","state":"revoked","x":1}]}`)
	f.Add(`{"a":"\"`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := keyset.ReadManifest(strings.NewReader(text))
		if err == nil {
			require.NotNil(t, m)
			return
		}
		broken, ok := err.(*keyset.ManifestError)
		if !ok {
			return
		}
		for _, id := range broken.Revoked {
			require.NotEmpty(t, id)
			require.Contains(t, strings.ToLower(text), "revoked")
		}
	})
}
