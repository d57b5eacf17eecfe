// Package secret erases what a function leaves behind in memory, in programs that are built
// with GOEXPERIMENT=runtimesecret: registers and stack when the function returns, and what
// it allocated once nothing refers to that any more and the garbage collector has seen it.
// In other programs, and on other systems than Linux on amd64 and arm64, it does nothing.
//
// It is for work with session keys and passphrases, in which no other goroutine is asked:
// what another goroutine does is not erased. docs/memory.md says what is left.
package secret

import "crypto/rand"

// Value returns what f returns. What f allocated is erased when it is not used any more,
// and so is v.
func Value[T any](f func() (T, error)) (v T, err error) {
	Do(func() { v, err = f() })
	return v, err
}

// Key returns a random key of so many bytes, which is erased when it is not used any more.
func Key(size int) (key []byte) {
	Do(func() {
		key = make([]byte, size)
		rand.Read(key)
	})
	return key
}
