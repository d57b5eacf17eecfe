package jwe

import (
	"encoding/base64"
	"errors"
)

const (
	defaultMaxSize = 8 << 20 // of a payload, in bytes
	largestMaxSize = 1 << 40

	maxHeader = 8 << 10 // of one header, as JSON, in bytes
	maxNested = 16      // objects and arrays inside one another, in a header or a JWK
	maxName   = 256     // of a "kid", a party, or a type, in bytes

	maxContext = 1 << 10 // of a context, in bytes, as in package pgp

	maxKeyFile = 64 << 10 // of what ReadKey reads, in bytes
	maxKeySet  = 1 << 20  // of what ReadKeys reads, in bytes
	maxSetKeys = 256      // in a JWK Set

	minRSABits = 2048
	maxRSABits = 4096
)

var errTooLarge = errors.New("larger than the limit")

// encoded is the length of n octets in base64url.
func encoded(n int64) int64 {
	return n/3*4 + int64(base64.RawURLEncoding.EncodedLen(int(n%3)))
}

// maxJWS is the largest JWS around a payload of the given size: the header
// and an RSA signature are added.
func maxJWS(payload int64) int64 {
	return encoded(maxHeader) + 1 + encoded(payload) + 1 + encoded(maxRSABits/8)
}

// maxSealed is the largest JWE around that JWS: the header, an RSA-encrypted
// key, the IV, a block of padding, and the tag are added.
func maxSealed(payload int64) int64 {
	return encoded(maxHeader) + 1 + encoded(maxRSABits/8) + 1 + encoded(16) + 1 +
		encoded(maxJWS(payload)+16) + 1 + encoded(32)
}
