package pkcs11_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"testing"

	binding "github.com/miekg/pkcs11"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

var kinds = []struct {
	name      string
	kind      kind
	attribute uint
	use       keyset.Use
}{
	{"RSA to sign", rsaKey(2048), binding.CKA_SIGN, keyset.Signing},
	{"RSA to decrypt", rsaKey(2048), binding.CKA_DECRYPT, keyset.Encryption},
	{"RSA without raw RSA", only(rsaKey(2048), binding.CKM_RSA_PKCS, binding.CKM_RSA_PKCS_OAEP), binding.CKA_DECRYPT, keyset.Encryption},
	{"P-256 to sign", curve(p256), binding.CKA_SIGN, keyset.Signing},
	{"P-384 to sign", curve(p384), binding.CKA_SIGN, keyset.Signing},
	{"P-521 to sign", curve(p521), binding.CKA_SIGN, keyset.Signing},
	{"Ed25519", edwards("\x06\x03\x2b\x65\x70"), binding.CKA_SIGN, keyset.Signing},
	{"P-256 to agree", curve(p256), binding.CKA_DERIVE, keyset.Encryption},
	{"P-384 to agree", curve(p384), binding.CKA_DERIVE, keyset.Encryption},
	{"P-521 to agree", curve(p521), binding.CKA_DERIVE, keyset.Encryption},
	{"X25519", edwards("\x06\x03\x2b\x65\x6e"), binding.CKA_DERIVE, keyset.Encryption},
}

// Every promise of keyset.Remote, for each kind of key.
func TestRemote(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			h := start(t)
			h.generate(k.name, 1, k.kind, k.attribute)
			h.logout()
			m := h.open()
			envelopetest.TestRemote(t, func(t *testing.T) envelopetest.RemoteSubject {
				remote, err := m.Remote(t.Context(), source(k.name), k.use)
				require.NoError(t, err)
				return envelopetest.RemoteSubject{Remote: remote, Use: k.use, Stop: h.pullOut}
			})
		})
	}
}

// PKCS #1 v1.5 is taken off here where the token does raw RSA: bad padding is no error, and
// the same ciphertext comes out the same. Where it does not, the token says what it will.
func TestImplicitRejection(t *testing.T) {
	h := start(t)
	h.generate("raw", 1, rsaKey(2048), binding.CKA_DECRYPT)
	h.generate("not raw", 2, only(rsaKey(2048), binding.CKM_RSA_PKCS), binding.CKA_DECRYPT)
	h.logout()
	m := h.open()
	for label, raw := range map[string]bool{"raw": true, "not raw": false} {
		remote := must[keyset.Remote](t)(m.Remote(t.Context(), source(label), keyset.Encryption))
		decrypter := remote.Bind(t.Context()).(crypto.Decrypter)
		for range 20 {
			c := make([]byte, 256)
			rand.Read(c[1:])
			for _, size := range []int{0, 32} {
				//lint:ignore SA1019 what is tested
				out, err := decrypter.Decrypt(nil, c, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: size})
				if !raw {
					assert.True(t, remote.Undecryptable(err), err)
					continue
				}
				require.NoError(t, err)
				//lint:ignore SA1019 what is tested
				again, err := decrypter.Decrypt(nil, c, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: size})
				require.NoError(t, err)
				assert.Equal(t, out, again)
				if size != 0 {
					assert.Len(t, out, size)
				}
			}
		}
	}
}

// A token whose folder is gone, and whose library has not noticed.
func TestFolderIsGone(t *testing.T) {
	h := start(t)
	h.generate("open", 1, rsaKey(2048), binding.CKA_DECRYPT)
	h.logout()
	remote := must[keyset.Remote](t)(h.open().Remote(t.Context(), source("open"), keyset.Encryption))
	good, err := rsa.EncryptOAEP(crypto.SHA1.New(), rand.Reader, remote.Public().(*rsa.PublicKey), []byte("hello"), nil)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(h.Tokens))
	for range 3 {
		_, err := remote.Bind(t.Context()).(crypto.Decrypter).Decrypt(nil, good, &rsa.OAEPOptions{Hash: crypto.SHA1})
		assert.ErrorIs(t, err, keyset.ErrUnavailable)
		assert.False(t, remote.Undecryptable(err), err)
	}
}
