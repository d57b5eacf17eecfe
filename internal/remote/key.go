// Package remote is what is alike for keys that are elsewhere, in every format: binding
// them to a call, asking them, and telling what does not decrypt from an outage, and an
// outage from a mistake that lasts.
package remote

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A Key is a private half that is elsewhere: a plain signer or key exchanger, or a
// [keyset.Remote] that is bound to the context of each call.
type Key struct {
	plain  crypto.PrivateKey // a crypto.Signer or an ecdh.KeyExchanger
	remote keyset.Remote     // or this
}

var errDecrypter = errors.New("a crypto.Decrypter of somebody else, which cannot tell an outage from a bad ciphertext; make it a keyset.Remote")

// New sorts out what private is, and returns it with its public half.
func New(private crypto.PrivateKey) (k *Key, public crypto.PublicKey, err error) {
	err = Guard(func() error {
		switch p := private.(type) {
		case keyset.Remote:
			k, public = &Key{remote: p}, p.Public()
		case crypto.Signer:
			k, public = &Key{plain: p}, p.Public()
		case ecdh.KeyExchanger:
			k, public = &Key{plain: p}, p.PublicKey()
		case crypto.Decrypter:
			return errDecrypter
		default:
			return fmt.Errorf("cannot use a private key of type %T: it is no crypto.Signer, no ecdh.KeyExchanger, and no keyset.Remote", private)
		}
		return nil
	})
	return k, public, err
}

// CanSign returns an error unless k is bound to a [crypto.Signer]. To see that, a
// Remote is bound, which is not supposed to leave the process.
func (k *Key) CanSign() error {
	_, err := bound[crypto.Signer](context.Background(), k, "crypto.Signer")
	return err
}

// CanDecrypt returns an error unless k is a Remote that is bound to a [crypto.Decrypter]:
// only a Remote tells an outage from a bad ciphertext.
func (k *Key) CanDecrypt() error {
	_, err := bound[crypto.Decrypter](context.Background(), k, "crypto.Decrypter")
	if err == nil && k.remote == nil {
		return errDecrypter
	}
	return err
}

// CanAgree returns an error unless k is bound to an [ecdh.KeyExchanger].
func (k *Key) CanAgree() error {
	_, err := bound[ecdh.KeyExchanger](context.Background(), k, "ecdh.KeyExchanger")
	return err
}

// bound returns k bound to ctx as what it has to be.
func bound[T any](ctx context.Context, k *Key, name string) (out T, err error) {
	err = Guard(func() error {
		private := k.plain
		if k.remote != nil {
			private = k.remote.Bind(ctx)
		}
		var is bool
		if out, is = private.(T); !is {
			return fmt.Errorf("bound to %T, which is no %s", private, name)
		}
		return nil
	})
	return out, err
}

// Sign returns the signature of a digest as the service makes it. The caller checks it.
// Every error is ours: nothing that a stranger sent is signed.
func (k *Key) Sign(ctx context.Context, id keyset.ID, digest []byte, opts crypto.SignerOpts) (out []byte, err error) {
	err = Guard(func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		signer, err := bound[crypto.Signer](ctx, k, "crypto.Signer")
		if err == nil {
			out, err = signer.Sign(rand.Reader, digest, opts)
		}
		return err
	})
	if err != nil {
		return nil, Outage(ctx, id, err)
	}
	return out, nil
}

// Decrypt returns what the service decrypts. A nil error without ok says that the
// ciphertext does not decrypt under this key, or that the service does not do what the
// message asks for, which a stranger can choose. Every error is ours, or the end of ctx.
func (k *Key) Decrypt(ctx context.Context, id keyset.ID, ciphertext []byte, opts crypto.DecrypterOpts) (out []byte, ok bool, err error) {
	return k.open(ctx, id, func() ([]byte, error) {
		decrypter, err := bound[crypto.Decrypter](ctx, k, "crypto.Decrypter")
		if err != nil {
			return nil, err
		}
		return decrypter.Decrypt(rand.Reader, ciphertext, opts)
	})
}

// Agree returns the secret that k and the ephemeral key agree on, likewise.
func (k *Key) Agree(ctx context.Context, id keyset.ID, ephemeral *ecdh.PublicKey) (out []byte, ok bool, err error) {
	return k.open(ctx, id, func() ([]byte, error) {
		exchanger, err := bound[ecdh.KeyExchanger](ctx, k, "ecdh.KeyExchanger")
		if err != nil {
			return nil, err
		}
		return exchanger.ECDH(ephemeral)
	})
}

func (k *Key) open(ctx context.Context, id keyset.ID, ask func() ([]byte, error)) (out []byte, ok bool, err error) {
	refused := false
	err = Guard(func() (err error) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		out, err = ask()
		if err != nil && ctx.Err() == nil {
			refused = errors.Is(err, errors.ErrUnsupported) || k.remote != nil && k.remote.Undecryptable(err)
		}
		return err
	})
	switch {
	case err == nil:
		return out, true, nil
	case refused:
		if note, ok := ctx.Value(refusal{}).(*error); ok {
			*note = err
		}
		return nil, false, nil
	}
	return nil, false, Outage(ctx, id, err)
}

type refusal struct{}

// Noting returns a context under which what a service refuses is noted, and a function
// that adds the last of it to an error. It is for self-tests, where no stranger has sent
// anything, and the reason is for the operator.
func Noting(ctx context.Context) (noting context.Context, with func(error) error) {
	var note error
	return context.WithValue(ctx, refusal{}, &note), func(err error) error {
		if note == nil {
			return err
		}
		return fmt.Errorf("%w: %v", err, note) // what note wraps means something else of a self-test
	}
}

// Outage returns the error of a remote key that could not be asked, as [Unavailable].
func Outage(ctx context.Context, id keyset.ID, err error) error {
	return Unavailable(ctx, fmt.Sprintf("remote key %s", id), err)
}

// Unavailable returns the error of something of ours that could not be asked: one that
// wraps [keyset.ErrUnavailable], or the cause of ctx if that has ended. It never is a
// rejection, whatever err wraps: nothing that we ask says that a message is at fault.
func Unavailable(ctx context.Context, what string, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, envelope.ErrRejected):
		return fmt.Errorf("%s: %w: %v", what, keyset.ErrUnavailable, err)
	case errors.Is(err, keyset.ErrUnavailable):
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, keyset.ErrUnavailable, err)
}

// Mistake returns the error of a remote key that answered, and wrongly. It does not
// wrap [keyset.ErrUnavailable]: asking again does not help.
func Mistake(id keyset.ID, what string) error {
	return fmt.Errorf("remote key %s answers wrongly: %s", id, what)
}

// Guard makes an error of a panic in a key that is not ours.
func Guard(step func() error) error { return Guarded("the key", step) }

// Guarded makes an error of a panic in code that is not ours.
func Guarded(what string, step func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s panicked: %v", what, r)
		}
	}()
	return step()
}
