package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// TestInteroperability shows that what is compared is the same work: a message of
// each opens in every other. The limit opens only its own.
func TestInteroperability(t *testing.T) {
	for _, p := range profiles() {
		t.Run(p.id, func(t *testing.T) {
			for _, size := range []int{1, small, medium + 3, 300<<10 + 1} {
				all, err := p.build(size)
				require.NoError(t, err)
				require.Len(t, all, 2+len(p.peers))
				want := payload(size)
				for _, from := range all {
					sealed, err := from.seal(want)
					require.NoError(t, err, "%s seals %d", from.name, size)
					sealed = bytes.Clone(sealed)
					for _, to := range all {
						if to.name == limit && from.name != limit {
							continue
						}
						got, err := to.open(sealed)
						if assert.NoError(t, err, "%s opens %d of %s", to.name, size, from.name) {
							assert.True(t, bytes.Equal(want, got), "%s opens %d of %s", to.name, size, from.name)
						}
					}
				}
			}
		})
	}
}

// TestAlgorithms shows that everybody uses the algorithms of the profile, which
// for OpenPGP is a matter of preferences.
func TestAlgorithms(t *testing.T) {
	for id, want := range map[string]struct{ content, wrap, signature string }{
		joseRSA:  {"A256GCM", "RSA-OAEP-256", "PS256"},
		joseEC:   {"A256GCM", "ECDH-ES+A256KW", "ES256"},
		joseDEF:  {"A128CBC-HS256", "RSA1_5", "RS256"},
		pgpRSA:   {"AES-256/CFB", "RSA-2048", "RSA-2048/SHA-384"},
		pgpCurve: {"AES-256/CFB", "X25519", "Ed25519/SHA-384"},
		pgpV6:    {"AES-256/GCM", "X25519", "Ed25519/SHA-384"},
	} {
		t.Run(id, func(t *testing.T) {
			p, err := profileOf(id)
			require.NoError(t, err)
			all, err := p.build(small)
			require.NoError(t, err)
			to := receiver(t, id)
			for _, from := range all {
				sealed, err := from.seal(payload(small))
				require.NoError(t, err)
				m, err := to.Open(context.Background(), bytes.Clone(sealed))
				require.NoError(t, err, from.name)
				assert.Equal(t, want.content, m.Content, from.name)
				assert.Equal(t, want.wrap, m.Decrypter.Algorithm, from.name)
				require.Len(t, m.Signers, 1, from.name)
				assert.Equal(t, want.signature, m.Signers[0].Algorithm, from.name)
				compressed := false
				for _, w := range m.Waived {
					compressed = compressed || w.Name() == "jwe.InsecureCompression"
				}
				assert.Equal(t, id == joseDEF, compressed, from.name)
			}
		})
	}
}

// receiver is our side of a profile that opens.
func receiver(t *testing.T, id string) envelope.Envelope {
	t.Helper()
	if strings.HasPrefix(id, "jwe") {
		k, err := map[string]func() (joseKeys, error){joseRSA: joseRSAKeys, joseEC: joseECKeys, joseDEF: joseDEFKeys}[id]()
		require.NoError(t, err)
		decrypt, err := k.decryptionKey()
		require.NoError(t, err)
		sign, err := jwe.NewPublicKey("", k.sign.Public(), keyset.Signing)
		require.NoError(t, err)
		e, err := k.envelope(small, decrypt, sign)
		require.NoError(t, err)
		return e
	}
	k, err := map[string]func() (pgpKeys, error){pgpRSA: pgpRSAKeys, pgpCurve: pgpCurveKeys, pgpV6: pgpV6Keys}[id]()
	require.NoError(t, err)
	decrypt, err := ourKey(k.decrypt)
	require.NoError(t, err)
	sign, err := ourKey(k.sign)
	require.NoError(t, err)
	e, err := pgpEnvelope(small, decrypt, sign.Public())
	require.NoError(t, err)
	return e
}

// TestLimitVerifies shows that the limit does the work that makes a message
// authentic.
func TestLimitVerifies(t *testing.T) {
	for _, p := range profiles() {
		t.Run(p.id, func(t *testing.T) {
			all, err := p.build(medium)
			require.NoError(t, err)
			im := all[0]
			require.Equal(t, limit, im.name)
			sealed, err := im.seal(payload(medium))
			require.NoError(t, err)
			sealed = bytes.Clone(sealed)
			sealed[len(sealed)/2] ^= 'A' ^ 'B'
			_, err = im.open(sealed)
			assert.Error(t, err)
		})
	}
}

// TestCases runs the operations that are measured once, but for the largest
// payloads and most numbers of keys, which are the same code.
func TestCases(t *testing.T) {
	for _, c := range cases() {
		if c.size > medium && c.part != partSigners || c.keys > 2 && c.part != partLookup {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			subjects, err := c.subjects()
			require.NoError(t, err)
			require.NotEmpty(t, subjects)
			for _, s := range subjects {
				if s.prepare != nil {
					require.NoError(t, s.prepare(1))
				}
				_, err := s.op()
				assert.NoError(t, err, s.name)
			}
		})
	}
}

func TestPayloadDeflates(t *testing.T) {
	k, err := joseDEFKeys()
	require.NoError(t, err)
	l, err := joseLimit(k, large)
	require.NoError(t, err)
	sealed, err := l.seal(payload(large))
	require.NoError(t, err)
	assert.Len(t, payload(large), large)
	assert.Less(t, len(sealed), large)      // base64 twice would be 1.8 times as long
	assert.Greater(t, len(sealed), large/4) // go-jose inflates to ten times the size at most
}
