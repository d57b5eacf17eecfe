// Package openpgp opens OpenPGP certificates whose signing key is in Google Cloud KMS.
package openpgp

import (
	"context"
	"crypto"
	"fmt"
	"io/fs"
	"strings"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gcpkms"
	"github.com/sealwax/sealwax/pgp"
)

// Opener opens sources "gcpkms:NAME?certificate=FILE", where NAME is that of a key version,
// and FILE holds the certificate, in fsys: see [pgp.OpenRemote].
//
// The key signs with SHA-384. The algorithms that do so are RSA_SIGN_RAW_PKCS1_*, which
// leaves the hash to us, and EC_SIGN_P384_SHA384. Every other key is an error when it is
// opened, which wraps [errors.ErrUnsupported]. So is a key that decrypts: OpenPGP decrypts
// with PKCS #1 v1.5, which the service does not do.
func Opener(client *kms.KeyManagementClient, fsys fs.FS) keyset.Opener {
	return pgp.OpenRemote(fsys, func(ctx context.Context, source string) ([]crypto.PrivateKey, error) {
		name, ok := strings.CutPrefix(source, "gcpkms:")
		if !ok {
			return nil, fmt.Errorf("gcpkms: %.128q is not the source of a key in KMS", source)
		}
		key, err := gcpkms.Open(ctx, client, name)
		if err != nil {
			return nil, err
		}
		if err := key.SignsOpenPGP(); err != nil {
			return nil, err
		}
		return []crypto.PrivateKey{key}, nil
	})
}
