package jwe

import (
	"encoding/base64"
	"errors"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/mldsa"
)

const (
	defaultMaxSize = 8 << 20 // of a payload, in bytes
	largestMaxSize = 1 << 40

	maxHeader = 8 << 10 // of one header, as JSON, in bytes
	maxNested = 16      // objects and arrays inside one another, in a header or a JWK
	maxName   = 256     // of a "kid", a party, or a type, in bytes

	maxKeyFile = 1 << 20 // of what is read of a file of keys, in bytes
	maxSetKeys = 256     // that are looked at in a JWK Set

	minRSABits = 2048
	maxRSABits = 4096
)

// hashLimit is for the payload and the headers of all signatures together.
var hashLimit = exchange.HashLimit{Work: 16 << 20, Times: 8}

var errTooLarge = errors.New("larger than the limit")

// encoded is the length of n bytes in base64url.
func encoded(n int64) int64 {
	return n/3*4 + int64(base64.RawURLEncoding.EncodedLen(int(n%3)))
}

// maxEntry is one signature or recipient in JSON serialization: two headers, a
// signature of ML-DSA-87, which is longer than what RSA makes, and the names of the members.
const maxEntry = 4*maxHeader/3 + maxHeader + 4*mldsa.MaxSignature/3 + 256

// maxJWS is the largest JWS around a payload of the given size.
func maxJWS(payload int64) int64 {
	return encoded(payload) + exchange.MaxSignatures*maxEntry
}

// maxMessage is the largest message for a payload of the given size.
func (l Layers) maxMessage(payload int64) int64 {
	if l == SignThenEncrypt {
		return maxSealed(payload)
	}
	return maxJWS(maxSealed(payload))
}

// maxSealed is the largest JWE around that JWS: recipients, the IV, further
// authenticated data, a block of padding or what DEFLATE adds to what it cannot
// compress, and the tag are added.
func maxSealed(payload int64) int64 {
	content := maxJWS(payload)
	return encoded(content+content/1024+64) + exchange.MaxRecipients*maxEntry
}
