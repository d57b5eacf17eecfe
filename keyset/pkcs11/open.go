package pkcs11

import (
	"context"
	"crypto"
	"io/fs"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// OpenJOSE returns a [keyset.Opener] for sources "pkcs11:token=bank;object=sign-2027", as
// [Module.Remote] takes them and [jwe.OpenRemote] reads them: "#RSA-OAEP" at the end binds
// the key to an algorithm.
func (m *Module) OpenJOSE() keyset.Opener { return jwe.OpenRemote(m.Remote) }

// OpenPGP returns a [keyset.Opener] for sources
// "pkcs11:token=bank;object=own-2027?certificate=own-2027.asc": a certificate in fsys, whose
// private halves are on the token, as [pgp.OpenRemote] has it. All private keys that the
// URI names are considered, at most 32; without object and id that is every key of the
// token that can be used.
func (m *Module) OpenPGP(fsys fs.FS) keyset.Opener {
	return pgp.OpenRemote(fsys, func(ctx context.Context, source string) ([]crypto.PrivateKey, error) {
		keys, err := m.keys(ctx, source, 0)
		private := make([]crypto.PrivateKey, len(keys))
		for i, k := range keys {
			private[i] = k
		}
		return private, err
	})
}
