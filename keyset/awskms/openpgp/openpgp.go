// Package openpgp opens OpenPGP certificates whose signing key is in AWS KMS.
package openpgp

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/awskms"
	"github.com/sealwax/sealwax/pgp"
)

// Opener opens sources "awskms:KEY?certificate=FILE", where KEY is an ARN, a key ID, or an
// alias, and FILE holds the certificate, in fsys: see [pgp.OpenRemote]. The key signs:
// OpenPGP decrypts with PKCS #1 v1.5, which the service does not do, so that a key that
// decrypts is an error.
func Opener(client *kms.Client, fsys fs.FS) keyset.Opener {
	return pgp.OpenRemote(fsys, func(ctx context.Context, source string) ([]crypto.PrivateKey, error) {
		id, ok := strings.CutPrefix(source, "awskms:")
		if !ok {
			return nil, fmt.Errorf("awskms: %.128q is not the source of a key in KMS", source)
		}
		key, err := awskms.Open(ctx, client, id)
		if err != nil {
			return nil, err
		}
		if key.Use() != keyset.Signing {
			return nil, fmt.Errorf("awskms: key %s decrypts with RSA-OAEP, or agrees: OpenPGP needs PKCS #1 v1.5, which AWS KMS does not do; decrypt with a key elsewhere: %w", key, errors.ErrUnsupported)
		}
		return []crypto.PrivateKey{key}, nil
	})
}
