package keyset_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// What a follower revokes when it reads these bytes.
func revokedBy(t testing.TB, raw []byte) []keyset.ID {
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	if err == nil {
		var ids []keyset.ID
		for _, k := range m.Keys {
			if k.State == keyset.Revoked {
				ids = append(ids, k.ID)
			}
		}
		return ids
	}
	var broken *keyset.ManifestError
	require.ErrorAs(t, err, &broken)
	return broken.Revoked
}

// step makes a step in the named file, as the only process.
func step(t testing.TB, path string, f func(*keyset.Ring) error, opts ...keyset.StepOption) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	require.NoError(t, err)
	defer root.Close()
	return keyset.Step(t.Context(), keyset.File(root, filepath.Base(path)), f, append(opts, keyset.SingleProcess())...)
}

func revokeIn(t testing.TB, path string, id keyset.ID) error {
	return step(t, path, func(ring *keyset.Ring) error { return ring.Revoke(id) })
}

// A key is revoked in a file that is torn anywhere, with nothing else changed, or
// nothing is written.
func TestRevokeInATornFile(t *testing.T) {
	const (
		a = "VamDNkjB0UFLSV4R9DdhXg91WM4hSuqFmYwARf9YsbA"
		b = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
		r = "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"
	)
	good := encode(t, manifestOf(peerVerify, 4, list{{a, "active"}, {b, "active", "note"}, {r, "revoked"}}...))
	state := func(id, text string) string { return `"` + id + `",` + "\n      \"state\": \"" + text + `"` }
	require.Contains(t, good, state(a, "active"))
	inPlace := func(text string) string { return strings.Replace(text, state(a, "active"), state(a, "revoked"), 1) }
	added := func(text string) string {
		return strings.TrimRight(text, "\n") + "\n" + `{"id": "` + a + `", "state": "revoked"}` + "\n"
	}
	comma := strings.Replace(good, "},", "}", 1)
	for name, tt := range map[string]struct {
		text string
		id   string
		want string // nothing if it fails
		err  error
		says string
	}{
		"a comma is missing":            {comma, a, inPlace(comma), nil, ""},
		"a comma is missing further on": {strings.Replace(good, "    },\n    {\n      \"id\": \""+r, "    }\n    {\n      \"id\": \""+r, 1), a, inPlace(strings.Replace(good, "    },\n    {\n      \"id\": \""+r, "    }\n    {\n      \"id\": \""+r, 1)), nil, ""},
		"the entry itself is torn":      {strings.Replace(good, `"`+a+`",`, `"`+a+`"`, 1), a, added(strings.Replace(good, `"`+a+`",`, `"`+a+`"`, 1)), nil, ""},
		"the end is missing":            {good[:strings.Index(good, r)-10], a, inPlace(good[:strings.Index(good, r)-10]), nil, ""},
		"nearly all is missing":         {good[:60], a, added(good[:60]), nil, ""},
		"it is torn inside of a string": {good[:strings.Index(good, a)+5], a, added(good[:strings.Index(good, a)+5]), nil, ""},
		"the file is empty":             {"", a, added(""), nil, ""},
		"an unknown version":            {strings.Replace(good, `"version": 1`, `"version": 7`, 1), a, inPlace(strings.Replace(good, `"version": 1`, `"version": 7`, 1)), nil, ""},
		"an unknown version, no key":    {strings.Replace(good, `"version": 1`, `"version": 7`, 1), "x" + a[1:], "", keyset.ErrNotFound, ""},
		"revoked there already":         {comma, r, comma, nil, ""},
		"a name":                        {comma, "bank-2027", "", nil, "give the whole ID"},
		"a part of the ID":              {comma, a[:12], "", nil, "give the whole ID"},
		"listed twice":                  {strings.Replace(comma, b, a, 1), a, "", nil, "is listed 2 times; leave one entry"},
		"a state that is none":          {strings.Replace(comma, state(a, "active"), state(a, "actve"), 1), a, inPlace(comma), nil, ""},
		"too large":                     {comma + strings.Repeat(" ", 1<<20), a, "", nil, "larger than"},
		"no key of a good manifest":     {good, "x" + a[1:], "", keyset.ErrNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peer.json")
			require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o600))
			err := revokeIn(t, path, keyset.ID(tt.id))
			raw, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			if tt.want == "" {
				require.Error(t, err)
				if tt.err != nil {
					assert.ErrorIs(t, err, tt.err)
				}
				assert.ErrorContains(t, err, tt.says)
				assert.Equal(t, tt.text, string(raw), "nothing is written")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(raw))
			assert.Contains(t, revokedBy(t, raw), keyset.ID(tt.id))
			require.NoError(t, revokeIn(t, path, keyset.ID(tt.id)), "emergency scripts run twice")
			again, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(raw), string(again))
		})
	}

	// A good manifest gets its next revision, and a fingerprint may be spelled otherwise.
	const fingerprint = "AB12CD34EF56AB12CD34EF56AB12CD34EF56AB12"
	path := filepath.Join(t.TempDir(), "own.json")
	require.NoError(t, manifestOf(peerCert, 4, list{{fingerprint, "active"}, {"B", "active"}}...).WriteFile(path))
	require.NoError(t, revokeIn(t, path, "0x"+keyset.ID(strings.ToLower(fingerprint))))
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	require.NoError(t, err)
	assert.EqualValues(t, 5, m.Revision)
	assert.Equal(t, []keyset.ID{fingerprint}, revokedBy(t, raw))
	assert.Equal(t, keyset.Active, m.Keys[1].State)
	assert.Error(t, revokeIn(t, filepath.Join(t.TempDir(), "missing.json"), "A"))
}

