package remote_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/remote"
)

func TestSignature(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	pss := func(salt int) *rsa.PSSOptions { return &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256} }
	for name, tt := range map[string]struct {
		public crypto.PublicKey
		digest int
		opts   crypto.SignerOpts
		want   remote.Scheme // zero if it is refused
		hash   crypto.Hash
	}{
		"PKCS #1 v1.5":           {rsaKey.Public(), 48, crypto.SHA384, remote.PKCS1v15, crypto.SHA384},
		"PSS":                    {rsaKey.Public(), 32, pss(rsa.PSSSaltLengthEqualsHash), remote.PSS, crypto.SHA256},
		"PSS by number":          {rsaKey.Public(), 32, pss(32), remote.PSS, crypto.SHA256},
		"PSS with any salt":      {rsaKey.Public(), 32, pss(rsa.PSSSaltLengthAuto), 0, 0},
		"PSS with another salt":  {rsaKey.Public(), 32, pss(20), 0, 0},
		"ECDSA":                  {ecKey.Public(), 64, crypto.SHA512, remote.ECDSA, crypto.SHA512},
		"ECDSA with PSS":         {ecKey.Public(), 32, pss(32), 0, 0},
		"Ed25519":                {edKey, 100, crypto.Hash(0), remote.Ed25519, 0},
		"Ed25519ph":              {edKey, 64, crypto.SHA512, 0, 0},
		"a digest of another":    {rsaKey.Public(), 48, crypto.SHA256, 0, 0},
		"SHA-1":                  {rsaKey.Public(), 20, crypto.SHA1, 0, 0},
		"a DigestInfo":           {rsaKey.Public(), 51, crypto.Hash(0), 0, 0},
		"no options":             {rsaKey.Public(), 32, nil, 0, 0},
		"a hash that is unknown": {rsaKey.Public(), 32, crypto.Hash(99), 0, 0},
		"another kind of key":    {5, 32, crypto.SHA256, 0, 0},
	} {
		scheme, hash, err := remote.Signature(tt.public, make([]byte, tt.digest), tt.opts)
		assert.Equal(t, tt.want, scheme, name)
		assert.Equal(t, tt.hash, hash, name)
		assert.Equal(t, tt.want == 0, errors.Is(err, errors.ErrUnsupported), "%s: %v", name, err)
	}
}

func TestDecryption(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	below := func(less int64) []byte { return new(big.Int).Sub(key.N, big.NewInt(less)).FillBytes(make([]byte, 256)) }
	fits := below(2)
	//lint:ignore SA1019 what OpenPGP and RSA1_5 are
	plain, session := &rsa.PKCS1v15DecryptOptions{}, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: 16}
	refused := errors.New("not here")
	for name, tt := range map[string]struct {
		public     crypto.PublicKey
		ciphertext []byte
		opts       crypto.DecrypterOpts
		allowed    error
		want       remote.Scheme
		is         error
	}{
		"no options":             {key.Public(), fits, nil, nil, remote.PKCS1v15, nil},
		"PKCS #1 v1.5":           {key.Public(), fits, plain, nil, remote.PKCS1v15, nil},
		"a session key":          {key.Public(), fits, session, nil, 0, errors.ErrUnsupported},
		"OAEP":                   {key.Public(), fits, &rsa.OAEPOptions{Hash: crypto.SHA1}, nil, remote.OAEP, nil},
		"OAEP, one hash twice":   {key.Public(), fits, &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}, nil, remote.OAEP, nil},
		"OAEP with two hashes":   {key.Public(), fits, &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA1}, nil, 0, errors.ErrUnsupported},
		"OAEP with a label":      {key.Public(), fits, &rsa.OAEPOptions{Hash: crypto.SHA1, Label: []byte{1}}, nil, 0, errors.ErrUnsupported},
		"OAEP without a hash":    {key.Public(), fits, &rsa.OAEPOptions{}, nil, 0, errors.ErrUnsupported},
		"other options":          {key.Public(), fits, 5, nil, 0, errors.ErrUnsupported},
		"another kind of key":    {ed25519.PublicKey{}, fits, nil, nil, 0, errors.ErrUnsupported},
		"what is not done":       {key.Public(), fits, nil, refused, 0, errors.ErrUnsupported},
		"nothing":                {key.Public(), nil, nil, nil, 0, remote.ErrCiphertext},
		"too short":              {key.Public(), fits[1:], nil, nil, 0, remote.ErrCiphertext},
		"too long":               {key.Public(), make([]byte, 257), nil, nil, 0, remote.ErrCiphertext},
		"zero":                   {key.Public(), make([]byte, 256), nil, nil, 0, remote.ErrCiphertext},
		"one":                    {key.Public(), append(make([]byte, 255), 1), nil, nil, 0, remote.ErrCiphertext},
		"two":                    {key.Public(), append(make([]byte, 255), 2), nil, nil, remote.PKCS1v15, nil},
		"one below the modulus":  {key.Public(), below(1), nil, nil, 0, remote.ErrCiphertext},
		"the modulus":            {key.Public(), key.N.Bytes(), nil, nil, 0, remote.ErrCiphertext},
		"above the modulus":      {key.Public(), bytes.Repeat([]byte{255}, 256), nil, nil, 0, remote.ErrCiphertext},
		"not done, and too long": {key.Public(), make([]byte, 257), nil, refused, 0, refused},
	} {
		scheme, _, err := remote.Decryption(tt.public, tt.ciphertext, tt.opts, func(remote.Scheme, crypto.Hash) error { return tt.allowed })
		assert.Equal(t, tt.want, scheme, name)
		assert.ErrorIs(t, err, tt.is, name)
	}
}
