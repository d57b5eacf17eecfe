// Command bench compares sealwax with the bare primitives that a message cannot
// do without, and with go-jose, jwx, go-crypto, and gopenpgp. It is a module of
// its own, so that the library gains no dependency:
//
//	cd bench && go run .            # a Markdown table
//	cd bench && go run . -check     # pass or falls short, for every goal
//	cd bench && go test -bench .    # the same work for benchstat
//
// All implementations run interleaved in one process. A round visits each of
// them once, in rotating order; a visit begins with a garbage collection and a few
// operations that are not measured, and goes on with as many as fit in its time,
// and the garbage collections that they cause. A ratio is taken within one round, so
// that a machine that slows down changes both of its sides; what is printed is
// the median over the rounds, with the quartiles.
//
// The bare primitives, called limit, are those of the standard library on
// buffers that are there already. They make real messages, which every other
// implementation opens, but parse nothing and check nothing that they need not:
// they know where everything lies, and open only their own.
//
// What a stranger can tell apart by time is another program: bench/timing.
package main
