//go:build race

package pkcs11_test

// underRace is whether the race detector runs: its own memory grows with every call.
const underRace = true
