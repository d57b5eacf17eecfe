package cert

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	pgpecdsa "github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	remotely "github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// newRemoteKey sorts out what private can do.
func newRemoteKey(private crypto.PrivateKey) (*remotely.Key, crypto.PublicKey, error) {
	r, public, err := remotely.New(private)
	if err != nil {
		return nil, nil, err
	}
	if signs, decrypts := r.CanSign(), r.CanDecrypt(); signs != nil && decrypts != nil {
		return nil, nil, signs
	}
	return r, public, nil
}

// A remoteSigner asks a remote key, and keeps its error, which the library forgets (T23).
type remoteSigner struct {
	ctx    context.Context
	key    *remotely.Key
	id     keyset.ID
	public crypto.PublicKey
	err    error
}

func (s *remoteSigner) Public() crypto.PublicKey { return s.public }

func (s *remoteSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) (sig []byte, err error) {
	sig, s.err = s.key.Sign(s.ctx, s.id, digest, opts)
	return sig, s.err
}

// sign calls a signing function of the library with the key, which may be
// remote. What a remote key returns is for the caller to check.
func sign(ctx context.Context, pub *packet.PublicKey, priv *packet.PrivateKey, remote *remotely.Key, with func(*packet.PrivateKey) error) error {
	if remote == nil {
		if priv == nil {
			return errors.New("the private half is missing")
		}
		return guard(func() error { return with(priv) })
	}
	s := &remoteSigner{ctx: ctx, key: remote, id: Fingerprint(pub), public: pub.PublicKey}
	err := guard(func() error { return with(&packet.PrivateKey{PublicKey: *pub, PrivateKey: s}) })
	switch {
	case s.err != nil:
		return s.err
	case err != nil:
		return remotely.Mistake(s.id, fmt.Sprintf("what it returns is no signature: %v", err))
	}
	return nil
}

// unwrapRemote asks a remote key for the PKCS #1 v1.5 decryption of a
// ciphertext. An error is an outage; a ciphertext that does not decrypt is not.
func (k *Component) unwrapRemote(ctx context.Context, ciphertext []byte) (m []byte, padded bool, err error) {
	//lint:ignore SA1019 OpenPGP has no other padding, and the options must say which
	return k.Remote.Decrypt(ctx, k.ID, ciphertext, &rsa.PKCS1v15DecryptOptions{})
}

// ErrNoPart says that a private key is another one than those of a certificate.
var ErrNoPart = errors.New("belongs to no part of the certificate")

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
			return nil, fmt.Errorf("private key %d: remote keys of type %T are not supported%s: %w", i, public, composites(parts), errors.ErrUnsupported)
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
			return nil, fmt.Errorf("private key %d (%T) %w%s", i, public, ErrNoPart, composites(parts))
		}
	}
	return out, nil
}

// composites names the algorithms of RFC 9980 among the parts. No service has such keys
// whole, and a half of one is no key.
func composites(parts []*Part) string {
	var names []string
	for _, k := range parts {
		if name := PostQuantumName(k.pub.PubKeyAlgo); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return ""
	}
	return "; both halves of a key of " + strings.Join(names, " or ") + " have to be in this process"
}

// remoteFits refuses what could not be used later: the library would panic on
// the first message for which it wants the key itself.
func remoteFits(k *packet.PublicKey, r *remotely.Key) error {
	name, bits, weak := describe(k)
	switch {
	case weak != "":
		return fmt.Errorf("not allowed: %s", weak)
	case bits != 0:
		return nil
	case k.PubKeyAlgo == packet.PubKeyAlgoECDSA && r.CanSign() == nil:
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
