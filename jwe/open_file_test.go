package jwe_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func TestOpenFile(t *testing.T) {
	one, err := jwe.GenerateKey("one", jwe.ES256)
	require.NoError(t, err)
	two, err := jwe.GenerateKey("two", jwe.ECDHESA256KW)
	require.NoError(t, err)
	var jwk, set, pub bytes.Buffer
	require.NoError(t, one.WriteInsecurePrivateJWK(&jwk))
	keys, err := keyset.New(1, keyset.Key{Material: one, State: keyset.Active}, keyset.Key{Material: two, State: keyset.Active})
	require.NoError(t, err)
	require.NoError(t, jwe.WriteJWKSet(&set, keys))
	require.NoError(t, two.WritePublicJWK(&pub))
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	fromPEM, err := jwe.NewKey("", private, keyset.Signing)
	require.NoError(t, err)
	files := fstest.MapFS{
		"one.jwk":    {Data: jwk.Bytes()},
		"keys.json":  {Data: set.Bytes()},
		"key.pem":    {Data: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		"broken.jwk": {Data: []byte("{")},
		"large.jwk":  {Data: make([]byte, 2<<20)},
	}
	open := jwe.OpenFile(files)
	for _, tt := range []struct {
		name  string
		k     keyset.ManifestKey
		kid   string
		fails bool
	}{
		{"JWK", keyset.ManifestKey{ID: one.Info().ID, Source: "file:one.jwk"}, "one", false},
		{"of a JWK Set", keyset.ManifestKey{ID: two.Info().ID, Source: "file:keys.json"}, "two", false},
		{"PEM, the manifest says the use", keyset.ManifestKey{ID: fromPEM.Info().ID, Source: "file:key.pem", Use: "signing"}, string(fromPEM.Info().ID), false},
		{"PEM, and the name", keyset.ManifestKey{ID: fromPEM.Info().ID, Name: "own-2027", Source: "file:key.pem", Use: "signing"}, "own-2027", false},
		{"PEM, and a name that is no kid", keyset.ManifestKey{ID: fromPEM.Info().ID, Name: strings.Repeat("Example Bank ", 25), Source: "file:key.pem", Use: "signing"}, "", true},
		{"PEM, bound to an algorithm", keyset.ManifestKey{ID: fromPEM.Info().ID, Source: "file:key.pem#ES256"}, string(fromPEM.Info().ID), false},
		{"PEM, bound to an algorithm against the use", keyset.ManifestKey{ID: fromPEM.Info().ID, Source: "file:key.pem#ES256", Use: "encryption"}, "", true},
		{"PEM, bound to an algorithm that does not fit", keyset.ManifestKey{ID: fromPEM.Info().ID, Source: "file:key.pem#PS256"}, "", true},
		{"PEM, bound to no algorithm", keyset.ManifestKey{ID: fromPEM.Info().ID, Source: "file:key.pem#none", Use: "signing"}, "", true},
		{"JWK, bound to another algorithm", keyset.ManifestKey{ID: two.Info().ID, Source: "file:keys.json#ECDH-ES"}, "", true},
		{"PEM without use", keyset.ManifestKey{ID: fromPEM.Info().ID, Source: "file:key.pem"}, "", true},
		{"another key", keyset.ManifestKey{ID: two.Info().ID, Source: "file:one.jwk"}, "", true},
		{"missing", keyset.ManifestKey{ID: one.Info().ID, Source: "file:none"}, "", true},
		{"outside", keyset.ManifestKey{ID: one.Info().ID, Source: "file:../one.jwk"}, "", true},
		{"broken", keyset.ManifestKey{ID: one.Info().ID, Source: "file:broken.jwk"}, "", true},
		{"large", keyset.ManifestKey{ID: one.Info().ID, Source: "file:large.jwk"}, "", true},
		{"other scheme", keyset.ManifestKey{ID: one.Info().ID, Source: "kms:one"}, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := open(t.Context(), tt.k)
			if tt.fails {
				assert.Error(t, err)
				assert.Nil(t, m)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.k.ID, m.Info().ID)
			assert.Equal(t, tt.kid, m.Info().Name)
			if strings.Contains(tt.k.Source, "#") {
				assert.Equal(t, mustKey(fromPEM.WithAlgorithm(jwe.ES256)).Digest(), m.(*jwe.Key).Digest())
			}
		})
	}
}
