package pkcs11_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/pkcs11"
	"github.com/sealwax/sealwax/pgp"
)

// openers are what a program opens its own manifests with: keys on the token, and files.
func openers(module *pkcs11.Module) (jose, openpgp keyset.Opener) {
	folder := os.DirFS("/etc/sealwax/bank")
	jose = keyset.Schemes(map[string]keyset.Opener{
		"pkcs11": module.OpenJOSE(), // "pkcs11:token=bank;object=sign-2027"
		"file":   jwe.OpenFile(folder),
	})
	openpgp = keyset.Schemes(map[string]keyset.Opener{
		"pkcs11": module.OpenPGP(folder), // "pkcs11:token=bank;object=own-2027?certificate=own-2027.asc"
		"file":   pgp.OpenFile(folder, nil),
	})
	return jose, openpgp
}

// certify makes the certificate of two keys on the token, once. The file is no secret.
func certify(ctx context.Context, module *pkcs11.Module, file string) error {
	sign, err := module.Remote(ctx, "pkcs11:token=bank;object=own-2027;id=%01", keyset.Signing)
	if err != nil {
		return err
	}
	decrypt, err := module.Remote(ctx, "pkcs11:token=bank;object=own-2027;id=%02", keyset.Encryption)
	if err != nil {
		return err
	}
	key, err := pgp.NewRemoteCertificate(ctx, "Example Bank <keys@bank.example>", sign, decrypt, 365*24*time.Hour)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	return key.WriteCertificate(f)
}

// A server whose keys are on a token, listed in a manifest.
func Example() {
	module, err := pkcs11.Open(pkcs11.Config{
		Library: "/usr/lib/softhsm/libsofthsm2.so",
		PIN: func(context.Context, string) ([]byte, error) {
			return os.ReadFile("/run/secrets/pin") // without an end of line
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()
	ctx := context.Background()
	jose, _ := openers(module)
	folder, err := os.OpenRoot("/etc/sealwax/bank")
	if err != nil {
		log.Fatal(err)
	}
	var own keyset.Ring
	follower, err := keyset.Follow(ctx, &own, keyset.File(folder, "own.json"), jose)
	if err != nil {
		log.Fatal(err) // a key that is missing, or cannot do its work, is named here
	}
	go follower.Run(ctx)
	fmt.Println(own.Load())
	// … listen, with a jwe.Envelope whose Own is &own.
}
