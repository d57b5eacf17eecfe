package main

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/pgp"
)

// joseKeys is one direction of a JOSE profile: the private keys of both parties and the
// algorithms.
type joseKeys struct {
	sign, decrypt private
	algs          jwe.Algorithms
	zip           bool
}

// A private key of the standard library.
type private interface{ Public() crypto.PublicKey }

func newRSA(bits int) func() (private, error) {
	return func() (private, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

func newP256() (private, error)   { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
func newX25519() (private, error) { return ecdh.X25519().GenerateKey(rand.Reader) }

func newEd25519() (private, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// onAllCores calls generate for each of n at once.
func onAllCores[T any](n int, generate func(i int) (T, error)) ([]T, error) {
	out, errs := make([]T, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i], errs[i] = generate(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pgpKeys is one direction of an OpenPGP profile: a certificate of each party, and what
// go-crypto is told.
type pgpKeys struct {
	sign, decrypt *openpgp.Entity
	config        *packet.Config
}

// pgpConfig is what package pgp seals with. Version 6 uses AEAD.
func pgpConfig(algorithm packet.PublicKeyAlgorithm, bits int, curve packet.Curve, v6 bool) *packet.Config {
	c := &packet.Config{
		DefaultHash: crypto.SHA384, DefaultCipher: packet.CipherAES256, Time: time.Now,
		Algorithm: algorithm, RSABits: bits, Curve: curve, V6Keys: v6,
	}
	if v6 {
		c.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}
	}
	return c
}

func newPGPKeys(c *packet.Config) (pgpKeys, error) {
	two, err := onAllCores(2, func(int) (*openpgp.Entity, error) { return newEntity(c) })
	if err != nil {
		return pgpKeys{}, err
	}
	return pgpKeys{two[0], two[1], c}, nil
}

func newEntity(c *packet.Config) (*openpgp.Entity, error) {
	return openpgp.NewEntity("Example Bank", "", "keys@bank.example", c)
}

// ourKey is the same key for package pgp.
func ourKey(e *openpgp.Entity) (*pgp.Key, error) {
	var b bytes.Buffer
	if err := e.SerializePrivate(&b, nil); err != nil {
		return nil, err
	}
	return pgp.ReadKey(&b)
}
