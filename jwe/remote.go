package jwe

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/rsa"
	"slices"
	"sync/atomic"

	remotely "github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// remote returns the private half of k if it is elsewhere, and else nil.
func (k *Key) remote() *remotely.Key {
	r, _ := k.private.(*remotely.Key)
	return r
}

// takeRemote checks at once what could not be used later.
func (k *Key) takeRemote(private crypto.PrivateKey, use keyset.Use) error {
	r, public, err := remotely.New(private)
	if err != nil {
		return err
	}
	if err := k.takePublic(public); err != nil {
		return err
	}
	if use&keyset.Signing != 0 {
		err = r.CanSign()
	}
	switch {
	case err != nil || use&keyset.Encryption == 0:
	case k.kind == kindRSA:
		err = r.CanDecrypt()
	default:
		err = r.CanAgree()
	}
	if err != nil {
		return err
	}
	k.private = r
	if k.kind == kindRSA {
		k.seen = &atomic.Pointer[[]Algorithm]{}
	}
	return nil
}

// probe returns the algorithms of a use that the service of an RSA key is seen to do.
// That it does not do one is believed if it fails twice, and does another in between
// and afterwards: otherwise the service itself may be what fails.
func probe(ctx context.Context, use keyset.Use, run func(context.Context, Algorithm) error) ([]Algorithm, error) {
	var works []Algorithm
	left := forUse(slices.Concat(keyAlgorithms, signatureAlgorithms), use)
	left = slices.DeleteFunc(left, func(alg Algorithm) bool { return !alg.fits(kindRSA) })
	for range 2 {
		var first error
		var failed []Algorithm
		for _, alg := range left {
			err := run(ctx, alg)
			switch {
			case ctx.Err() != nil:
				return nil, context.Cause(ctx)
			case err == nil:
				works = append(works, alg)
			default:
				first, failed = cmp.Or(first, err), append(failed, alg)
			}
		}
		switch {
		case len(works) == 0:
			return nil, first
		case len(failed) == 0:
			return works, nil
		}
		if err := run(ctx, works[0]); err != nil {
			return nil, err
		}
		left = failed
	}
	return works, nil
}

// decryptRemoteRSA15 is decryptRSA15 with a key elsewhere. The service is asked for the
// padding alone: which key to take in place of a bad one is decided here.
func (k *Key) decryptRemoteRSA15(ctx context.Context, r *remotely.Key, ciphertext []byte, size int) ([]byte, int, error) {
	//lint:ignore SA1019 what RSA1_5 is, and the options must say so
	found, ok, err := r.Decrypt(ctx, k.info.ID, ciphertext, &rsa.PKCS1v15DecryptOptions{})
	if err != nil {
		return nil, 0, err
	}
	padded := 0
	if ok {
		padded = 1
	}
	key, conforms := conforming(found, padded, size)
	return key, conforms, nil
}

// agreeRemote asks for the shared secret. That the ephemeral key is on the curve was
// checked before; that it is of low order is seen here, and is no outage.
func (k *Key) agreeRemote(ctx context.Context, r *remotely.Key, epk *ecdh.PublicKey) ([]byte, bool, error) {
	if epk.Curve() == ecdh.X25519() && checkX25519(epk) != nil {
		return nil, false, nil
	}
	return r.Agree(ctx, k.info.ID, epk)
}

// signerOpts are the options that the standard library's keys take.
func (a Algorithm) signerOpts() crypto.SignerOpts {
	if a.pss() {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash()}
	}
	return a.hash() // zero for EdDSA and ML-DSA
}
