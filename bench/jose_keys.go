package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"sync"

	"github.com/sealwax/sealwax/jwe"
)

// joseKeys is one direction of a JOSE profile: the private keys of both parties
// and the algorithms.
type joseKeys struct {
	sign, decrypt crypto.Signer
	algs          jwe.Algorithms
	zip           bool
}

// rsaBits is the smallest that is allowed.
const rsaBits = 2048

// rsaPair is the keys of all profiles with RSA: what differs is the algorithm.
var rsaPair = sync.OnceValues(func() ([]*rsa.PrivateKey, error) {
	return onAllCores(2, func(int) (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) })
})

var ecPair = sync.OnceValues(func() ([]*ecdsa.PrivateKey, error) {
	return onAllCores(2, func(int) (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })
})

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

func joseRSAKeys() (joseKeys, error) {
	pair, err := rsaPair()
	if err != nil {
		return joseKeys{}, err
	}
	return joseKeys{pair[0], pair[1], jwe.Algorithms{Key: jwe.RSAOAEP256, Content: jwe.A256GCM, Signature: jwe.PS256}, false}, nil
}

func joseECKeys() (joseKeys, error) {
	pair, err := ecPair()
	if err != nil {
		return joseKeys{}, err
	}
	return joseKeys{pair[0], pair[1], jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: jwe.ES256}, false}, nil
}

func joseDEFKeys() (joseKeys, error) {
	pair, err := rsaPair()
	if err != nil {
		return joseKeys{}, err
	}
	return joseKeys{pair[0], pair[1], jwe.Algorithms{Key: jwe.RSA1_5, Content: jwe.A128CBCHS256, Signature: jwe.RS256}, true}, nil
}
