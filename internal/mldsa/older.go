//go:build !go1.27

package mldsa

import (
	"errors"
	"fmt"
)

// PublicKey stands for that of crypto/mldsa. Nobody makes one.
type PublicKey struct{ _ struct{} }

// PrivateKey stands for that of crypto/mldsa. Nobody makes one.
type PrivateKey struct{ _ struct{} }

// Available returns an error that wraps [errors.ErrUnsupported] and names the Go release that
// has ML-DSA.
func Available() error {
	return fmt.Errorf("ML-DSA needs a program that is built with Go 1.27 or later: %w", errors.ErrUnsupported)
}

// Generate returns the error of [Available].
func Generate(string) (*PrivateKey, error) { return nil, Available() }

// Name is not [Known].
func Name(*PublicKey) string { return "" }

// Public is nil.
func Public(*PrivateKey) *PublicKey { return nil }

// Sign returns the error of [Available].
func Sign(*PrivateKey, []byte) ([]byte, error) { return nil, Available() }

// Verify reports false.
func Verify(_ *PublicKey, _, _ []byte) bool { return false }
