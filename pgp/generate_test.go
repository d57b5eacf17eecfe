package pgp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func TestGenerateKey(t *testing.T) {
	for _, tt := range []struct {
		alg  pgp.Algorithm
		name string
		bits int
	}{
		{pgp.RSA3072, "RSA-3072", 3072},
		{pgp.Curve25519, "Ed25519+X25519", 0},
	} {
		t.Run(string(tt.alg), func(t *testing.T) {
			k := bankRSA()
			if tt.alg == pgp.Curve25519 {
				k = bank()
			}
			i := k.Info()
			assert.Equal(t, keyset.OpenPGP, i.Format)
			assert.True(t, i.Private)
			assert.Equal(t, keyset.Signing|keyset.Encryption, i.Use)
			assert.Equal(t, tt.name, i.Algorithm)
			assert.Equal(t, tt.bits, i.Bits)
			assert.Contains(t, i.Name, "@bank.example>")
			assert.Equal(t, year, i.NotAfter.Sub(i.NotBefore))
			assert.NoError(t, k.SelfTest(context.Background()))
			assert.ErrorIs(t, public(k).SelfTest(context.Background()), errors.ErrUnsupported)
			assert.Len(t, string(i.ID), 40)
			assert.Equal(t, strings.ToUpper(string(i.ID)), string(i.ID))

			e := entity(t, k)
			self, _ := e.PrimaryIdentity(time.Now(), nil)
			assert.Equal(t, uint8(9), self.PreferredHash[0], "SHA-384 first")
			assert.Equal(t, uint8(packet.CipherAES256), self.PreferredSymmetric[0])
			require.Len(t, e.Subkeys, 1)
			binding, err := e.Subkeys[0].Verify(time.Now(), nil)
			require.NoError(t, err)
			assert.True(t, binding.FlagEncryptCommunications)
			assert.False(t, binding.FlagSign)
			assert.NotNil(t, binding.KeyLifetimeSecs, "the subkey ends by itself")
			if tt.bits != 0 {
				n, err := e.Subkeys[0].PublicKey.BitLength()
				require.NoError(t, err)
				assert.Equal(t, uint16(tt.bits), n)
			}
		})
	}
}

func TestGenerateKeyErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		name     string
		alg      pgp.Algorithm
		validity time.Duration
	}{
		"no name":        {" ", pgp.Curve25519, year},
		"control":        {"a\nb", pgp.Curve25519, year},
		"not UTF-8":      {"a\xff", pgp.Curve25519, year},
		"long":           {strings.Repeat("x", 256), pgp.Curve25519, year},
		"no algorithm":   {"x", "", year},
		"other":          {"x", "rsa1024", year},
		"no end":         {"x", pgp.Curve25519, 0},
		"negative":       {"x", pgp.Curve25519, -year},
		"for ever, near": {"x", pgp.Curve25519, 101 * year},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := pgp.GenerateKey(tt.name, tt.alg, tt.validity)
			assert.Error(t, err)
			assert.Nil(t, k)
		})
	}
}
