package jwe_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/rsa"
	"errors"
	"io"
	"sync/atomic"

	"github.com/sealwax/sealwax/keyset"
)

// A kms is a key service as it is met in the field, with everything that can go
// wrong in one. It is a keyset.Remote.
type kms struct {
	private crypto.PrivateKey
	mode    atomic.Pointer[string]
	calls   atomic.Int64
	opts    atomic.Pointer[crypto.DecrypterOpts]
}

var errBadPadding = errors.New("INVALID_CIPHERTEXT: padding")

func newKMS(private crypto.PrivateKey) *kms { return &kms{private: private} }

func (k *kms) set(mode string) { k.mode.Store(&mode) }

func (k *kms) Public() crypto.PublicKey {
	if x, ok := k.private.(*ecdh.PrivateKey); ok {
		return x.PublicKey()
	}
	return publicOf(k.private)
}

func (k *kms) Undecryptable(err error) bool { return errors.Is(err, errBadPadding) }

func (k *kms) Bind(ctx context.Context) crypto.PrivateKey {
	b := &bound{k, ctx}
	switch k.private.(type) {
	case *rsa.PrivateKey:
		return boundDecrypter{b}
	case *ecdh.PrivateKey:
		return boundExchanger{b}
	}
	return b
}

type bound struct {
	*kms
	ctx context.Context
}

type boundDecrypter struct{ *bound }

type boundExchanger struct{ *bound }

func (b *bound) trouble() ([]byte, error) {
	b.calls.Add(1)
	mode := b.mode.Load()
	if mode == nil {
		return nil, nil
	}
	switch *mode {
	case "sleeps":
		<-b.ctx.Done()
		return nil, context.Cause(b.ctx)
	case "fails":
		return nil, errors.New("connection refused by kms-7")
	case "says so":
		return nil, errors.Join(errors.New("503"), keyset.ErrUnavailable)
	case "panics":
		panic("kms client of 2011")
	case "garbage":
		return bytes.Repeat([]byte{0x42}, 35), nil
	case "bad padding":
		return nil, errBadPadding
	}
	return nil, nil
}

func (b *bound) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if out, err := b.trouble(); out != nil || err != nil {
		return out, err
	}
	return b.private.(crypto.Signer).Sign(r, digest, opts)
}

// Plain keys of others, which do one thing.
type (
	plainSigner    struct{ crypto.Signer }
	plainDecrypter struct{ *rsa.PrivateKey }
	plainExchanger struct{ ecdh.KeyExchanger }
)

// A paddedService is a key service that knows some paddings alone, and fails now and
// then.
type paddedService struct {
	*rsa.PrivateKey
	knows func(opts any) bool
	calls atomic.Int64
	flaky int64 // the number of the call that fails
}

func (s *paddedService) Bind(context.Context) crypto.PrivateKey { return s }

func (s *paddedService) Undecryptable(err error) bool { return errors.Is(err, errBadPadding) }

func (s *paddedService) does(opts any) error {
	if s.calls.Add(1) == s.flaky || !s.knows(opts) {
		return errors.New("InvalidParameter")
	}
	return nil
}

func (s *paddedService) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := s.does(opts); err != nil {
		return nil, err
	}
	return s.PrivateKey.Sign(r, digest, opts)
}

func (s *paddedService) Decrypt(r io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if err := s.does(opts); err != nil {
		return nil, err
	}
	m, err := s.PrivateKey.Decrypt(r, ciphertext, opts)
	if err != nil {
		err = errBadPadding
	}
	return m, err
}

// A signerFunc is a service that signs in a way of its own.
type signerFunc struct {
	public crypto.PublicKey
	sign   func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (s *signerFunc) Public() crypto.PublicKey { return s.public }

func (s *signerFunc) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign(digest, opts)
}
