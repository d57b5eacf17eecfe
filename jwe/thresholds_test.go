package jwe_test

import (
	"bytes"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
)

// Sizes on both sides of every threshold of the fast paths.
var thresholds = []int{0, 1, 15, 16, 17, 4095, 4096, 4097, 49151, 49152, 49153, 65535, 65536, 65537, 98303, 98304, 98305, 1<<20 - 1, 1 << 20, 1<<20 + 1}

// What Seal makes, go-jose opens, and what go-jose makes, Open does: at every
// size, with one core and with all. A change in any part of it is found.
func TestThresholds(t *testing.T) {
	random := mathrand.NewChaCha8([32]byte{7})
	for _, tt := range []struct {
		a    jwe.Algorithms
		json bool
	}{
		{jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: jwe.ES256}, false},
		{jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: jwe.EdDSA}, false},
		{jwe.Algorithms{Key: jwe.ECDHES, Content: jwe.A128CBCHS256, Signature: jwe.ES384}, false},
		{jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: jwe.ES256}, true},
	} {
		for _, cores := range []int{1, runtime.NumCPU()} {
			t.Run(fmt.Sprintf("%s, JSON %t, %d cores", tt.a, tt.json, cores), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
				decrypt, sign := material(t, tt.a.Key), material(t, tt.a.Signature)
				w := newWorld(t)
				w.ourDecrypt, w.theirSign = encryption(t, "our-decrypt", decrypt), signing(t, "their-sign", sign)
				us, them := w.ours(t, jwe.Config{}), w.theirs(t, jwe.Config{Seal: tt.a, JSON: tt.json})
				for _, n := range thresholds {
					if (underRace && cores == 1 || testing.Short()) && n > 1<<17 {
						continue // there is nothing to race, and it is slow
					}
					payload := make([]byte, n)
					_, _ = random.Read(payload)
					sealed, err := them.Seal(t.Context(), payload)
					require.NoError(t, err)
					before := bytes.Clone(sealed)
					require.True(t, bytes.Equal(payload, open(t, us, sealed).Payload), n)
					require.True(t, bytes.Equal(before, sealed), "Open wrote to the message")
					for _, at := range []int{len(sealed) / 3, len(sealed) / 2, len(sealed) - len(sealed)/5} {
						changed := bytes.Clone(sealed)
						changed[at] ^= 1
						_, err := us.Open(t.Context(), changed)
						require.ErrorIs(t, err, envelope.ErrRejected, "%d octets, changed at %d", n, at)
					}
					if tt.json {
						continue
					}
					require.True(t, bytes.Equal(payload, joseOpen(t, sealed, tt.a, decrypt, publicOf(sign))), "go-jose opens ours")
					token := joseEncrypt(t, joseSign(t, payload, tt.a.Signature, sign, nil), tt.a, jose.Recipient{Key: publicOf(decrypt)}, nil)
					require.True(t, bytes.Equal(payload, open(t, us, []byte(token)).Payload), "we open go-jose's")
				}
			})
		}
	}
}

// A large payload is hashed before it is known whose signature it carries: a
// signature that is not by the named key is still found out.
func TestLargeSignaturesAreChecked(t *testing.T) {
	w := newWorld(t)
	payload := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	us, them := w.ours(t, jwe.Config{}), w.theirs(t, jwe.Config{})
	sealed, err := them.Seal(t.Context(), payload)
	require.NoError(t, err)
	assert.Equal(t, payload, open(t, us, sealed).Payload)

	stranger := newWorld(t)
	stranger.ourDecrypt = w.ourDecrypt
	forged, err := stranger.theirs(t, jwe.Config{}).Seal(t.Context(), payload)
	require.NoError(t, err)
	_, err = us.Open(t.Context(), forged)
	assert.ErrorIs(t, err, envelope.ErrRejected)
}
