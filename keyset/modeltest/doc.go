// Package modeltest holds package keyset against a model of what it promises,
// with random sequences of operations. It is a module of its own, so that the
// library gains no dependency:
//
//	cd keyset/modeltest && go test ./...                          # a few thousand sequences
//	cd keyset/modeltest && go test -rapid.checks=100000 ./...     # many
//
// A sequence that fails is shrunk, and printed with the seed that finds it again.
package modeltest
