// Sealctl is examples/sealctl for keys on PKCS #11 tokens too: "pkcs11:token=bank;object=k"
// in place of a key file, with the file with the PIN as -passphrase. PKCS11_MODULE_PATH
// names the library, such as /usr/lib/softhsm/libsofthsm2.so.
package main

import (
	"context"
	"io/fs"
	"os"
	"sync"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/pkcs11"
)

func main() {
	var pin func() ([]byte, error)
	module := sync.OnceValues(func() (*pkcs11.Module, error) {
		return pkcs11.Open(pkcs11.Config{
			Library: os.Getenv("PKCS11_MODULE_PATH"),
			PIN:     func(context.Context, string) ([]byte, error) { return pin() },
		})
	})
	files := command.Files
	files.Services = map[string]command.Service{"pkcs11": func(format keyset.Format, folder fs.FS, secret func() ([]byte, error)) keyset.Opener {
		pin = secret
		return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
			m, err := module()
			if err != nil {
				return nil, err
			}
			if format == keyset.OpenPGP {
				return m.OpenPGP(folder)(ctx, k)
			}
			return m.OpenJOSE()(ctx, k)
		}
	}}
	command.Main(files)
}
