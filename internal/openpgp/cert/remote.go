package cert

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"slices"

	pgpecdsa "github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	remotely "github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// A remoteKey is a private half that is elsewhere: a plain signer, or a
// [keyset.Remote] that is bound to the context of each call.
type remoteKey struct {
	signer crypto.Signer
	remote keyset.Remote
}

// newRemoteKey sorts out what private can do. It binds a Remote once to see
// that, which does not leave the process.
func newRemoteKey(private crypto.PrivateKey) (r *remoteKey, public crypto.PublicKey, err error) {
	err = guard(func() error {
		switch p := private.(type) {
		case keyset.Remote:
			r, public = &remoteKey{remote: p}, p.Public()
			if !r.signs() && !r.decrypts() {
				return errors.New("a Remote that is bound to neither a crypto.Signer nor a crypto.Decrypter")
			}
		case crypto.Signer:
			r, public = &remoteKey{signer: p}, p.Public()
		default:
			return fmt.Errorf("%T is neither a crypto.Signer nor a keyset.Remote", private)
		}
		return nil
	})
	return r, public, err
}

func (r *remoteKey) bind(ctx context.Context) crypto.PrivateKey {
	if r.remote != nil {
		return r.remote.Bind(ctx)
	}
	return r.signer
}

func (r *remoteKey) signs() bool {
	_, ok := r.bind(context.Background()).(crypto.Signer)
	return ok
}

// decrypts asks for a Remote: only that tells an outage from a bad ciphertext.
func (r *remoteKey) decrypts() bool {
	_, ok := r.bind(context.Background()).(crypto.Decrypter)
	return ok && r.remote != nil
}

// A capture keeps the error of a signer, which the library forgets (T23).
type capture struct {
	crypto.Signer
	err error
}

func (c *capture) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := c.Signer.Sign(random, digest, opts)
	c.err = err
	return sig, err
}

// sign calls a signing function of the library with the key, which may be
// remote. What a remote key returns is for the caller to check.
func sign(ctx context.Context, pub *packet.PublicKey, priv *packet.PrivateKey, remote *remoteKey, with func(*packet.PrivateKey) error) error {
	if remote == nil {
		if priv == nil {
			return errors.New("the private half is missing")
		}
		return guard(func() error { return with(priv) })
	}
	c := &capture{}
	err := guard(func() error {
		signer, ok := remote.bind(ctx).(crypto.Signer)
		if !ok {
			return errors.New("it is bound to no crypto.Signer")
		}
		c.Signer = signer
		return with(&packet.PrivateKey{PublicKey: *pub, PrivateKey: c})
	})
	if c.err != nil {
		err = c.err
	}
	if err != nil {
		return remotely.Outage(ctx, Fingerprint(pub), err)
	}
	return nil
}

// unwrapRemote asks a remote key for the PKCS #1 v1.5 decryption of a
// ciphertext. An error is an outage; a ciphertext that does not decrypt is not.
func (k *Component) unwrapRemote(ctx context.Context, ciphertext []byte) (m []byte, padded bool, err error) {
	err = guard(func() (err error) {
		decrypter, ok := k.Remote.bind(ctx).(crypto.Decrypter)
		if !ok {
			return errors.New("it is bound to no crypto.Decrypter")
		}
		//lint:ignore SA1019 OpenPGP has no other padding, and the options must say which
		m, err = decrypter.Decrypt(rand.Reader, ciphertext, &rsa.PKCS1v15DecryptOptions{})
		if err != nil && ctx.Err() == nil && k.Remote.remote.Undecryptable(err) {
			m, err = nil, nil
			return nil
		}
		padded = err == nil
		return err
	})
	if err != nil {
		return nil, false, remotely.Outage(ctx, k.ID, err)
	}
	return m, padded, nil
}

// WithRemotes gives the parts of c their private halves.
func (c *Certificate) WithRemotes(private []crypto.PrivateKey) (*Certificate, error) {
	if len(private) == 0 {
		return nil, errors.New("no private key")
	}
	out := &Certificate{primary: c.primary, users: c.users, subkeys: slices.Clone(c.subkeys)}
	parts := []*Part{&out.primary}
	for i := range out.subkeys {
		parts = append(parts, &out.subkeys[i])
	}
	for i, p := range private {
		r, public, err := newRemoteKey(p)
		if err != nil {
			return nil, fmt.Errorf("private key %d: %w", i, err)
		}
		switch public.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey:
		default:
			return nil, fmt.Errorf("private key %d: remote keys of type %T are not supported: %w", i, public, errors.ErrUnsupported)
		}
		fits := false
		for _, k := range parts {
			if !samePublic(k.pub, public) {
				continue
			}
			if k.remote != nil {
				return nil, fmt.Errorf("private key %d: part %s has one already", i, Fingerprint(k.pub))
			}
			if err := remoteFits(k.pub, r); err != nil {
				return nil, fmt.Errorf("private key %d: %w", i, err)
			}
			k.remote, fits = r, true
		}
		if !fits {
			return nil, fmt.Errorf("private key %d (%T) belongs to no part of the certificate", i, public)
		}
	}
	return out, nil
}

// remoteFits refuses what could not be used later: the library would panic on
// the first message for which it wants the key itself.
func remoteFits(k *packet.PublicKey, r *remoteKey) error {
	name, bits, weak := describe(k)
	switch {
	case weak != "":
		return fmt.Errorf("not allowed: %s", weak)
	case bits != 0:
		return nil
	case k.PubKeyAlgo == packet.PubKeyAlgoECDSA && r.signs():
		return nil
	}
	return fmt.Errorf("remote %s keys are not supported: %w", name, errors.ErrUnsupported)
}

// samePublic compares a key packet with a public key of the standard library.
func samePublic(k *packet.PublicKey, public crypto.PublicKey) bool {
	switch p := public.(type) {
	case *rsa.PublicKey:
		q, ok := k.PublicKey.(*rsa.PublicKey)
		return ok && p.Equal(q)
	case *ecdsa.PublicKey:
		q, ok := k.PublicKey.(*pgpecdsa.PublicKey)
		if !ok {
			return false
		}
		point, err := p.Bytes()
		return err == nil && string(point) == string(q.MarshalPoint())
	}
	return false
}
