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
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/vault"
	"github.com/sealwax/sealwax/pgp"
)

// Opener opens sources such as
//
//	vault:transit/sign?version=3&decrypt=transit/read&decrypt_version=2&certificate=own.asc
//
// whose first key is that of the primary key, and whose second, which may be missing, that
// of the subkey. The certificate is a file in fsys: see [pgp.OpenRemote].
func Opener(client *api.Client, fsys fs.FS) keyset.Opener {
	open := pgp.OpenRemote(fsys, func(ctx context.Context, text string) (keys []crypto.PrivateKey, err error) {
		malformed := fmt.Errorf("vault: %.128q names no keys: vault:transit/NAME?version=1&decrypt=transit/NAME&decrypt_version=1", text)
		source, err := url.Parse(text)
		if err != nil || source.Scheme != "vault" || source.Opaque == "" {
			return nil, malformed
		}
		query, err := url.ParseQuery(source.RawQuery)
		if err != nil {
			return nil, malformed
		}
		for name, values := range query {
			if len(values) != 1 || name != "version" && name != "decrypt" && name != "decrypt_version" {
				return nil, malformed
			}
		}
		named := [][2]string{{source.Opaque, query.Get("version")}}
		if query.Has("decrypt") || query.Has("decrypt_version") {
			named = append(named, [2]string{query.Get("decrypt"), query.Get("decrypt_version")})
		}
		for _, n := range named {
			version, err := strconv.Atoi(n[1])
			if err != nil {
				return nil, malformed
			}
			key, err := vault.Open(ctx, client, n[0], version)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		return keys, nil
	})
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		if k.Use == "" && strings.Contains(k.Source, "decrypt=") {
			k.Use = (keyset.Signing | keyset.Encryption).String() // a second key that fits nothing is a mistake
		}
		return open(ctx, k)
	}
}
