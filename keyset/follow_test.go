package keyset_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// follow is the loop that the documentation shows: whatever is wrong, the ring
// stays as it was.
func follow(ctx context.Context, path string, ring *keyset.Ring, open keyset.Opener) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	m, err := keyset.ReadManifest(f)
	if err != nil {
		return false, err
	}
	return ring.Reload(ctx, m, time.Hour, open)
}

// A file that a program follows is sometimes half written, old, or names keys
// that are not there yet; a key service is sometimes away. Each of it passes,
// and says which key it was.
func TestFollowingAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.json")
	s := storeOf(ownSign, "A", "B")
	ring := loaded(t, ownSign, s, [3]string{"A", "active"})
	ring.RecordSealed("A", time.Now())
	require.NoError(t, ring.Acknowledge("A", "since 2024"))
	next := manifestOf(ownSign, 2, [3]string{"A", "active"}, [3]string{"B", "pending"})
	var whole bytes.Buffer
	_, err := next.WriteTo(&whole)
	require.NoError(t, err)

	for _, tt := range []struct {
		name    string
		content []byte
		prepare func()
		want    string
		is      error
	}{
		{"no file yet", nil, func() { _ = os.Remove(path) }, "", os.ErrNotExist},
		{"empty", []byte{}, nil, "EOF", nil},
		{"half written", whole.Bytes()[:whole.Len()/2], nil, "line", nil},
		{"written by an editor that failed", append(bytes.Clone(whole.Bytes()), "~"...), nil, "data after", nil},
		{"a key that is not there", whole.Bytes(), func() { delete(s.keys, "file:B") }, "key B", nil},
		{"an outage", whole.Bytes(), func() { s.err = fmt.Errorf("kms-7: %w", keyset.ErrUnavailable) }, "key B", keyset.ErrUnavailable},
		{"a key that does not work", whole.Bytes(), func() {
			s.err = nil
			s.keys["file:B"] = &fake{info: ownSign.key("B").info, test: func(context.Context) error { return errors.New("wrong slot") }}
		}, "key B", nil},
		{"an old revision", []byte(encode(t, manifestOf(ownSign, 0, [3]string{"A", "active"}))), nil, "revision", keyset.ErrStale},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.content != nil {
				require.NoError(t, os.WriteFile(path, tt.content, 0o600))
			}
			if tt.prepare != nil {
				tt.prepare()
			}
			before := ring.Load()
			changed, err := follow(t.Context(), path, ring, s.open)
			require.Error(t, err)
			assert.ErrorContains(t, err, tt.want)
			if tt.is != nil {
				assert.ErrorIs(t, err, tt.is)
			}
			assert.False(t, changed)
			assert.Same(t, before, ring.Load())
		})
	}
	s.keys["file:B"] = ownSign.key("B")
	require.NoError(t, next.WriteFile(path))
	changed, err := follow(t.Context(), path, ring, s.open)
	require.NoError(t, err)
	assert.True(t, changed)
	u, _ := ring.Usage("A")
	assert.Equal(t, uint64(1), u.Sealed, "usage survives")
	k, _ := ring.Load().Lookup("A")
	assert.Equal(t, "since 2024", k.Evidence, "evidence survives")
	changed, err = follow(t.Context(), path, ring, s.open)
	require.NoError(t, err)
	assert.False(t, changed, "it is cheap to call again")
}
