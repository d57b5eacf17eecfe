package pgp

import "fmt"

// Limits on what is read, whatever a Config says. Those on work are shared
// with package jwe; see package internal/exchange.
const (
	maxKeyFile   = 1 << 20 // octets of a certificate or keyring
	maxKeys      = 256     // certificates of one keyring
	maxSubkeys   = 64      // subkeys of one certificate
	maxSelfSigs  = 256     // signatures of one certificate that are looked at
	maxPackets   = 256     // packets of one message, on each level
	maxNotations = 64      // notations of one signature
	maxBodies    = 4       // candidates for the session key that reach the body

	defaultMaxSize = 32 << 20

	// overhead is what a message may have beyond its payload: session keys,
	// signatures, armor headers.
	overhead = 128 << 10
)

// maxSize returns the limit for payloads.
func maxSize(configured int64) (int64, error) {
	switch {
	case configured < 0:
		return 0, fmt.Errorf("MaxSize is negative: %d", configured)
	case configured == 0:
		return defaultMaxSize, nil
	}
	return configured, nil
}

// maxBinary is the limit for a message before its encoding, that is, for a
// payload of the largest size with everything around it.
func maxBinary(size int64) int64 { return size + size/64 + overhead }

// maxSealed is the limit for a message as it travels: base64 with line breaks
// is 4/3 plus 1/32 of the octets.
func maxSealed(size int64) int64 { return maxBinary(size)/2*3 + overhead }
