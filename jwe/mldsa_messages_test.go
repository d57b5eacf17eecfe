//go:build go1.27 && !fips140v1.0

package jwe_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A message says what its signatures are worth, in every form in which it is written.
func TestMLDSAMessages(t *testing.T) {
	for _, alg := range mldsaAlgorithms {
		w := newWorld(t)
		w.theirSign = signing(t, "pq", newMLDSA(t, alg))
		beside := signing(t, "ec", newEC(t, curve256))
		for name, tt := range map[string]struct {
			c        jwe.Config
			own      []*jwe.Key
			signers  int
			accepted keyset.Use
		}{
			"compact":            {jwe.Config{}, []*jwe.Key{w.theirSign}, 1, keyset.Signing},
			"members":            {jwe.Config{Members: true}, []*jwe.Key{w.theirSign}, 1, keyset.Signing},
			"around":             {jwe.Config{Layers: jwe.EncryptThenSign}, []*jwe.Key{w.theirSign}, 1, keyset.Signing},
			"around and inside":  {jwe.Config{Layers: jwe.SignEncryptSign}, []*jwe.Key{w.theirSign}, 2, keyset.Signing},
			"JSON":               {jwe.Config{JSON: true}, []*jwe.Key{w.theirSign}, 1, keyset.Signing},
			"beside P-256":       {jwe.Config{JSON: true}, []*jwe.Key{beside, w.theirSign}, 2, keyset.Signing},
			"P-256 first":        {jwe.Config{}, []*jwe.Key{beside, w.theirSign}, 1, 0},
			"a classical signer": {jwe.Config{}, []*jwe.Key{beside}, 1, 0},
		} {
			t.Run(string(alg)+" "+name, func(t *testing.T) {
				var sealed, opened envelope.Event
				c := tt.c
				c.Own = set(t, append(tt.own, w.theirDecrypt)...)
				c.Observe = func(_ context.Context, e envelope.Event) { sealed = e }
				token := seal(t, w.theirs(t, c), `{"amount":1}`)
				c = jwe.Config{JSON: tt.c.JSON, Members: tt.c.Members, Layers: tt.c.Layers, Peer: set(t, public(append(tt.own, w.theirDecrypt)...)...)}
				c.Observe = func(_ context.Context, e envelope.Event) { opened = e }
				m := open(t, w.ours(t, c), token)
				assert.Equal(t, `{"amount":1}`, string(m.Payload))
				require.Len(t, m.Signers, tt.signers)
				assert.Equal(t, tt.accepted, m.PostQuantum)
				assert.Equal(t, tt.accepted, opened.PostQuantum)
				assert.Equal(t, tt.accepted, sealed.PostQuantum)
				for _, u := range m.Signers {
					assert.Equal(t, u.ID == w.theirSign.Info().ID, u.PostQuantum)
				}
				assert.False(t, m.Decrypter.PostQuantum, "JOSE has no such key agreement")

				c.RequirePostQuantum, c.Observe = keyset.Signing, nil
				demanding := w.ours(t, c)
				if tt.accepted == 0 {
					oe := rejects(t, demanding, token, envelope.Forbidden)
					assert.ErrorContains(t, oe.Cause(), "RequirePostQuantum")
				} else {
					open(t, demanding, token)
				}
				c = tt.c
				c.Own, c.RequirePostQuantum = set(t, append(tt.own, w.theirDecrypt)...), keyset.Signing
				_, err := w.theirs(t, c).Seal(t.Context(), []byte("{}"))
				if tt.accepted == 0 {
					require.ErrorIs(t, err, envelope.ErrNoKey)
					assert.ErrorContains(t, err, string(beside.Info().ID))
				} else {
					assert.NoError(t, err)
				}
			})
		}
	}
}
