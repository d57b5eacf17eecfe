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

// Generate returns a new private key, or the error of [Available].
func Generate(name string) (*PrivateKey, error) {
	if err := check(name, "", 0, func(size) int { return 0 }); err != nil {
		return nil, err
	}
	return mldsa.GenerateKey(parameters(name))
}

// NewPrivateKey returns the private key of a seed. It returns the error of [Available], or
// one for a seed that has not [SeedSize].
func NewPrivateKey(name string, seed []byte) (*PrivateKey, error) {
	if err := checkSeed(name, seed); err != nil {
		return nil, err
	}
	return mldsa.NewPrivateKey(parameters(name), seed)
}

// NewPublicKey returns the public key that FIPS 204, Algorithm 22, encodes so. It returns
// the error of [Available], or one for an encoding of another size.
func NewPublicKey(name string, encoding []byte) (*PublicKey, error) {
	if err := checkPublic(name, encoding); err != nil {
		return nil, err
	}
	return mldsa.NewPublicKey(parameters(name), encoding)
}

func parameters(name string) mldsa.Parameters {
	switch name {
	case "ML-DSA-44":
		return mldsa.MLDSA44()
	case "ML-DSA-65":
		return mldsa.MLDSA65()
	}
	return mldsa.MLDSA87()
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

// Encoding is what [NewPublicKey] reads.
func Encoding(k *PublicKey) []byte { return k.Bytes() }

// Seed is what [NewPrivateKey] reads.
func Seed(k *PrivateKey) []byte { return k.Bytes() }

// Sign returns a signature of the message. It is another one each time.
func Sign(k *PrivateKey, message []byte) ([]byte, error) {
	return k.Sign(nil, message, crypto.Hash(0))
}

// Verify reports whether the signature of the message is good.
func Verify(k *PublicKey, message, signature []byte) bool {
	return mldsa.Verify(k, message, signature, nil) == nil
}
