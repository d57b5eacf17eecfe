package keyset_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// Followers read what a link leads to, so that is what is written.
func TestWriteFileThroughALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "data", "own.json"), filepath.Join(dir, "own.json")
	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o755))
	require.NoError(t, manifestOf(peerEncrypt, 1, [3]string{"A", "active"}).WriteFile(file))
	require.NoError(t, os.Symlink(filepath.Join("data", "own.json"), link))
	m := manifestOf(peerEncrypt, 2, [3]string{"A", "revoked"})
	require.NoError(t, m.WriteFile(link))
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, encode(t, m), string(raw))
	to, err := os.Readlink(link)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join("data", "own.json"), to)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "no temporary file is left")
}

// The entry of a revoked key is never lost by a write.
func TestWriteFileKeepsRevocations(t *testing.T) {
	for name, tt := range map[string]struct {
		was  string
		next *keyset.Manifest
		lost bool
	}{
		"kept":                         {encode(t, manifestOf(peerVerify, 1, list{{"A", "revoked"}, {"B", "active"}}...)), manifestOf(peerVerify, 2, list{{"B", "active"}, {"A", "revoked"}}...), false},
		"active again":                 {encode(t, manifestOf(peerVerify, 1, list{{"A", "revoked"}, {"B", "active"}}...)), manifestOf(peerVerify, 2, list{{"B", "active"}, {"A", "active"}}...), true},
		"gone":                         {encode(t, manifestOf(peerVerify, 1, list{{"A", "revoked"}, {"B", "active"}}...)), manifestOf(peerVerify, 2, [3]string{"B", "active"}), true},
		"gone from what is no JSON":    {`{"keys": [{"id": "A", "state": "revoked"} {"id": "B"`, manifestOf(peerVerify, 2, [3]string{"B", "active"}), true},
		"nothing was revoked":          {encode(t, manifestOf(peerVerify, 1, list{{"A", "active"}, {"B", "active"}}...)), manifestOf(peerVerify, 2, [3]string{"B", "active"}), false},
		"the file holds anything else": {"notes", manifestOf(peerVerify, 2, [3]string{"B", "active"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peer.json")
			require.NoError(t, os.WriteFile(path, []byte(tt.was), 0o600))
			err := tt.next.WriteFile(path)
			raw, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			if tt.lost {
				assert.ErrorIs(t, err, keyset.ErrRevocationLost)
				assert.ErrorContains(t, err, "key A")
				assert.Equal(t, tt.was, string(raw))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, encode(t, tt.next), string(raw))
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		})
	}
}
