package pgp

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

	defaultMaxSize   = 32 << 20
	defaultMaxStream = 4 << 30
	maxMaxSize       = 1 << 50 // so that sums of sizes do not overflow

	// A compressed packet may grow to a hundred times its size, or to 256 KiB.
	// What partners send grows less than thirtyfold; a bomb grows a thousandfold.
	maxRatio     = 100
	ratioMatters = 256 << 10

	streamBlock  = 64 << 10  // what OpenTo checks and writes at a time
	maxHashes    = 8         // kinds of hashes that OpenTo computes in its first pass
	maxSmallBody = 128 << 10 // of a packet in a stream that is neither data nor literal

	// overhead is what a message may have beyond its payload: session keys,
	// signatures, armor headers.
	overhead = 128 << 10
)

// maxBinary is the limit for a message before its encoding, that is, for a
// payload of the largest size with everything around it.
func maxBinary(size int64) int64 { return size + size/64 + overhead }

// maxSealed is the limit for a message as it travels: base64 with line breaks
// is 4/3 plus 1/32 of the octets.
func maxSealed(size int64) int64 { return maxBinary(size)/2*3 + overhead }