// Wherever a manifest is torn, no revocation is lost, and no key but the one that is
// named is revoked.
func TestRevokeWhereverItIsTorn(t *testing.T) {
	ids := make([]keyset.ID, 4)
	var keys list
	for n := range ids {
		ids[n] = keyset.ID(strings.Repeat(fmt.Sprint(n), 43))
		keys = append(keys, [3]string{string(ids[n]), []string{"active", "revoked", "pending", "active"}[n], "echo"})
	}
	good := []byte(encode(t, manifestOf(peerVerify, 4, keys...)))
	written, refused := 0, 0
	for at := range good {
		for _, torn := range [][]byte{good[:at], slices.Delete(slices.Clone(good), at, at+1), slices.Insert(slices.Clone(good), at, '"')} {
			before := revokedBy(t, torn)
			raw, err := keyset.RevokeIn(torn, ids[3])
			if err != nil {
				refused++
				continue
			}
			written++
			want := slices.Clone(before)
			if !slices.Contains(want, ids[3]) {
				want = append(want, ids[3])
			}
			require.ElementsMatch(t, want, revokedBy(t, raw), "%s", torn)
		}
	}
	assert.Greater(t, written, 4*refused, "%d and %d", written, refused)
}

// Operators who revoke at once lose nothing, in a torn file neither.
func TestRevokeByManyAtOnce(t *testing.T) {
	for _, torn := range []bool{false, true} {
		var keys list
		var ids []keyset.ID
		for n := range 12 {
			ids = append(ids, keyset.ID(strings.Repeat(string(rune('a'+n)), 43)))
			keys = append(keys, [3]string{string(ids[n]), "active"})
		}
		text := encode(t, manifestOf(peerVerify, 1, keys...))
		if torn {
			text = strings.Replace(text, "},", "}", 1)
		}
		path := filepath.Join(t.TempDir(), "peer.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() { assert.NoError(t, revokeIn(t, path, id)) })
		}
		wg.Wait()
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.ElementsMatch(t, ids, revokedBy(t, raw))
		_, err = keyset.ReadManifest(bytes.NewReader(raw))
		var broken *keyset.ManifestError
		assert.Equal(t, torn, errors.As(err, &broken))
	}
}
