//go:build go1.27

package mldsa

import (
	"crypto"
	"crypto/fips140"
	"crypto/mldsa"
	"errors"
	"fmt"
)

type (
	// PublicKey is that of crypto/mldsa. It is immutable.
	PublicKey = mldsa.PublicKey

	// PrivateKey is that of crypto/mldsa. It is immutable.
	PrivateKey = mldsa.PrivateKey
)

// Available returns nil, or an error that wraps [errors.ErrUnsupported] in a program that
// was built with version 1.0.0 of Go's FIPS 140-3 module, which is older than the algorithm.
func Available() error {
	if fips140.Version() == "v1.0.0" {
		return fmt.Errorf("ML-DSA needs another FIPS 140-3 module than v1.0.0, such as v1.26.0: %w", errors.ErrUnsupported)
	}
	return nil
}

// Generate returns a new private key. It returns the error of [Available], or one for a name
// that is not [Known].
func Generate(name string) (*PrivateKey, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	return mldsa.GenerateKey(parameters(name))
}

func parameters(name string) mldsa.Parameters {
	switch name {
	case "ML-DSA-44":
		return mldsa.MLDSA44()
	case "ML-DSA-65":
		return mldsa.MLDSA65()
	case "ML-DSA-87":
		return mldsa.MLDSA87()
	}
	return mldsa.Parameters{}
}

// Name is the name of the parameters of a key. It is not [Known] for a key that nobody made:
// the zero value has no parameters, and says so by a panic.
func Name(k *PublicKey) (name string) {
	defer func() { _ = recover() }()
	return k.Parameters().String()
}

// Public is the public half. It is nil for a key that nobody made, likewise.
func Public(k *PrivateKey) (public *PublicKey) {
	defer func() { _ = recover() }()
	return k.PublicKey()
}

// Sign returns a signature of the message. It is another one each time.
func Sign(k *PrivateKey, message []byte) ([]byte, error) {
	return k.Sign(nil, message, crypto.Hash(0))
}

// Verify reports whether the signature of the message is good.
func Verify(k *PublicKey, message, signature []byte) bool {
	return mldsa.Verify(k, message, signature, nil) == nil
}
