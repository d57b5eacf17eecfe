package command_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/keyset"
)

// A client is made when the first key is asked for, once, and with the secret; what fails is
// tried again.
func TestConnect(t *testing.T) {
	errDown, errKey := errors.New("the service is down"), errors.New("no such key")
	down, made := true, 0
	connect := func(_ context.Context, secret func() ([]byte, error)) (string, error) {
		made++
		pin, err := secret()
		if down {
			err = errDown
		}
		return "a client with " + string(pin), err
	}
	var asked []string
	opener := func(client, format string) keyset.Opener {
		return func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
			asked = append(asked, client+": "+format+" "+k.Source)
			return nil, errKey
		}
	}
	jose := func(client string) keyset.Opener { return opener(client, "jose") }
	openpgp := func(client string, folder fs.FS) keyset.Opener {
		_, err := fs.Stat(folder, "own.asc")
		assert.NoError(t, err)
		return opener(client, "openpgp")
	}
	folder := fstest.MapFS{"own.asc": {}}
	secret := func() ([]byte, error) { return []byte("1234"), nil }
	open := func(s command.Service, format keyset.Format) error {
		_, err := s(format, folder, secret)(t.Context(), keyset.ManifestKey{Source: "kms:k"})
		return err
	}
	both, alone := command.Connect(connect, jose, openpgp), command.Connect(connect, jose, nil)
	assert.Zero(t, made)
	assert.ErrorIs(t, open(both, keyset.JOSE), errDown)
	down = false
	assert.ErrorIs(t, open(both, keyset.JOSE), errKey)
	assert.ErrorIs(t, open(both, keyset.OpenPGP), errKey)
	assert.Equal(t, 2, made)
	assert.ErrorIs(t, open(alone, keyset.OpenPGP), errors.ErrUnsupported)
	assert.Equal(t, 2, made)
	assert.Equal(t, []string{"a client with 1234: jose kms:k", "a client with 1234: openpgp kms:k"}, asked)
}
