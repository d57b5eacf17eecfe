package envelope_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// No goroutine outlives its call: not of a message that is large enough for
// several, not of one that is rejected, and not when there is no key to seal with.
func TestNoGoroutineIsLeft(t *testing.T) {
	oldOurs, oldTheirs := pgpKey("Bank"), pgpKey("Partner")
	sign, decrypt := joseKey(jwe.ES256), joseKey(jwe.ECDHESA256KW)
	// A goroutine that is done is counted until it has left the stage.
	none := func(t *testing.T, before int, what string) {
		t.Helper()
		assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, time.Second, time.Millisecond, what) // and the one of Eventually
	}
	payload := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	for name, e := range map[string][2]envelope.Envelope{
		"pgp": {must(pgp.New(pgp.Config{Own: keys(oldOurs), Peer: keys(oldTheirs).Public()})),
			must(pgp.New(pgp.Config{Own: keys(oldTheirs), Peer: keys(oldOurs).Public()}))},
		"jwe": {must(jwe.New(jwe.Config{Own: keys(sign), Peer: keys(decrypt).Public()})),
			must(jwe.New(jwe.Config{Own: keys(decrypt, joseKey(jwe.ECDHESA256KW)), Peer: keys(sign).Public()}))},
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			for range 20 {
				sealed, err := e[0].Seal(context.Background(), payload)
				require.NoError(t, err)
				none(t, before, "Seal left one")
				_, err = e[1].Open(context.Background(), sealed)
				require.NoError(t, err)
				none(t, before, "Open left one")
				sealed[len(sealed)/2] ^= 1
				_, err = e[1].Open(context.Background(), sealed)
				require.ErrorIs(t, err, envelope.ErrRejected)
				_, err = e[0].Open(context.Background(), sealed)
				require.ErrorIs(t, err, envelope.ErrRejected)
				none(t, before, "a rejected message left one")
			}
		})
	}
	gone := keyset.NewRing(keys(oldTheirs).Public())
	require.NoError(t, gone.Revoke(oldTheirs.Info().ID))
	before := runtime.NumGoroutine()
	_, err := must(pgp.New(pgp.Config{Own: keys(oldOurs), Peer: gone})).Seal(context.Background(), payload)
	require.ErrorIs(t, err, envelope.ErrNoKey)
	none(t, before, "a Seal that fails left one")
}
