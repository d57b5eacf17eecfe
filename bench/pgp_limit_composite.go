package main

import (
	"crypto/rand"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/mldsa_eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/mlkem_ecdh"
)

// The composites of RFC 9980, as the library computes them: the standard library has no
// ML-DSA before Go 1.27.
const (
	algMLDSA65, algMLKEM768 = 30, 35
	sizeEd25519             = 64       // bytes of a signature
	sizeX25519, sizeMLKEM   = 32, 1088 // bytes of what a session key packet has
)

type compositeSigning struct{ key *mldsa_eddsa.PrivateKey }

func (compositeSigning) algorithm() byte { return algMLDSA65 }

func (s compositeSigning) append(out, sum []byte) ([]byte, error) {
	lattice, classical, err := mldsa_eddsa.Sign(s.key, sum)
	return slices.Concat(out, classical, lattice), err
}

func (s compositeSigning) verify(sum, fields []byte) bool {
	return mldsa_eddsa.Verify(&s.key.PublicKey, sum, fields[sizeEd25519:], fields[:sizeEd25519])
}

type compositeSession struct {
	key   *mlkem_ecdh.PrivateKey
	names []byte
}

func (w compositeSession) append(out, session []byte) ([]byte, error) {
	lattice, classical, key, err := mlkem_ecdh.Encrypt(rand.Reader, &w.key.PublicKey, session)
	out = append(append(out, w.names...), algMLKEM768)
	return slices.Concat(out, classical, lattice, []byte{byte(len(key))}, key), err
}

func (w compositeSession) unwrap(body []byte) ([]byte, error) {
	fields := body[len(w.names)+1:]
	classical, rest := fields[:sizeX25519], fields[sizeX25519:]
	return mlkem_ecdh.Decrypt(w.key, rest[:sizeMLKEM], classical, rest[sizeMLKEM+1:])
}
