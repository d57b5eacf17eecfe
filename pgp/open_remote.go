package pgp

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// OpenRemote returns a [keyset.Opener] for sources "KEYS?certificate=NAME": the certificate
// is the file NAME in fsys, as [OpenFile] reads it, and its private halves are in a
// service. open returns the private keys that KEYS names, each as [NewRemoteKey] takes it;
// those that fit no part of the certificate are passed over, and it is an error if none
// fits, or if the manifest says that the key is for more than those are that fit.
//
// Every key is tested, so that what its service cannot do is told when it is opened.
func OpenRemote(fsys fs.FS, open func(ctx context.Context, keys string) ([]crypto.PrivateKey, error)) keyset.Opener {
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		source, name, ok := strings.Cut(k.Source, "?certificate=")
		if !ok {
			return nil, errors.New("pgp: the source names no certificate: add ?certificate=NAME, a file")
		}
		certificate, err := openFile(ctx, fsys, name, k, nil)
		if err != nil {
			return nil, err
		}
		private, err := open(ctx, source)
		if err != nil {
			return nil, err
		}
		public := certificate.cert.WithoutPrivate()
		var fit []crypto.PrivateKey
		for _, p := range private {
			switch _, err := public.WithRemotes([]crypto.PrivateKey{p}); {
			case errors.Is(err, cert.ErrNoPart):
			case err != nil:
				return nil, fmt.Errorf("pgp: remote key %s: %w", certificate.info.ID, err)
			default:
				fit = append(fit, p)
			}
		}
		if len(fit) == 0 {
			return nil, fmt.Errorf("pgp: remote key %s: none of %d private keys of %.128q belongs to a part of %.128q", certificate.info.ID, len(private), source, name)
		}
		c, err := public.WithRemotes(fit)
		if err != nil {
			return nil, fmt.Errorf("pgp: remote key %s: %w", certificate.info.ID, err)
		}
		key, err := newKey(c)
		if err != nil {
			return nil, err
		}
		if use := key.info.Use.String(); k.Use != "" && k.Use != use {
			return nil, fmt.Errorf("pgp: remote key %s: the manifest says that it is for %s, and with the private keys of %.128q it is for %s", key.info.ID, k.Use, source, use)
		}
		if err := key.SelfTest(ctx); err != nil {
			return nil, err
		}
		return key, nil
	}
}
