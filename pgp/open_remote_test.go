package pgp_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func TestOpenRemote(t *testing.T) {
	k, sign, decrypt := remoteKey(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other := newKMS(ec)
	files := fstest.MapFS{
		"own.asc":  {Data: mustCertificate(t, k)},
		"ring.asc": {Data: append(mustCertificate(t, k), mustCertificate(t, partner())...)},
	}
	down := newKMS(rsaKeys()[0])
	down.set("fails")
	wrong := newKMS(rsaKeys()[1])
	wrong.set("garbage")
	keys := map[string][]crypto.PrivateKey{
		"all": {other, sign, decrypt}, "sign": {sign}, "other": {other}, "none": nil,
		"twice": {sign, sign, decrypt}, "plain": {bindsNothing{sign}}, "down": {down, decrypt}, "wrong": {sign, wrong},
		"all?version=3": {sign, decrypt},
	}
	gone := errors.New("503")
	open := pgp.OpenRemote(files, func(_ context.Context, source string) ([]crypto.PrivateKey, error) {
		if all, ok := keys[source]; ok {
			return all, nil
		}
		return nil, gone
	})
	id, both := k.Info().ID, "signing+encryption"
	for _, tt := range []struct {
		id         keyset.ID
		source     string
		use, fails string
	}{
		{id, "all?certificate=own.asc", both, ""},
		{"", "all?certificate=own.asc", "", ""},
		{id, "all?certificate=ring.asc", both, ""},
		{"", "all?certificate=ring.asc", "", "holds 2 other certificates"},
		{id, "sign?certificate=own.asc", "signing", ""},
		{id, "sign?certificate=own.asc", both, `the manifest says that it is for signing+encryption, and with the private keys of "sign" it is for signing`},
		{id, "other?certificate=own.asc", both, "none of 1 private keys"},
		{id, "none?certificate=own.asc", both, "none of 0 private keys"},
		{id, "twice?certificate=own.asc", both, "has one already"},
		{id, "plain?certificate=own.asc", both, "crypto.Signer"},
		{id, "down?certificate=own.asc", both, "connection refused"},
		{id, "wrong?certificate=own.asc", both, "self-test"},
		{id, "gone?certificate=own.asc", both, "503"},
		{id, "all?version=3&certificate=own.asc", both, ""},
		{id, "all?certificate=own.asc&version=3", both, ""},
		{id, "all?certificate=own.asc&certificate=own.asc", both, "names no certificate, or several"},
		{id, "all?certificate=", both, "names no certificate, or several"},
		{id, "all?version=3&own.asc", both, "names no certificate, or several"},
		{id, "all?certificate=missing.asc", both, "missing.asc"},
		{id, "all", both, "add ?certificate=NAME"},
		{partner().Info().ID, "all?certificate=own.asc", both, "holds 1 other certificates"},
	} {
		m, err := open(t.Context(), keyset.ManifestKey{ID: tt.id, Source: tt.source, Use: tt.use})
		if tt.fails != "" {
			assert.ErrorContains(t, err, tt.fails, tt.source)
			assert.Nil(t, m, tt.source)
			continue
		}
		require.NoError(t, err, tt.source)
		assert.Equal(t, id, m.Info().ID)
		assert.True(t, m.Info().Private)
	}
	_, err = open(t.Context(), keyset.ManifestKey{ID: id, Source: "down?certificate=own.asc"})
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	_, err = open(t.Context(), keyset.ManifestKey{ID: id, Source: "gone?certificate=own.asc"})
	assert.ErrorIs(t, err, gone)
}
