package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/sealwax/sealwax/keyset"
)

// A Service returns the opener of its sources for the format, where those for OpenPGP hold
// "?certificate=NAME" or "&certificate=NAME": NAME is a file in folder. secret returns what
// -passphrase names. See [Connect].
type Service func(format keyset.Format, folder fs.FS, secret func() ([]byte, error)) keyset.Opener

// Connect returns a Service whose keys a client of type C opens. connect makes the client,
// once, when the first key is asked for: it gets the secret of [Service]. openpgp is nil if
// the service has no keys for OpenPGP; such a source is then an error that wraps
// [errors.ErrUnsupported].
func Connect[C any](connect func(ctx context.Context, secret func() ([]byte, error)) (C, error), jose func(C) keyset.Opener, openpgp func(C, fs.FS) keyset.Opener) Service {
	var mu sync.Mutex
	var client *C
	return func(format keyset.Format, folder fs.FS, secret func() ([]byte, error)) keyset.Opener {
		return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
			if format == keyset.OpenPGP && openpgp == nil {
				return nil, fmt.Errorf("no key of this service is for OpenPGP: %w", errors.ErrUnsupported)
			}
			mu.Lock()
			defer mu.Unlock()
			if client == nil {
				c, err := connect(ctx, secret)
				if err != nil {
					return nil, err
				}
				client = &c
			}
			if format == keyset.OpenPGP {
				return openpgp(*client, folder)(ctx, k)
			}
			return jose(*client)(ctx, k)
		}
	}
}
