package jwe

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	remotely "github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// A remoteKey is a private half that is elsewhere: a plain signer or key
// exchanger, or a [keyset.Remote] that is bound to the context of each call.
type remoteKey struct {
	plain  crypto.PrivateKey // a crypto.Signer or an ecdh.KeyExchanger
	remote keyset.Remote     // or this
}

// remote returns the private half of k if it is elsewhere, and else nil.
func (k *Key) remote() *remoteKey {
	r, _ := k.private.(*remoteKey)
	return r
}

var errDecrypter = errors.New("a crypto.Decrypter of somebody else, which cannot tell an outage from a bad ciphertext; make it a keyset.Remote")

// takeRemote checks at once what could not be used later. Binding a Remote to
// see what it does is not supposed to leave the process.
func (k *Key) takeRemote(private crypto.PrivateKey, use keyset.Use) error {
	r := &remoteKey{}
	var public crypto.PublicKey
	err := guard(func() error {
		switch p := private.(type) {
		case keyset.Remote:
			r.remote, public = p, p.Public()
		case crypto.Signer:
			r.plain, public = p, p.Public()
		case ecdh.KeyExchanger:
			r.plain, public = p, p.PublicKey()
		case crypto.Decrypter:
			return errDecrypter
		default:
			return fmt.Errorf("cannot use a private key of type %T", private)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := k.takePublic(public); err != nil {
		return err
	}
	if err := guard(func() error { return r.check(k.kind, use) }); err != nil {
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

// check refuses a key that could not do what it is for.
func (r *remoteKey) check(k kind, use keyset.Use) error {
	bound := r.bind(context.Background())
	_, signs := bound.(crypto.Signer)
	_, decrypts := bound.(crypto.Decrypter)
	_, agrees := bound.(ecdh.KeyExchanger)
	if use&keyset.Signing != 0 && !signs {
		return fmt.Errorf("%T is no crypto.Signer", bound)
	}
	switch {
	case use&keyset.Encryption == 0:
		return nil
	case k == kindRSA && decrypts && r.remote == nil:
		return errDecrypter
	case k == kindRSA && !decrypts:
		return fmt.Errorf("%T is no crypto.Decrypter", bound)
	case k != kindRSA && !agrees:
		return fmt.Errorf("%T is no ecdh.KeyExchanger", bound)
	}
	return nil
}

func (r *remoteKey) bind(ctx context.Context) crypto.PrivateKey {
	if r.remote != nil {
		return r.remote.Bind(ctx)
	}
	return r.plain
}

// call asks the service. A nil error without ok says that what it was asked to
// decrypt does not decrypt under this key; every error is ours, or the end of
// ctx.
func (r *remoteKey) call(ctx context.Context, id keyset.ID, f func(crypto.PrivateKey) ([]byte, error)) (out []byte, ok bool, err error) {
	var refused bool
	err = guard(func() (err error) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		out, err = f(r.bind(ctx))
		if err != nil && ctx.Err() == nil && r.remote != nil {
			refused = r.remote.Undecryptable(err)
		}
		return err
	})
	switch {
	case err == nil:
		return out, true, nil
	case refused:
		return nil, false, nil
	}
	return nil, false, remotely.Outage(ctx, id, err)
}

// sign returns the signature as the service makes it. A signature that is
// refused is an outage: nothing that a stranger sent was signed.
func (r *remoteKey) sign(ctx context.Context, id keyset.ID, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	out, ok, err := r.call(ctx, id, func(private crypto.PrivateKey) ([]byte, error) {
		signer, is := private.(crypto.Signer)
		if !is {
			return nil, fmt.Errorf("bound to %T, which is no crypto.Signer", private)
		}
		return signer.Sign(rand.Reader, digest, opts)
	})
	if err == nil && !ok {
		err = fmt.Errorf("remote key %s: %w: it refuses to sign", id, keyset.ErrUnavailable)
	}
	return out, err
}

func (r *remoteKey) decrypt(ctx context.Context, id keyset.ID, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, bool, error) {
	return r.call(ctx, id, func(private crypto.PrivateKey) ([]byte, error) {
		decrypter, is := private.(crypto.Decrypter)
		if !is {
			return nil, fmt.Errorf("bound to %T, which is no crypto.Decrypter", private)
		}
		return decrypter.Decrypt(rand.Reader, ciphertext, opts)
	})
}

func (r *remoteKey) decryptOAEP(ctx context.Context, id keyset.ID, ciphertext []byte, alg Algorithm) ([]byte, bool, error) {
	return r.decrypt(ctx, id, ciphertext, &rsa.OAEPOptions{Hash: alg.oaepHash()})
}

// decryptRSA15 is that of a local key. The service is asked for the padding
// alone: which key to take in place of a bad one is decided here.
func (r *remoteKey) decryptRSA15(ctx context.Context, id keyset.ID, ciphertext []byte, size int) ([]byte, int, error) {
	//lint:ignore SA1019 what RSA1_5 is, and the options must say so
	found, ok, err := r.decrypt(ctx, id, ciphertext, &rsa.PKCS1v15DecryptOptions{})
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

// agree asks for the shared secret. That the ephemeral key is on the curve was
// checked before; that it is of low order is seen here, and is no outage.
func (r *remoteKey) agree(ctx context.Context, id keyset.ID, epk *ecdh.PublicKey) ([]byte, bool, error) {
	if epk.Curve() == ecdh.X25519() && checkX25519(epk) != nil {
		return nil, false, nil
	}
	return r.call(ctx, id, func(private crypto.PrivateKey) ([]byte, error) {
		exchanger, is := private.(ecdh.KeyExchanger)
		if !is {
			return nil, fmt.Errorf("bound to %T, which is no ecdh.KeyExchanger", private)
		}
		return exchanger.ECDH(epk)
	})
}

// signerOpts are the options that the standard library's keys take.
func (a Algorithm) signerOpts() crypto.SignerOpts {
	if a.pss() {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash()}
	}
	return a.hash() // zero for EdDSA
}

// guard makes an error of a panic in code that is not ours.
func guard(step func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the key panicked: %v", r)
		}
	}()
	return step()
}
