package pgp

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// NewRemoteCertificate makes the first certificate for keys that never leave
// their service: sign becomes the primary key, decrypt the encryption subkey.
// sign is a [crypto.Signer] or a [keyset.Remote]; both may be RSA, sign also
// ECDSA, and they must differ. Otherwise it is like [GenerateKey] and
// [NewRemoteKey].
//
// Store what [Key.WriteCertificate] writes: the certificate is dated, and the
// next call makes another one.
func NewRemoteCertificate(ctx context.Context, name string, sign crypto.PrivateKey, decrypt keyset.Remote, validity time.Duration) (*Key, error) {
	k, err := newRemoteCertificate(ctx, name, sign, decrypt, validity, time.Now().Truncate(time.Second))
	if err != nil {
		return nil, fmt.Errorf("pgp: remote certificate: %w", err)
	}
	return k, nil
}

func newRemoteCertificate(ctx context.Context, name string, sign crypto.PrivateKey, decrypt keyset.Remote, validity time.Duration, at time.Time) (*Key, error) {
	if err := errors.Join(notUnderFIPSOnly(), checkUserID(name), checkValidity(validity)); err != nil {
		return nil, err
	}
	if decrypt == nil {
		return nil, errors.New("no key to decrypt with")
	}
	c, err := cert.CertifyRemote(ctx, name, sign, decrypt, at, validity)
	if err != nil {
		return nil, err
	}
	k, err := newKey(c)
	if err != nil {
		return nil, err // a service that signs garbage makes no valid self-signature
	}
	return k, k.SelfTest(ctx)
}

// WithNewSubkey returns a copy of k with another encryption subkey of the same
// kind, valid from now for the given time, but not longer than the primary
// key. Programs of partners encrypt to the newest subkey, and so does Seal of this package.
// Enter the copy with [keyset.Ring.Refresh], and hand it out. If a subkey was made in this
// very second, WithNewSubkey waits for the next one: of two of one age, neither is the newest.
//
// It returns [errors.ErrUnsupported] for public keys, and for keys that decrypt
// remotely: a remote subkey is made by its service.
func (k *Key) WithNewSubkey(ctx context.Context, validity time.Duration) (*Key, error) {
	out, err := k.withNewSubkey(ctx, validity)
	if err != nil {
		return nil, fmt.Errorf("pgp: new subkey of %s: %w", k.info.ID, err)
	}
	return out, nil
}

// afterSubkeys returns the time, to the second, when no subkey is of that second any more.
func (k *Key) afterSubkeys(ctx context.Context) (time.Time, error) {
	at := time.Now().Truncate(time.Second)
	if !slices.ContainsFunc(k.lax, func(c *cert.Component) bool { return !c.Primary && c.NotBefore.Equal(at) }) {
		return at, nil
	}
	next := at.Add(time.Second)
	wait := time.NewTimer(time.Until(next))
	defer wait.Stop()
	select {
	case <-wait.C:
		return next, nil
	case <-ctx.Done():
		return time.Time{}, context.Cause(ctx)
	}
}

func (k *Key) withNewSubkey(ctx context.Context, validity time.Duration) (*Key, error) {
	if err := checkValidity(validity); err != nil {
		return nil, err
	}
	if err := k.cert.Certifiable(); err != nil {
		return nil, err
	}
	like := cert.FitFor(k.lax, keyset.Encryption, true)
	if len(like) == 0 || like[0].Remote != nil {
		return nil, fmt.Errorf("no local subkey to make another one like: %w", errors.ErrUnsupported)
	}
	at, err := k.afterSubkeys(ctx)
	if err != nil {
		return nil, err
	}
	c, err := k.cert.WithNewSubkey(ctx, like[0], at, validity)
	if err != nil {
		return nil, err
	}
	return newKey(c)
}

// WithPostQuantumSubkey is [Key.WithNewSubkey] for a subkey of ML-KEM-768+X25519, whatever
// the other subkeys are: in a certificate of version 4 too, beside RSA (RFC 9980). A
// partner whose program does not know the algorithm passes the subkey over, and encrypts to
// another; Seal of this package encrypts to the post-quantum one.
func (k *Key) WithPostQuantumSubkey(ctx context.Context, validity time.Duration) (*Key, error) {
	out, err := k.withPostQuantumSubkey(ctx, validity)
	if err != nil {
		return nil, fmt.Errorf("pgp: new subkey of %s: %w", k.info.ID, err)
	}
	return out, nil
}

func (k *Key) withPostQuantumSubkey(ctx context.Context, validity time.Duration) (*Key, error) {
	if err := errors.Join(notUnderFIPSOnly(), checkValidity(validity), k.cert.Certifiable()); err != nil {
		return nil, err
	}
	at, err := k.afterSubkeys(ctx)
	if err != nil {
		return nil, err
	}
	c, err := k.cert.WithPostQuantumSubkey(ctx, at, validity)
	if err != nil {
		return nil, err
	}
	return newKey(c)
}

// WriteRevocation writes the certificate of k with a revocation of it, in ASCII
// armor: what tells the partner, and anyone who has the certificate, not to use
// it any more, at whatever time. why is for people. k itself stays as it is;
// what is written can be read with [ReadKey] and entered with
// [keyset.Ring.Refresh], and GnuPG imports it.
//
// It returns [errors.ErrUnsupported] if the private half of the primary key is
// not here.
func (k *Key) WriteRevocation(ctx context.Context, w io.Writer, why string) error {
	c, err := k.cert.WithoutPrivate(), k.cert.Certifiable()
	if err == nil {
		c, err = k.cert.Revoke(ctx, why, time.Now())
	}
	if err != nil {
		return fmt.Errorf("pgp: revocation of %s: %w", k.info.ID, err)
	}
	var b bytes.Buffer
	if err := c.Write(&b, false); err != nil {
		return err
	}
	return encodeArmor(w, openpgp.ArmorPublic, b.Bytes())
}
