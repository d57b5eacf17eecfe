package jwe_test

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// both is a key that its service has for both uses.
type both struct {
	*kms
	dh *ecdh.PrivateKey
}

func (b both) Bind(context.Context) crypto.PrivateKey {
	return struct {
		crypto.Signer
		ecdh.KeyExchanger
	}{b.private.(*ecdsa.PrivateKey), b.dh}
}

type agreeAlone struct{ *kms }

func (a agreeAlone) Bind(context.Context) crypto.PrivateKey { return a.private }

func TestOpenRemote(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	down := newKMS(ec)
	down.set("fails")
	// As SoftHSM does it.
	sha1Alone := &paddedService{PrivateKey: rsaKeys[1](), knows: func(opts any) bool {
		o, ok := opts.(*rsa.OAEPOptions)
		return !ok || o.Hash == crypto.SHA1
	}}
	keys := map[string]keyset.Remote{
		"sign": newKMS(ec), "agree": agreeAlone{newKMS(dhOf(t, ec))}, "both": both{newKMS(ec), dhOf(t, ec)}, "down": down,
		"rsa": newKMS(rsaKeys[0]()), "sha1": sha1Alone,
	}
	var asked keyset.Use
	open := jwe.OpenRemote(func(_ context.Context, source string, use keyset.Use) (keyset.Remote, error) {
		asked = use
		if r, ok := keys[source]; ok {
			return r, nil
		}
		return nil, fmt.Errorf("no key %s: %w", source, errNoSuchKey)
	})
	for _, tt := range []struct {
		source, use, name string
		asked             keyset.Use
		want              string // the kid
		fails             string
	}{
		{"sign", "", "", 0, "", ""},
		{"sign", "signing", "bank-2027", keyset.Signing, "bank-2027", ""},
		{"sign#ES256", "", "bank-2027", keyset.Signing, "bank-2027", ""},
		{"agree", "", "", 0, "", ""},
		{"agree#ECDH-ES", "", "", keyset.Encryption, "", ""},
		{"both#ECDH-ES", "", "", keyset.Encryption, "", ""},
		{"both", "signing", "", keyset.Signing, "", ""},
		{"both", "", "", 0, "", "to sign and to decrypt: name an algorithm"},
		{"sign#ECDH-ES", "", "", keyset.Encryption, "", "no ecdh.KeyExchanger"},
		{"sign#ES384", "", "", keyset.Signing, "", "ES384"},
		{"rsa", "encryption", "", keyset.Encryption, "", ""},
		{"none", "signing", "", keyset.Signing, "", "no key none"},
		{"down", "", "", 0, "", "connection refused"},
		{"sha1", "encryption", "", keyset.Encryption, "", `does not do RSA-OAEP-256, which partners take for a key that names no algorithm, but RSA-OAEP: bind the key, as in "sha1#RSA-OAEP"`},
		{"sha1#RSA-OAEP-256", "", "", keyset.Encryption, "", "InvalidParameter"},
		{"sha1#RSA-OAEP", "", "", keyset.Encryption, "", ""},
	} {
		m, err := open(t.Context(), keyset.ManifestKey{Source: tt.source, Use: tt.use, Name: tt.name})
		assert.Equal(t, tt.asked, asked, tt.source)
		if tt.fails != "" {
			assert.ErrorContains(t, err, tt.fails, tt.source)
			assert.Nil(t, m, tt.source)
			assert.Equal(t, tt.source == "none", errors.Is(err, errNoSuchKey), tt.source)
			continue
		}
		require.NoError(t, err, tt.source)
		i := m.Info()
		assert.True(t, i.Private, tt.source)
		if tt.want == "" {
			tt.want = string(i.ID)
		}
		assert.Equal(t, tt.want, i.Name, tt.source)
	}
	_, err = open(t.Context(), keyset.ManifestKey{Source: "down"})
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
}

var errNoSuchKey = errors.New("404")
