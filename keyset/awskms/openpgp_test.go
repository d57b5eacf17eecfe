//go:build unix

package awskms_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/awskms"
	"github.com/sealwax/sealwax/keyset/awskms/openpgp"
	"github.com/sealwax/sealwax/pgp"
)

// OpenPGP signs with keys of the service, and does not decrypt with them, which is said
// at load.
func TestOpenPGP(t *testing.T) {
	s, client := newServer(t)
	sign, err := awskms.Open(t.Context(), client, rsaSign)
	require.NoError(t, err)
	decrypt, err := awskms.Open(t.Context(), client, rsaDecrypt)
	require.NoError(t, err)
	_, err = pgp.NewRemoteCertificate(t.Context(), "Bank <keys@bank.example>", sign, decrypt, 365*24*time.Hour)
	assert.ErrorContains(t, err, "the service decrypts RSA-OAEP with SHA-1 or SHA-256, and nothing else")

	elsewhere := newDecrypter(t)
	made, err := pgp.NewRemoteCertificate(t.Context(), "Bank <keys@bank.example>", sign, elsewhere, 365*24*time.Hour)
	require.NoError(t, err)
	var certificate bytes.Buffer
	require.NoError(t, made.WriteCertificate(&certificate))

	files := fstest.MapFS{"own.asc": {Data: certificate.Bytes()}}
	open := openpgp.Opener(client, files)
	m, err := open(t.Context(), keyset.ManifestKey{ID: made.Info().ID, Source: "awskms:" + rsaSign + "?certificate=own.asc"})
	require.NoError(t, err)
	assert.Equal(t, made.Info().ID, m.Info().ID)

	theirs, err := pgp.GenerateKey("Partner", pgp.Curve25519, 365*24*time.Hour)
	require.NoError(t, err)
	us, err := keyset.New(1, keyset.Key{Material: m, State: keyset.Active})
	require.NoError(t, err)
	them, err := keyset.New(1, keyset.Key{Material: theirs, State: keyset.Active})
	require.NoError(t, err)
	bank, err := pgp.New(pgp.Config{Own: us, Peer: them.Public()})
	require.NoError(t, err)
	partner, err := pgp.New(pgp.Config{Own: them, Peer: us.Public()})
	require.NoError(t, err)
	sealed, err := bank.Seal(t.Context(), []byte("paid"))
	require.NoError(t, err)
	opened, err := partner.Open(t.Context(), sealed)
	require.NoError(t, err)
	assert.Equal(t, "paid", string(opened.Payload))

	for source, want := range map[string]string{
		"awskms:" + rsaDecrypt + "?certificate=own.asc": "OpenPGP needs PKCS #1 v1.5, which AWS KMS does not do",
		"awskms:" + rsaSign + "?certificate=none.asc":   "none.asc",
		"awskms:" + p256 + "?certificate=own.asc":       "none of 1 private keys",
		"awskms:" + rsaSign:                             "names no certificate",
		"file:x?certificate=own.asc":                    "is not the source of a key in KMS",
	} {
		_, err := open(t.Context(), keyset.ManifestKey{Source: source})
		assert.ErrorContains(t, err, want, source)
	}

	// The key is tested when it is opened.
	defer s.answering(func(r *http.Request) *http.Response {
		if operationOf(r) == "Sign" {
			return failure("AccessDeniedException", "no")
		}
		return nil
	})()
	_, err = open(t.Context(), keyset.ManifestKey{Source: "awskms:" + rsaSign + "?certificate=own.asc"})
	assert.ErrorContains(t, err, "grant kms:Sign on the key")
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
}

// A decrypter is a key of another service, in this process.
type decrypter struct{ key *rsa.PrivateKey }

func newDecrypter(t *testing.T) *decrypter {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return &decrypter{key}
}

func (d *decrypter) Public() crypto.PublicKey               { return d.key.Public() }
func (d *decrypter) Bind(context.Context) crypto.PrivateKey { return d.key }
func (d *decrypter) Undecryptable(err error) bool           { return errors.Is(err, rsa.ErrDecryption) }
