package remote_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/go-jose/go-jose/v4/testutils/require"
	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

func TestOutage(t *testing.T) {
	deadline := errors.New("the caller has gone")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(deadline)
	refused := errors.New("connection refused")

	err := remote.Outage(t.Context(), "A", refused)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	assert.ErrorIs(t, err, refused)
	assert.NotErrorIs(t, err, envelope.ErrRejected)
	assert.ErrorContains(t, err, "remote key A: ")

	said := fmt.Errorf("503: %w", keyset.ErrUnavailable)
	assert.EqualError(t, remote.Outage(t.Context(), "A", said), "remote key A: "+said.Error(), "it is said once")

	rejects := remote.Outage(t.Context(), "A", fmt.Errorf("a proxy: %w", envelope.Reject(envelope.Corrupt, refused)))
	assert.ErrorIs(t, rejects, keyset.ErrUnavailable)
	assert.NotErrorIs(t, rejects, envelope.ErrRejected, "no service rejects a message")
	_, rejected := errors.AsType[*envelope.OpenError](rejects)
	assert.False(t, rejected)

	assert.Equal(t, deadline, remote.Outage(ended, "A", refused), "the end of a call is no outage")
}

// A service is a Remote whose Bind returns what a test says.
type service struct {
	public crypto.PublicKey
	bound  any
}

func (s service) Public() crypto.PublicKey               { return s.public }
func (s service) Bind(context.Context) crypto.PrivateKey { return s.bound }
func (s service) Undecryptable(err error) bool           { return errors.Is(err, rsa.ErrDecryption) }

type decrypter struct{ err error }

func (d decrypter) Public() crypto.PublicKey { return nil }
func (d decrypter) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return []byte("plain"), d.err
}

// What a service says of a ciphertext is the message's, and everything else is ours. That
// it does not do what the message asks for, a stranger can bring about.
func TestDecrypt(t *testing.T) {
	refused := errors.New("connection refused")
	for name, tt := range map[string]struct {
		bound  any
		ok     bool
		outage bool
	}{
		"decrypts":            {decrypter{}, true, false},
		"does not decrypt":    {decrypter{rsa.ErrDecryption}, false, false},
		"has no such padding": {decrypter{fmt.Errorf("OAEP with SHA-1: %w", errors.ErrUnsupported)}, false, false},
		"cannot be reached":   {decrypter{refused}, false, true},
		"is no decrypter":     {5, false, true},
		"is nothing":          {nil, false, true},
	} {
		k, _, err := remote.New(service{bound: tt.bound})
		require.NoError(t, err)
		out, ok, err := k.Decrypt(t.Context(), "A", nil, nil)
		assert.Equal(t, tt.ok, ok, name)
		assert.Equal(t, tt.ok, out != nil, name)
		assert.Equal(t, tt.outage, errors.Is(err, keyset.ErrUnavailable), name)
	}
}

// What a service refuses is told to the operator by a self-test, and to nobody else.
func TestNoting(t *testing.T) {
	failed := errors.New("it does not decrypt")
	for name, tt := range map[string]struct {
		bound error
		noted bool
	}{
		"decrypts":            {nil, false},
		"does not decrypt":    {rsa.ErrDecryption, true},
		"has no such padding": {fmt.Errorf("OAEP with SHA-1: %w", errors.ErrUnsupported), true},
		"cannot be reached":   {errors.New("connection refused"), false},
	} {
		k, _, err := remote.New(service{bound: decrypter{tt.bound}})
		require.NoError(t, err)
		ctx, with := remote.Noting(t.Context())
		_, _, err = k.Decrypt(ctx, "A", nil, nil)
		if tt.noted {
			require.NoError(t, err, name)
			assert.ErrorIs(t, with(failed), failed, name)
			assert.ErrorContains(t, with(failed), tt.bound.Error(), name)
			assert.NotErrorIs(t, with(failed), errors.ErrUnsupported, name)
			continue
		}
		assert.Equal(t, failed, with(failed), name)
	}
}

func TestMistake(t *testing.T) {
	err := remote.Mistake("A", "its signatures are upside down")
	assert.NotErrorIs(t, err, keyset.ErrUnavailable)
	assert.EqualError(t, err, "remote key A answers wrongly: its signatures are upside down")
}
