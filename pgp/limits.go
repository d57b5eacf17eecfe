package pgp

import "github.com/sealwax/sealwax/internal/exchange"

// Limits on what is read, whatever a Config says. Those on work are shared
// with package jwe; see package internal/exchange.
const (
	maxNotations = 64      // notations of one signature
	minBodies    = 4       // candidates for the session key that reach the body; see maxBodies
	bodiesWork   = 1 << 20 // bytes of bodies for which more may

	defaultMaxSize   = 32 << 20
	defaultMaxStream = 4 << 30
	maxMaxSize       = 1 << 50 // so that sums of sizes do not overflow

	streamBlock  = 64 << 10 // what SealTo reads at a time
	maxAnnounced = 4        // kinds of hashes that OpenTo computes because they are announced

	// overhead is what a message may have beyond its payload: as many signatures as are
	// looked at, of the longest kind (SLH-DSA-SHAKE-256s, RFC 9980), session keys, armor
	// headers.
	overhead = exchange.MaxSignatures*30<<10 + 128<<10
)

// hashLimit is for the payload alone: each version 6 signature has a salt of its own, and
// so a hash of the payload of its own.
var hashLimit = exchange.HashLimit{Work: 4 << 20, Times: 4}

// maxSealed is the limit for a message as it travels, that is, for a payload of
// the largest size with everything around it: base64 with line breaks is 4/3 plus
// 1/32 of the bytes.
func maxSealed(size int64) int64 { return (size+size/64+overhead)/2*3 + overhead }
