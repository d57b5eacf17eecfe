package jwe

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/keyset"
)

// OpenRemote returns a [keyset.Opener] for keys in a service: open returns the key that a
// source names, for the use, which is zero if nothing says what the key is for. If
// nothing says so, and its Remote can do only one of the two, the key is for that.
//
// "SOURCE#RSA-OAEP-256", and so with every algorithm, binds the key to it, and the name in
// the manifest is its "kid", both as in [OpenFile]. Every key is tested, so that what its
// service cannot do is told when it is opened, by name.
func OpenRemote(open func(ctx context.Context, source string, use keyset.Use) (keyset.Remote, error)) keyset.Opener {
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		source, alg := boundTo(k.Source)
		use := manifestUse(k.Use)
		if use == 0 {
			use = alg.use()
		}
		remote, err := open(ctx, source, use)
		if err != nil {
			return nil, err
		}
		if use == 0 {
			if use, err = boundUse(ctx, remote); err != nil {
				return nil, fmt.Errorf("jwe: %.128q: %w", source, err)
			}
		}
		key, err := NewKey("", remote, use)
		if err != nil {
			return nil, err
		}
		if key, err = key.asInManifest(k, use, alg); err != nil {
			return nil, err
		}
		if err := key.SelfTest(ctx); err != nil {
			return nil, err
		}
		if err := key.checkDefault(source); err != nil {
			return nil, err
		}
		return key, nil
	}
}

// checkDefault returns an error if partners who know no algorithm for the key take one that
// its service was not seen to do.
func (k *Key) checkDefault(source string) error {
	if k.seen == nil || k.info.Use&keyset.Encryption == 0 || len(forUse(k.algs, keyset.Encryption)) != 0 {
		return nil
	}
	seen := forUse(*k.seen.Load(), keyset.Encryption)
	usual := defaultFor(keyset.Encryption, k.kind)
	if slices.Contains(seen, usual) {
		return nil
	}
	return fmt.Errorf("jwe: %.128q: its service does not do %s, which partners take for a key that names no algorithm, but %s: bind the key, as in \"%.128s#%s\", and hand it out so", source, usual, names(seen), source, seen[0])
}

// boundUse is the one use of a key of which nothing says what it is for.
func boundUse(ctx context.Context, remote keyset.Remote) (use keyset.Use, err error) {
	bound := remote.Bind(ctx)
	if _, is := bound.(crypto.Signer); is {
		use |= keyset.Signing
	}
	_, decrypts := bound.(crypto.Decrypter)
	if _, agrees := bound.(ecdh.KeyExchanger); agrees || decrypts {
		use |= keyset.Encryption
	}
	if use == bothUses {
		return 0, errors.New("the service has it to sign and to decrypt: name an algorithm, such as #ES256 or #RSA-OAEP-256, or the use in the manifest")
	}
	return use, nil
}
