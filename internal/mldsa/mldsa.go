// Package mldsa is ML-DSA, FIPS 204, as far as the Go release that builds the program has
// it: crypto/mldsa came with Go 1.27. With an older one the types are the same, nobody can
// make a value of them, and [Available] says why, so that what uses this package is one and
// the same code under all of them. Keys are read and written by go-jose.
//
// Signatures are pure ML-DSA with an empty context, as RFC 9964 has them. A set of
// parameters goes by its name: "ML-DSA-44", "ML-DSA-65", or "ML-DSA-87".
package mldsa

// SeedSize is the length of a private key, in bytes.
const SeedSize = 32

// A size is what FIPS 204, Table 2, has of one set of parameters, in bytes.
type size struct{ public, signature int }

func sizes(name string) size {
	switch name {
	case "ML-DSA-44":
		return size{1312, 2420}
	case "ML-DSA-65":
		return size{1952, 3309}
	case "ML-DSA-87":
		return size{2592, MaxSignature}
	}
	return size{}
}

// MaxSignature is the length of the longest signature, in bytes: that of ML-DSA-87.
const MaxSignature = 4627

// Known reports whether name is that of a set of parameters.
func Known(name string) bool { return sizes(name) != size{} }

// PublicKeySize is the length of a public key, in bytes. It is zero for what is not [Known].
func PublicKeySize(name string) int { return sizes(name).public }

// SignatureSize is the length of a signature, in bytes. It is zero for what is not [Known].
func SignatureSize(name string) int { return sizes(name).signature }
