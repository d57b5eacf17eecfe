// Sealctl is examples/sealctl for keys on PKCS #11 tokens too: "pkcs11:token=bank;object=k"
// in place of a key file, with the file with the PIN as -passphrase. PKCS11_MODULE_PATH
// names the library, such as /usr/lib/softhsm/libsofthsm2.so.
package main

import (
	"context"
	"os"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/keyset/pkcs11"
)

func main() {
	files := command.Files
	files.Services = map[string]command.Service{"pkcs11": command.Connect(open, (*pkcs11.Module).OpenJOSE, (*pkcs11.Module).OpenPGP)}
	command.Main(files)
}

func open(_ context.Context, pin func() ([]byte, error)) (*pkcs11.Module, error) {
	return pkcs11.Open(pkcs11.Config{
		Library: os.Getenv("PKCS11_MODULE_PATH"),
		PIN:     func(context.Context, string) ([]byte, error) { return pin() },
	})
}
