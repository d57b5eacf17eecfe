package gcpkms_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gcpkms"
	"github.com/sealwax/sealwax/keyset/gcpkms/openpgp"
	"github.com/sealwax/sealwax/pgp"
)

// Keys that sign with SHA-384 make certificates whose messages a partner opens.
func TestOpenPGPSigns(t *testing.T) {
	s, client := newServer(t)
	theirs, err := pgp.GenerateKey("Partner", pgp.Curve25519, 365*24*time.Hour)
	require.NoError(t, err)
	them, err := keyset.New(1, keyset.Key{Material: theirs, State: keyset.Active})
	require.NoError(t, err)
	for _, name := range []string{"raw", "p384"} {
		made, file := certificateOf(t, s, name)
		open := openpgp.Opener(client, fstest.MapFS{"own.asc": {Data: file}})
		m, err := open(t.Context(), keyset.ManifestKey{ID: made, Source: sourceOf(name)})
		require.NoError(t, err, name)
		assert.Equal(t, made, m.Info().ID)
		assert.Equal(t, keyset.Signing, m.Info().Use)

		us, err := keyset.New(1, keyset.Key{Material: m, State: keyset.Active})
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

		// An outage does not lose a message: it is not sealed, and may be later.
		end := s.answering(codes.Internal)()
		_, err = bank.Seal(t.Context(), []byte("paid"))
		end()
		assert.ErrorIs(t, err, keyset.ErrUnavailable, name)
		_, err = bank.Seal(t.Context(), []byte("paid"))
		assert.NoError(t, err)
	}
}

// What does not sign OpenPGP is refused when it is opened, by name, and with what does.
func TestOpenPGPRefuses(t *testing.T) {
	s, client := newServer(t)
	files := fstest.MapFS{}
	for _, name := range []string{"pss", "pkcs1", "p256", "raw"} {
		_, file := certificateOf(t, s, name)
		files[name+".asc"] = &fstest.MapFile{Data: file}
	}
	open := openpgp.Opener(client, files)
	for name, tt := range map[string]struct {
		source, want string
		unsupported  bool
	}{
		"it decrypts":               {"gcpkms:" + nameOf("oaep") + "?certificate=raw.asc", "OpenPGP needs PKCS #1 v1.5, which Cloud KMS does not do", true},
		"PSS":                       {"gcpkms:" + nameOf("pss") + "?certificate=pss.asc", "is for RSA_SIGN_PSS_2048_SHA256, and does not sign by PKCS #1 v1.5 with SHA-384", true},
		"SHA-256 alone":             {"gcpkms:" + nameOf("pkcs1") + "?certificate=pkcs1.asc", "for OpenPGP make one for RSA_SIGN_RAW_PKCS1_* or EC_SIGN_P384_SHA384", true},
		"SHA-256 alone, on a curve": {"gcpkms:" + nameOf("p256") + "?certificate=p256.asc", nameOf("p256") + ": it is for EC_SIGN_P256_SHA256, and does not sign by ECDSA with SHA-384", true},
		"Ed25519":                   {"gcpkms:" + nameOf("ed25519") + "?certificate=raw.asc", "a signature by ed25519.PublicKey", true},
		"of another certificate":    {"gcpkms:" + nameOf("p384") + "?certificate=raw.asc", "none of 1 private keys", false},
		"no such file":              {"gcpkms:" + nameOf("raw") + "?certificate=none.asc", "none.asc", false},
		"no certificate":            {"gcpkms:" + nameOf("raw"), "names no certificate", false},
		"another scheme":            {"file:x?certificate=raw.asc", "is not the source of a key in KMS", false},
	} {
		_, err := open(t.Context(), keyset.ManifestKey{Source: tt.source})
		assert.ErrorContains(t, err, tt.want, name)
		assert.Equal(t, tt.unsupported, errors.Is(err, errors.ErrUnsupported), "%s: %v", name, err)
		assert.NotErrorIs(t, err, keyset.ErrUnavailable, name)
	}

	// None of its keys decrypts what OpenPGP encrypts, so that none becomes a subkey.
	sign, err := gcpkms.Open(t.Context(), client, nameOf("raw"))
	require.NoError(t, err)
	decrypt, err := gcpkms.Open(t.Context(), client, nameOf("oaep"))
	require.NoError(t, err)
	_, err = pgp.NewRemoteCertificate(t.Context(), "Bank <keys@bank.example>", sign, decrypt, 365*24*time.Hour)
	assert.ErrorContains(t, err, "decrypts RSA-OAEP with SHA-256 and nothing else")
}

func sourceOf(name string) string { return "gcpkms:" + nameOf(name) + "?certificate=own.asc" }

// certificateOf is that of a key of the server, with a subkey elsewhere. It is made by the
// private key itself, which signs with every hash.
func certificateOf(t *testing.T, s *server, name string) (keyset.ID, []byte) {
	elsewhere, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	key, err := pgp.NewRemoteCertificate(t.Context(), "Bank <keys@bank.example>", s.keys[nameOf(name)].private, &decrypter{elsewhere}, 365*24*time.Hour)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, key.WriteCertificate(&out))
	return key.Info().ID, out.Bytes()
}

// A decrypter is a key of another service, in this process.
type decrypter struct{ key *rsa.PrivateKey }

func (d *decrypter) Public() crypto.PublicKey               { return d.key.Public() }
func (d *decrypter) Bind(context.Context) crypto.PrivateKey { return d.key }
func (d *decrypter) Undecryptable(err error) bool           { return errors.Is(err, rsa.ErrDecryption) }
