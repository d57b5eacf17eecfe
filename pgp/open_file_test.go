package pgp_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func TestOpenFile(t *testing.T) {
	var plain bytes.Buffer
	require.NoError(t, bank().WriteInsecurePrivateKey(&plain))
	e := entity(t, bank())
	require.NoError(t, e.EncryptPrivateKeys([]byte("correct horse"), nil))
	var locked bytes.Buffer
	require.NoError(t, e.SerializePrivateWithoutSigning(&locked, nil))
	ring := append(mustCertificate(t, partner()), mustCertificate(t, third())...)
	files := fstest.MapFS{
		"own/plain.asc":  {Data: plain.Bytes()},
		"own/locked.pgp": {Data: locked.Bytes()},
		"partners.asc":   {Data: ring},
		"broken.asc":     {Data: []byte("not a key")},
	}
	asked := 0
	passphrase := func(_ context.Context, k keyset.ManifestKey) ([]byte, error) {
		asked++
		if k.Note == "forgotten" {
			return nil, errors.New("nobody knows")
		}
		return []byte("correct horse"), nil
	}
	open := pgp.OpenFile(files, passphrase)
	for _, tt := range []struct {
		name, source, note string
		key                *pgp.Key
		asked              int
		fails              bool
	}{
		{"private", "file:own/plain.asc", "", bank(), 0, false},
		{"locked", "file:own/locked.pgp", "", bank(), 1, false},
		{"no passphrase", "file:own/locked.pgp", "forgotten", bank(), 1, true},
		{"second of a keyring", "file:partners.asc", "", third(), 0, false},
		{"none of a keyring", "file:partners.asc", "", bank(), 0, true},
		{"missing", "file:own/none.asc", "", bank(), 0, true},
		{"outside", "file:../own/plain.asc", "", bank(), 0, true},
		{"broken", "file:broken.asc", "", bank(), 0, true},
		{"other scheme", "kms:alias/own", "", bank(), 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked = 0
			m, err := open(t.Context(), keyset.ManifestKey{ID: tt.key.Info().ID, Source: tt.source, Note: tt.note})
			assert.Equal(t, tt.asked, asked)
			if tt.fails {
				assert.Error(t, err)
				assert.Nil(t, m)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.key.Info().ID, m.Info().ID)
		})
	}
	_, err := pgp.OpenFile(files, nil)(t.Context(), keyset.ManifestKey{ID: bank().Info().ID, Source: "file:own/locked.pgp"})
	assert.ErrorContains(t, err, "locked")

	// A manifest of our own keys and one of the partner's, from one folder.
	own := active(t, bank()).Manifest()
	own.Keys[0].Source = "file:own/locked.pgp"
	s, err := own.Open(t.Context(), open)
	require.NoError(t, err)
	peers := active(t, public(partner()), public(third())).Manifest()
	peers.Keys[0].Source, peers.Keys[1].Source = "file:partners.asc", "file:partners.asc"
	p, err := peers.Open(t.Context(), open)
	require.NoError(t, err)
	_, theirs := conversation(t, bank(), partner())
	e2 := newEnvelope(t, pgp.Config{Own: s, Peer: p})
	m, err := e2.Open(t.Context(), seal(t, theirs, body))
	require.NoError(t, err)
	assert.Equal(t, body, m.Payload)
}
