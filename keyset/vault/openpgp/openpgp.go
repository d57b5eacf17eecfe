// Package openpgp opens OpenPGP certificates whose keys are in the Transit engine of
// HashiCorp Vault or OpenBao.
package openpgp

import (
	"context"
	"crypto"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"

	"github.com/hashicorp/vault/api"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/vault"
	"github.com/sealwax/sealwax/pgp"
)

// Opener opens sources such as
//
//	vault:transit/sign?version=3&certificate=own.asc&decrypt=transit/read&decrypt_version=2
//
// whose first key is that of the primary key, and whose second, which may be missing, that
// of the subkey. The certificate is read from fsys.
func Opener(client *api.Client, fsys fs.FS) keyset.Opener {
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		source, err := url.Parse(k.Source)
		if err != nil || source.Scheme != "vault" || source.Opaque == "" {
			return nil, malformed(k)
		}
		query, err := url.ParseQuery(source.RawQuery)
		if err != nil {
			return nil, malformed(k)
		}
		for name, values := range query {
			if len(values) != 1 || name != "version" && name != "certificate" && name != "decrypt" && name != "decrypt_version" {
				return nil, malformed(k)
			}
		}
		named := [][2]string{{source.Opaque, query.Get("version")}}
		if query.Has("decrypt") || query.Has("decrypt_version") {
			named = append(named, [2]string{query.Get("decrypt"), query.Get("decrypt_version")})
		}
		var keys []crypto.PrivateKey
		for _, n := range named {
			version, err := strconv.Atoi(n[1])
			if err != nil {
				return nil, malformed(k)
			}
			key, err := vault.Open(ctx, client, n[0], version)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		f, err := fsys.Open(query.Get("certificate"))
		if err != nil {
			return nil, fmt.Errorf("vault: the certificate of %.128q: %w", k.Source, err)
		}
		defer f.Close()
		return pgp.NewRemoteKey(f, keys...)
	}
}

func malformed(k keyset.ManifestKey) error {
	return fmt.Errorf("vault: %.128q is not the source of a certificate: vault:transit/NAME?version=1&certificate=FILE&decrypt=transit/NAME&decrypt_version=1", k.Source)
}
