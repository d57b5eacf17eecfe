package mldsa_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/internal/mldsa"
)

var names = []string{"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}

// What is asked of the names is the same in every build.
func TestNames(t *testing.T) {
	for _, name := range names {
		assert.True(t, mldsa.Known(name))
		assert.Positive(t, mldsa.PublicKeySize(name))
		assert.Positive(t, mldsa.SignatureSize(name))
		assert.LessOrEqual(t, mldsa.SignatureSize(name), mldsa.MaxSignature)
	}
	for _, name := range []string{"", "ML-DSA", "ml-dsa-44", "ML-DSA-66", "ES256"} {
		assert.False(t, mldsa.Known(name), name)
		assert.Zero(t, mldsa.PublicKeySize(name), name)
		assert.Zero(t, mldsa.SignatureSize(name), name)
		_, err := mldsa.Generate(name)
		assert.Error(t, err, name)
	}
}

// What nobody made has no parameters, and no panic tells so.
func TestKeysThatNobodyMade(t *testing.T) {
	for _, k := range []*mldsa.PrivateKey{nil, {}} {
		assert.False(t, mldsa.Known(mldsa.Name(mldsa.Public(k))))
	}
	for _, k := range []*mldsa.PublicKey{nil, {}} {
		assert.False(t, mldsa.Known(mldsa.Name(k)))
	}
}

// A build either has all of it or says what it lacks.
func TestAllOrNothing(t *testing.T) {
	for _, name := range names {
		k, err := mldsa.Generate(name)
		if lacks := mldsa.Available(); lacks != nil {
			assert.ErrorIs(t, lacks, errors.ErrUnsupported)
			assert.Equal(t, lacks, err)
			continue
		}
		assert.NoError(t, err)
		public := mldsa.Public(k)
		assert.Equal(t, name, mldsa.Name(public))
		signature, err := mldsa.Sign(k, []byte("payload"))
		assert.NoError(t, err)
		assert.Len(t, signature, mldsa.SignatureSize(name))
		assert.True(t, mldsa.Verify(public, []byte("payload"), signature))
		assert.False(t, mldsa.Verify(public, []byte("another"), signature))
	}
}
