package command

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var makesKey = []string{"keygen", "-format", "pgp", "-alg", "curve25519", "-name", "Bank"}

// A private key goes to no place where others read it.
func TestNoPrivateKeyInTheOpen(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, flags := range map[string]int{os.DevNull: os.O_WRONLY, "others-read-it": os.O_RDWR | os.O_CREATE} {
		out, err := os.OpenFile(name, flags, 0o644)
		require.NoError(t, err)
		var errs bytes.Buffer
		assert.Equal(t, failed, Run(t.Context(), Files, makesKey, nil, out, &errs), name)
		assert.Contains(t, errs.String(), "name a file with -o", name)
		require.NoError(t, out.Close())
	}
	raw, err := os.ReadFile("others-read-it")
	require.NoError(t, err)
	assert.Empty(t, raw)

	mine, err := os.OpenFile("mine", os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer mine.Close()
	assert.Equal(t, done, Run(t.Context(), Files, makesKey, nil, mine, io.Discard))
	raw, err = os.ReadFile("mine")
	require.NoError(t, err)
	assert.Contains(t, string(raw), "PRIVATE KEY")
}

// -o writes files, and neither follows nor replaces what is something else.
func TestOutputIsAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	sealctl(t, append(makesKey, "-o", "bank.asc")...)
	require.NoError(t, os.WriteFile("kept", []byte("kept"), 0o600))
	require.NoError(t, os.Symlink("kept", "link"))
	require.NoError(t, os.Symlink("nothing", "dangling"))
	require.NoError(t, os.Mkdir("folder", 0o700))
	for _, name := range []string{"link", "dangling", "folder"} {
		for _, args := range [][]string{{"public", "bank.asc"}, makesKey} {
			var errs bytes.Buffer
			assert.Equal(t, failed, Run(t.Context(), Files, append(args[:len(args):len(args)], "-o", name), strings.NewReader(""), io.Discard, &errs), name)
			assert.Contains(t, errs.String(), name)
		}
	}
	raw, err := os.ReadFile("link")
	require.NoError(t, err)
	assert.Equal(t, "kept", string(raw))
	_, err = os.Lstat("nothing")
	require.ErrorIs(t, err, fs.ErrNotExist)

	sealctl(t, "public", "bank.asc", "-o", "public.asc")
	for name, mode := range map[string]fs.FileMode{"public.asc": 0o644, "bank.asc": 0o600} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
}
