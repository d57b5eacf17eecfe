// Package openpgp reads and writes the wire of OpenPGP, RFC 9580: packets, ASCII
// armor, the grammar of a message. It knows no keys, no policy, and no trust.
//
// Each rule is written once, for bytes in memory and for a stream alike: a
// [Reader] takes runs of bytes, and memory is one run.
package openpgp
