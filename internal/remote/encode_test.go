package remote_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/remote"
)

func TestECDSA(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	digest := make([]byte, 32)
	for range 600 { // some with leading zeros
		der, err := ecdsa.SignASN1(rand.Reader, key, digest)
		require.NoError(t, err)
		var sig struct{ R, S *big.Int }
		_, err = asn1.Unmarshal(der, &sig)
		require.NoError(t, err)
		raw := append(sig.R.FillBytes(make([]byte, 32)), sig.S.FillBytes(make([]byte, 32))...)
		got, err := remote.DER(raw)
		require.NoError(t, err)
		assert.Equal(t, der, got)
	}
	for _, raw := range [][]byte{nil, {1}, {1, 2, 3}} {
		_, err := remote.DER(raw)
		assert.Error(t, err)
	}
}

func TestDigestInfo(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		digest := make([]byte, h.Size())
		info, err := remote.DigestInfo(h, digest)
		require.NoError(t, err)
		sig, err := rsa.SignPKCS1v15(nil, key, 0, info) // of what stands there as it is
		require.NoError(t, err)
		assert.NoError(t, rsa.VerifyPKCS1v15(&key.PublicKey, h, digest, sig))
		_, err = remote.DigestInfo(h, digest[1:])
		assert.ErrorIs(t, err, errors.ErrUnsupported)
	}
	_, err = remote.DigestInfo(crypto.MD5, make([]byte, 16))
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}
