// Package modeltest holds package keyset against a model of what it promises,
// with random sequences of operations. It is a module of its own, so that the
// library gains no dependency:
//
//	cd keyset/modeltest && go test ./...                          # a few thousand sequences
//	cd keyset/modeltest && go test -rapid.checks=100000 ./...     # many
//
// Beside the random sequences stands a search, breadth first, through the interleavings
// of the documented procedure, with the real Ring and the real rules: two parties, their
// replicas, restarts, crashes, revocations, a message under way. All states are too many:
// the search ends with a number of steps, so that it sees the same states on every machine,
// and says how many. It takes less than three minutes:
//
//	keys  replicas of each party  revocations  every interleaving of  states
//	2     1                       yes          10 steps                47,000
//	2     1                       no           13 steps               157,000
//	2     2                       no           12 steps                28,000
//	3     2                       yes           7 steps                26,000
//
// Why this suffices. Each row of the table of rules, but for those that only a Step asks, is loosened in turn, and operators do
// not wait for all replicas before they probe or remove: the search must find what comes
// of it, in at most 13 steps, or the test fails. The rules need 1 to 8 steps. The longest
// counterexample has 13: a key that one party removes while a message that is sealed with
// it is under way. (That an operator does not wait before promoting is not found, and need
// not be: evidence is there only after the probe, and that has waited.) Replicas of one
// party are alike, and so are new keys, so that each order of them stands for all. A third
// key, or a second replica, is in none of those counterexamples; both are searched all the
// same, to fewer steps, and three keys with eight steps or two replicas with 13 held as well. No rule looks at more than one key and whether there is another.
//
// What this does not show: a fault that needs more steps, or more keys, than all of those.
// The random sequences go further, without seeing every order. So does a night, of up to 16 hours:
//
//	cd keyset/modeltest && go test -run 'TestSearch$' -timeout 24h -v -search.large
//
// A sequence that fails is shrunk, and printed with the seed that finds it again.
package modeltest
