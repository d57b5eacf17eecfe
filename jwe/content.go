package jwe

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"errors"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/secret"
)

// sizes are those of a content encryption, in bytes: RFC 7518, Sections 5.2
// and 5.3.
type sizes struct{ key, iv, tag int }

func (a Algorithm) sizes() sizes {
	switch a {
	case A128GCM:
		return sizes{16, 12, 16}
	case A192GCM:
		return sizes{24, 12, 16}
	case A256GCM:
		return sizes{32, 12, 16}
	case A128CBCHS256:
		return sizes{32, 16, 16}
	case A192CBCHS384:
		return sizes{48, 16, 24}
	case A256CBCHS512:
		return sizes{64, 16, 32}
	}
	return sizes{}
}

func (a Algorithm) gcm() bool { return a == A128GCM || a == A192GCM || a == A256GCM }

// aead returns the content encryption under a key of the right size, for an IV
// that was checked.
func (a Algorithm) aead(key []byte, iv int) (cipher.AEAD, error) {
	return secret.Value(func() (cipher.AEAD, error) { return a.newAEAD(key, iv) })
}

func (a Algorithm) newAEAD(key []byte, iv int) (cipher.AEAD, error) {
	if len(key) != a.sizes().key || len(key) == 0 {
		return nil, errors.New("content key of the wrong size")
	}
	if !a.gcm() {
		return josecipher.NewCBCHMAC(key, aes.NewCipher)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	switch {
	case iv == longIV:
		return cipher.NewGCMWithNonceSize(block, longIV)
	case fips140.Enforced():
		return newRandomGCM(block)
	}
	return cipher.NewGCM(block)
}

// sealContent appends ciphertext and tag to dst, under iv, or under what it writes to iv
// where the module of FIPS 140-3 chooses it. If dst is content[:0] and the
// algorithm is GCM, it works in place.
func sealContent(enc Algorithm, dst, key, iv, content, protected []byte) ([]byte, error) {
	aead, err := enc.aead(key, len(iv))
	if err != nil {
		return nil, err
	}
	if !enc.gcm() {
		dst = nil
	}
	// With CBC the library expands the key once more for each message.
	secret.Do(func() { dst = aead.Seal(dst, iv, content, protected) })
	return dst, nil
}

// longIV is the size of an IV that some libraries use with GCM.
const longIV = 16

// checkSizes checks what the content encryption requires of the parts of a JWE
// before any key is used.
func (t *sealedToken) checkSizes(long bool) error {
	want := t.header.enc.sizes()
	n := decodedLen(t.ciphertext)
	switch {
	case len(t.iv) == longIV && t.header.enc.gcm() && long:
	case len(t.iv) == longIV && t.header.enc.gcm():
		return envelope.Reject(envelope.Forbidden, errors.New("an IV of 16 bytes with GCM, which RFC 7518, Section 5.3, does not have, and InsecureLongIV can permit"))
	case len(t.iv) != want.iv:
		return envelope.Reject(envelope.Malformed, errors.New("IV of the wrong size"))
	}
	if !t.header.enc.gcm() && (n == 0 || n%aes.BlockSize != 0) {
		return envelope.Reject(envelope.Malformed, errors.New("ciphertext is not made of blocks"))
	}
	return nil
}

// checkSize does the same for the encrypted key of a recipient.
func (r *recipient) checkSize(enc Algorithm) error {
	alg := r.header.alg
	switch {
	case (alg == ECDHES) != (len(r.key) == 0):
		return errors.New("encrypted key where there is none, or none where there is one")
	case alg.kekSize() != 0 && len(r.key) != enc.sizes().key+8: // RFC 3394: unwrapping takes time in proportion
		return errors.New("wrapped key of the wrong size")
	}
	return nil
}

// open decrypts the content in body. If last is set no other key will be tried,
// and it may be done in place.
func (t *sealedToken) open(key, body []byte, last bool) ([]byte, error) {
	aead, err := t.header.enc.aead(key, len(t.iv))
	if err != nil {
		return nil, err
	}
	var dst []byte
	if last {
		dst = body[:0]
	}
	return secret.Value(func() ([]byte, error) { return aead.Open(dst, t.iv, body, t.aad) })
}
