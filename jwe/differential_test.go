package jwe_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	mathrand "math/rand/v2"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
)

// Without -race, some ten thousand payloads are exchanged in each direction.
// go-jose is the independent oracle: its framing is not used by the package
// under test. It has no X25519.

func payloads(t testing.TB, n int) [][]byte {
	out := [][]byte{{}, []byte("{}"), []byte("a.b.c")}
	for range n {
		b := make([]byte, mathrand.IntN(2000))
		rand.Read(b)
		out = append(out, b)
	}
	return out
}

func joseOpen(t testing.TB, sealed []byte, a jwe.Algorithms, decrypt crypto.PrivateKey, verify crypto.PublicKey) []byte {
	token, err := jose.ParseEncryptedCompact(string(sealed),
		[]jose.KeyAlgorithm{jose.KeyAlgorithm(a.Key)}, []jose.ContentEncryption{jose.ContentEncryption(a.Content)})
	require.NoError(t, err)
	content, err := token.Decrypt(decrypt)
	require.NoError(t, err)
	assert.Equal(t, "JWT", token.Header.ExtraHeaders["cty"])
	signed, err := jose.ParseSignedCompact(string(content), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a.Signature)})
	require.NoError(t, err)
	payload, err := signed.Verify(verify)
	require.NoError(t, err)
	return payload
}

func joseSign(t testing.TB, payload []byte, alg jwe.Algorithm, key any, extra map[jose.HeaderKey]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key},
		&jose.SignerOptions{ExtraHeaders: extra})
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	text, err := signed.CompactSerialize()
	require.NoError(t, err)
	return text
}

func joseEncrypt(t testing.TB, content string, a jwe.Algorithms, to jose.Recipient, extra map[jose.HeaderKey]any) string {
	to.Algorithm = jose.KeyAlgorithm(a.Key)
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(a.Content), to, &jose.EncrypterOptions{ExtraHeaders: extra})
	require.NoError(t, err)
	encrypted, err := encrypter.Encrypt([]byte(content))
	require.NoError(t, err)
	text, err := encrypted.CompactSerialize()
	require.NoError(t, err)
	return text
}

func publicOf(k crypto.PrivateKey) crypto.PublicKey {
	return k.(interface{ Public() crypto.PublicKey }).Public()
}

func TestDifferential(t *testing.T) {
	profiles(t, func(t *testing.T, w world, a jwe.Algorithms) {
		decrypt, sign := material(t, a.Key), material(t, a.Signature)
		w.ourDecrypt, w.theirSign = encryption(t, "our-decrypt", decrypt), signing(t, "their-sign", sign)
		us, them := w.ours(t, jwe.Config{}), w.theirs(t, jwe.Config{Seal: a})
		n := 5
		_, quick := decrypt.(*ecdsa.PrivateKey)
		if _, ec := sign.(*ecdsa.PrivateKey); quick && ec && !underRace && !testing.Short() {
			n = 420 // some ten thousand in all
		}
		for _, payload := range payloads(t, n) {
			sealed, err := them.Seal(t.Context(), payload)
			require.NoError(t, err)
			assert.Equal(t, string(payload), string(joseOpen(t, sealed, a, decrypt, publicOf(sign))), "go-jose opens ours")

			token := joseEncrypt(t, joseSign(t, payload, a.Signature, sign, nil), a, jose.Recipient{Key: publicOf(decrypt)}, nil)
			assert.Equal(t, string(payload), string(open(t, us, []byte(token)).Payload), "we open go-jose's")
		}
	})
}

// The party information of RFC 7518, Section 4.6.1, is taken into the key.
func TestPartyInformation(t *testing.T) {
	decrypt := newX(t)
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.ourDecrypt, w.theirSign = encryption(t, "x", decrypt), signing(t, "sig", signKey)
	us := w.ours(t, jwe.Config{})
	e, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	z, err := e.ECDH(decrypt.PublicKey())
	require.NoError(t, err)
	header := `{"alg":"ECDH-ES","enc":"A256GCM","apu":"QWxpY2U","apv":"Qm9i","epk":{"kty":"OKP","crv":"X25519","x":"` + b64(e.PublicKey().Bytes()) + `"}}`
	token := encryptWith(t, concatKDF(z, "A256GCM", 32, "Alice", "Bob"), nil, header, signES256(t, signKey, `{"alg":"ES256"}`, "payload"))
	assert.Equal(t, "payload", string(open(t, us, []byte(token)).Payload))
}
