//go:build race

package jwe_test

// underRace says that the tests run about ten times slower.
const underRace = true
