package jwe

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/subtle"

	"github.com/sealwax/sealwax/internal/secret"
)

// RSAES-PKCS1-v1_5 must be no oracle: RFC 7516, Section 11.5, RFC 3218. Whether
// a padding was good decides nothing but which bytes are copied, without a
// branch, and the content is decrypted either way. What is done next depends on
// whether the content was authentic, which a stranger knows of what he made. See
// [exchange.Group].

// decryptRSA15 returns a key of the given size, and 1 if it is what was
// encrypted, or else 0. An error is that of a key service.
func (k *Key) decryptRSA15(ctx context.Context, ciphertext []byte, size int) (key []byte, conforms int, err error) {
	if r := k.remote(); r != nil {
		return k.decryptRemoteRSA15(ctx, r, ciphertext, size)
	}
	key = secret.Key(size)
	substitute := bytes.Clone(key)
	// An error here is about what anyone can see, the length and the size of
	// the number: everything else leaves the key as it is.
	//lint:ignore SA1019 what RSA1_5 is; the waiver says why
	_ = rsa.DecryptPKCS1v15SessionKey(nil, k.private.(*rsa.PrivateKey), ciphertext, key)
	return key, 1 ^ subtle.ConstantTimeCompare(key, substitute), nil
}

// conforming returns the key that a service found if it has the size, and else a
// random one.
func conforming(found []byte, padded, size int) (key []byte, conforms int) {
	key = secret.Key(size)
	conforms = padded & subtle.ConstantTimeEq(int32(len(found)), int32(size))
	exact := make([]byte, size)
	copy(exact, found)
	subtle.ConstantTimeCopy(conforms, key, exact)
	return key, conforms
}
