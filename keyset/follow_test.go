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
func follow(ctx context.Context, path string, ring *keyset.Ring, open keyset.Opener) (keyset.Outcome, error) {
	f, err := os.Open(path)
	if err != nil {
		return keyset.Outcome{}, err
	}
	defer f.Close()
	m, err := keyset.ReadManifest(f)
	if err != nil {
		return keyset.Outcome{}, err
	}
	return ring.Reload(ctx, m, open, keyset.IdleFor(time.Hour))
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
			outcome, err := follow(t.Context(), path, ring, s.open)
			require.ErrorContains(t, err, tt.want)
			if tt.is != nil {
				assert.ErrorIs(t, err, tt.is)
			}
			assert.False(t, outcome.Changed)
			assert.Same(t, before, ring.Load())
		})
	}
	require.NoError(t, os.WriteFile(path, whole.Bytes(), 0o600))
	for _, tt := range []struct {
		name    string
		prepare func()
		is      error
	}{
		{"a key that is not there", func() { delete(s.keys, "file:B") }, nil},
		{"an outage", func() { s.err = fmt.Errorf("kms-7: %w", keyset.ErrUnavailable) }, keyset.ErrUnavailable},
		{"a key that does not work", func() {
			s.err = nil
			s.keys["file:B"] = &fake{info: ownSign.key("B").info, test: func(context.Context) error { return errors.New("wrong slot") }}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.prepare()
			outcome, err := follow(t.Context(), path, ring, s.open)
			require.NoError(t, err, "the manifest can be used")
			require.Contains(t, refusedOf(outcome), keyset.ID("B"))
			if tt.is != nil {
				assert.ErrorIs(t, outcome.Err(), tt.is)
			}
			assert.Equal(t, "A:active", states(ring.Load()))
		})
	}
	s.keys["file:B"] = ownSign.key("B")
	outcome, err := follow(t.Context(), path, ring, s.open)
	require.NoError(t, err)
	assert.True(t, outcome.Changed)
	assert.Empty(t, outcome.Refused)
	assert.Equal(t, "A:active B:pending", states(ring.Load()))
	u, _ := ring.Usage("A")
	assert.Equal(t, uint64(1), u.Sealed, "usage survives")
	k, _ := ring.Load().Lookup("A")
	assert.Equal(t, "since 2024", k.Evidence, "what this process was told survives")
	s.asked = nil
	outcome, err = follow(t.Context(), path, ring, s.open)
	require.NoError(t, err)
	assert.False(t, outcome.Changed)
	assert.Empty(t, s.asked, "it is cheap to call again")
}
