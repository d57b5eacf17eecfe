package jwe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"errors"
	"math/big"
)

// pss requires the salt to be as long as the hash, in both directions: RFC
// 7518, Section 3.5.
var pss = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}

// digest returns what is signed in place of the input: its hash, or the input
// itself for EdDSA.
func (a Algorithm) digest(input []byte) []byte {
	if a == EdDSA {
		return input
	}
	h := a.hash().New()
	h.Write(input)
	return h.Sum(nil)
}

// signatureSize is that of every signature by k.
func (k *Key) signatureSize() int {
	switch k.kind {
	case kindRSA:
		return k.rsaPublic().Size()
	case kindP256:
		return 2 * 32
	case kindP384:
		return 2 * 48
	case kindP521:
		return 2 * 66
	}
	return ed25519.SignatureSize
}

// sign returns the signature of a digest.
func (k *Key) sign(alg Algorithm, digest []byte) ([]byte, error) {
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		if alg == RS256 || alg == RS384 || alg == RS512 {
			return rsa.SignPKCS1v15(nil, private, alg.hash(), digest)
		}
		return rsa.SignPSS(rand.Reader, private, alg.hash(), digest, pss)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			return nil, err
		}
		out := make([]byte, k.signatureSize()) // RFC 7518, Section 3.4
		r.FillBytes(out[:len(out)/2])
		s.FillBytes(out[len(out)/2:])
		return out, nil
	case ed25519.PrivateKey:
		return private.Sign(nil, digest, crypto.Hash(0))
	}
	return nil, errors.New("key does not sign")
}

// verify reports whether the signature of a digest is good.
func (k *Key) verify(alg Algorithm, digest, signature []byte) bool {
	if len(signature) != k.signatureSize() {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if alg == RS256 || alg == RS384 || alg == RS512 {
			return rsa.VerifyPKCS1v15(public, alg.hash(), digest, signature) == nil
		}
		return rsa.VerifyPSS(public, alg.hash(), digest, signature, pss) == nil
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		return ecdsa.Verify(public, digest, r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, digest, signature)
	}
	return false
}
