package gcpkms_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gcpkms"
)

var uses = map[string]keyset.Use{
	"pss": keyset.Signing, "pkcs1": keyset.Signing, "raw": keyset.Signing, "p256": keyset.Signing, "p384": keyset.Signing,
	"ed25519": keyset.Signing, "oaep": keyset.Encryption, "oaep-sha1": keyset.Encryption,
}

func TestKeepsItsPromises(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			envelopetest.TestRemote(t, func(t *testing.T) envelopetest.RemoteSubject { return subject(t, name, use) })
		})
	}
}

func subject(t *testing.T, name string, use keyset.Use) envelopetest.RemoteSubject {
	s, client := newServer(t)
	k, err := gcpkms.Open(t.Context(), client, nameOf(name))
	require.NoError(t, err)
	return envelopetest.RemoteSubject{Remote: k, Use: use,
		Stop: s.answering(codes.Internal), Throttle: s.answering(codes.ResourceExhausted), Stall: s.stall}
}

// The table of the README is what the suite sees.
func TestREADME(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for name, use := range uses {
		for _, c := range envelopetest.Capabilities(t.Context(), subject(t, name, use)) {
			row := "| `" + c.Operation + "` |"
			at := strings.Index(string(raw), row)
			require.GreaterOrEqual(t, at, 0, row)
			line, _, _ := strings.Cut(string(raw)[at:], "\n")
			algorithm := map[string]string{"pss": "RSA_SIGN_PSS_2048_SHA256", "pkcs1": "RSA_SIGN_PKCS1", "raw": "RSA_SIGN_RAW_PKCS1", "p256": "EC_SIGN_P256_SHA256", "p384": "EC_SIGN_P384_SHA384",
				"ed25519": "EC_SIGN_ED25519", "oaep": "RSA_DECRYPT_OAEP_*_SHA256", "oaep-sha1": "RSA_DECRYPT_OAEP_*_SHA1"}[name]
			assert.Equal(t, c.Does, strings.Contains(line, algorithm), "%s with %s: %s", c.Operation, name, line)
		}
	}
}

// What is wrong is said at load, with the name of the key.
func TestOpenErrors(t *testing.T) {
	s, client := newServer(t)
	for name, tt := range map[string]struct {
		key  string
		code codes.Code
		want string
		wait bool // trying again may help
	}{
		"no version":      {strings.TrimSuffix(nameOf("pss"), "/cryptoKeyVersions/1"), codes.OK, "is no key version", false},
		"no such key":     {nameOf("none"), codes.OK, "no such version", false},
		"another kind":    {nameOf("hmac"), codes.OK, "it is for HMAC_SHA256: make a key for", false},
		"no permission":   {nameOf("pss"), codes.PermissionDenied, "grant cloudkms.cryptoKeyVersions.viewPublicKey", true},
		"disabled":        {nameOf("pss"), codes.FailedPrecondition, "the version is disabled, destroyed", true},
		"it is away":      {nameOf("pss"), codes.Internal, "as the test wants it", true},
		"no credentials":  {nameOf("pss"), codes.Unauthenticated, "as the test wants it", true},
		"asked too often": {nameOf("pss"), codes.ResourceExhausted, "as the test wants it", true},
	} {
		end := s.answering(tt.code)()
		_, err := gcpkms.Open(t.Context(), client, tt.key)
		end()
		assert.ErrorContains(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.key, name)
		assert.Equal(t, tt.wait, errors.Is(err, keyset.ErrUnavailable), "%s: %v", name, err)
	}
	s.mu.Lock()
	s.damage = true
	s.mu.Unlock()
	_, err := gcpkms.Open(t.Context(), client, nameOf("pss"))
	assert.ErrorContains(t, err, "damaged")
	_, err = gcpkms.Open(t.Context(), nil, nameOf("pss"))
	assert.ErrorContains(t, err, "the client is nil")
}

// An answer that was damaged on its way is an outage.
func TestDamagedAnswers(t *testing.T) {
	s, client := newServer(t)
	for _, name := range []string{"pss", "oaep"} {
		k, err := gcpkms.Open(t.Context(), client, nameOf(name))
		require.NoError(t, err)
		key, err := jwe.NewKey("k", k, uses[name])
		require.NoError(t, err)
		require.NoError(t, key.SelfTest(t.Context()))
		s.mu.Lock()
		s.damage = true
		s.mu.Unlock()
		assert.ErrorIs(t, key.SelfTest(t.Context()), keyset.ErrUnavailable)
		s.mu.Lock()
		s.damage = false
		s.mu.Unlock()
	}
}

// Keys of a manifest, in a whole exchange.
func TestExchange(t *testing.T) {
	_, client := newServer(t)
	open := gcpkms.Opener(client)
	var own []keyset.Key
	for _, name := range []string{"pss", "oaep"} {
		k, err := gcpkms.Open(t.Context(), client, nameOf(name))
		require.NoError(t, err)
		made, err := jwe.NewKey(name, k, uses[name])
		require.NoError(t, err)
		m, err := open(t.Context(), keyset.ManifestKey{ID: made.Info().ID, Name: name, Source: "gcpkms:" + nameOf(name)})
		require.NoError(t, err)
		require.NoError(t, m.SelfTest(t.Context()))
		own = append(own, keyset.Key{Material: m, State: keyset.Active})
	}
	_, err := open(t.Context(), keyset.ManifestKey{Source: "file:x"})
	assert.ErrorContains(t, err, "is not the source of a key in KMS")
	us, err := keyset.New(1, own...)
	require.NoError(t, err)
	var theirs []keyset.Key
	for name, a := range map[string]jwe.Algorithm{"sign": jwe.ES256, "read": jwe.ECDHESA256KW} {
		k, err := jwe.GenerateKey(name, a)
		require.NoError(t, err)
		theirs = append(theirs, keyset.Key{Material: k, State: keyset.Active})
	}
	partner, err := keyset.New(1, theirs...)
	require.NoError(t, err)
	bank, err := jwe.New(jwe.Config{Own: us, Peer: partner.Public(), MaxAge: time.Minute})
	require.NoError(t, err)
	shop, err := jwe.New(jwe.Config{Own: partner, Peer: us.Public(), MaxAge: time.Minute})
	require.NoError(t, err)
	for _, way := range [][2]*jwe.Envelope{{bank, shop}, {shop, bank}} {
		sealed, err := way[0].Seal(t.Context(), []byte("paid"))
		require.NoError(t, err)
		m, err := way[1].Open(t.Context(), sealed)
		require.NoError(t, err)
		assert.Equal(t, "paid", string(m.Payload))
	}
}
