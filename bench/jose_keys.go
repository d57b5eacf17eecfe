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
var rsaPair = sync.OnceValues(func() ([2]*rsa.PrivateKey, error) {
	keys, err := rsaKeys(2)
	if err != nil {
		return [2]*rsa.PrivateKey{}, err
	}
	return [2]*rsa.PrivateKey(keys), nil
})

var ecPair = sync.OnceValues(func() (pair [2]*ecdsa.PrivateKey, err error) {
	for i := range pair {
		if pair[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return pair, err
		}
	}
	return pair, nil
})

// rsaKeys generates n keys, on all cores.
func rsaKeys(n int) ([]*rsa.PrivateKey, error) {
	return onAllCores(n, func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) })
}

// onAllCores calls generate n times at once.
func onAllCores[T any](n int, generate func() (T, error)) ([]T, error) {
	out, errs := make([]T, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i], errs[i] = generate() })
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
	return joseKeys{pair[0], pair[1], jwe.Algorithms{Key: jwe.RSAOAEP256, Content: jwe.A256GCM, Signature: jwe.PS256}, false}, err
}

func joseECKeys() (joseKeys, error) {
	pair, err := ecPair()
	return joseKeys{pair[0], pair[1], jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: jwe.ES256}, false}, err
}

func joseDEFKeys() (joseKeys, error) {
	pair, err := rsaPair()
	return joseKeys{pair[0], pair[1], jwe.Algorithms{Key: jwe.RSA1_5, Content: jwe.A128CBCHS256, Signature: jwe.RS256}, true}, err
}

// joseBuilder returns a profile's build.
func joseBuilder(keys func() (joseKeys, error)) func(size int) ([]implementation, error) {
	return func(size int) ([]implementation, error) {
		k, err := keys()
		if err != nil {
			return nil, err
		}
		var all []implementation
		for _, of := range []func(joseKeys, int) (implementation, error){joseLimit, joseUs, joseGoJOSE, joseJWX} {
			im, err := of(k, size)
			if err != nil {
				return nil, err
			}
			all = append(all, im)
		}
		return all, nil
	}
}
