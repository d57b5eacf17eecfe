// Command bench compares sealwax with the bare primitives that a message cannot do
// without, and with go-jose, jwx, go-crypto, and gopenpgp. It is a module of its own, so
// that the library gains no dependency:
//
//	cd bench && go run . performance         # the tables of docs/performance.md
//	cd bench && go run . scale               # those of docs/scale.md
//	cd bench && go run . -update performance # write them there
//	cd bench && go test -bench . -count 10   # the same operations for benchstat
//
// All implementations run interleaved in one process. A round visits each of them once, in
// rotating order; a visit begins with a garbage collection and a few operations that are
// not measured, and goes on with as many as fit in its time, and the garbage collections
// that they cause. A ratio is taken within one round, so that a machine that slows down
// changes both of its sides; what is printed is the median over the rounds, with the
// quartiles.
//
// The bare primitives, called limit, are those that a message needs, called one after
// another on buffers that are there already: the operations with keys, the hash, the
// cipher, and base64. No message comes of it. Each is timed by itself, and the limit is
// their sum.
//
// What a stranger can tell apart by time is another program: bench/timing.
package main
