package envelopetest_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The ready-made keys work, differ, and are the same each time.
func TestReadyMadeKeys(t *testing.T) {
	seen := map[keyset.ID]bool{}
	add := func(m keyset.Material) {
		require.NoError(t, m.SelfTest(t.Context()))
		i := m.Info()
		assert.Equal(t, 2048, i.Bits)
		assert.False(t, seen[i.ID], "twice")
		seen[i.ID] = true
	}
	for n := range envelopetest.RSAKeys {
		use := []keyset.Use{keyset.Signing, keyset.Encryption}[n%2]
		k, err := jwe.NewKey("", envelopetest.RSAKey(t, n), use)
		require.NoError(t, err)
		add(k)
	}
	for n := range envelopetest.OpenPGPKeys {
		k, err := pgp.ReadKey(bytes.NewReader(envelopetest.OpenPGPKey(t, n)))
		require.NoError(t, err)
		add(k)
		assert.Equal(t, fmt.Sprintf("sealwax test key %d (everybody has its private half)", n), k.Info().Name)
	}
	assert.Len(t, seen, envelopetest.RSAKeys+envelopetest.OpenPGPKeys)
	assert.True(t, envelopetest.RSAKey(t, 3).Equal(envelopetest.RSAKey(t, 3)))
}

// A recorder is a test that only notes that it failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	runtime.Goexit()
}

func TestReadyMadeKeysThatAreNone(t *testing.T) {
	for _, n := range []int{-1, envelopetest.RSAKeys} {
		for _, ask := range []func(testing.TB){
			func(t testing.TB) { envelopetest.RSAKey(t, n) },
			func(t testing.TB) { envelopetest.OpenPGPKey(t, n) },
		} {
			r := &recorder{}
			done := make(chan struct{})
			go func() {
				defer close(done)
				ask(r)
			}()
			<-done
			assert.True(t, r.failed)
		}
	}
	assert.Panics(t, func() { envelopetest.RSAKey(nil, 0) })
	assert.Panics(t, func() { envelopetest.OpenPGPKey(nil, 0) })
}
