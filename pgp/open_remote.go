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
// service. Where KEYS has a query of its own, certificate is one of its parameters, as in
// "vault:transit/sign?version=3&certificate=own.asc". NAME is taken as it stands there, and
// holds no "&".
//
// open returns the private keys that KEYS names, which is the source without that
// parameter, each as [NewRemoteKey] takes it. A private key that fits no part of the
// certificate is passed over. It is an error if none fits. It is an error as well if the
// manifest names a use for which none of them fits.
//
// Every key is tested: if its service cannot do something, that is told when the key is
// opened.
func OpenRemote(fsys fs.FS, open func(ctx context.Context, keys string) ([]crypto.PrivateKey, error)) keyset.Opener {
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		source, name, err := cutCertificate(k.Source)
		if err != nil {
			return nil, err
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

// cutCertificate takes the parameter out of the query of a source.
func cutCertificate(source string) (keys, name string, err error) {
	keys, query, _ := strings.Cut(source, "?")
	var names, others []string
	for p := range strings.SplitSeq(query, "&") {
		if name, ok := strings.CutPrefix(p, "certificate="); ok {
			names = append(names, name)
		} else {
			others = append(others, p)
		}
	}
	if len(names) != 1 || names[0] == "" {
		return "", "", errors.New("pgp: the source names no certificate, or several: add ?certificate=NAME, a file")
	}
	if len(others) != 0 {
		keys += "?" + strings.Join(others, "&")
	}
	return keys, names[0], nil
}
