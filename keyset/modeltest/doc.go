// Package modeltest holds package keyset against a model of what it promises,
// with random sequences of operations. It is a module of its own, so that the
// library gains no dependency:
//
//	cd keyset/modeltest && go test ./...                          # a few thousand sequences
//	cd keyset/modeltest && go test -rapid.checks=100000 ./...     # many
//
// Beside the random sequences stands a search, breadth first, through the interleavings
// of the documented procedure, with the real Ring and the real rules: two parties, their
// replicas, restarts, crashes, revocations, a message under way. It stops after a minute
// and a half, and says how many states it saw and up to how many steps it saw every
// interleaving. Each row of the table of rules, loosened, must give it a counterexample.
// Without the limit, with three keys, it is for a night:
//
//	cd keyset/modeltest && go test -run 'TestSearch$' -timeout 24h -v -search.large
//
// A sequence that fails is shrunk, and printed with the seed that finds it again.
package modeltest
