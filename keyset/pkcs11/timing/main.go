// Command timing tells what can be told apart by how long it takes to open it with a key in
// SoftHSM, on a token of its own: see package internal/timing, which judges it, and
// bench/timing for keys in the process. It is here because it needs cgo, which bench does
// without.
//
//	cd keyset/pkcs11 && go run ./timing
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sealwax/sealwax/internal/process"
	"github.com/sealwax/sealwax/internal/timing"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/pkcs11"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "timing:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) (err error) {
	dir, err := os.MkdirTemp("", "timing")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	module, err := token(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, module.Close()) }()
	return timing.Run(context.Background(), w, args, func(ctx context.Context) ([]timing.Pair, error) {
		key, err := module.Remote(ctx, "pkcs11:token=bank;object=read", keyset.Encryption)
		if err != nil {
			return nil, err
		}
		return timing.Remote(ctx, "RSA-2048 in SoftHSM", key)
	})
}

const pin = "271828"

// token makes a token in dir, with a new RSA key, and opens its library.
func token(dir string) (*pkcs11.Module, error) {
	soft, err := process.NewSoftHSM(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Setenv("SOFTHSM2_CONF", soft.Conf); err != nil { // for the library, too
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"--init-token", "--free", "--label", "bank", "--so-pin", pin, "--pin", pin},
		{"--import", file, "--token", "bank", "--label", "read", "--id", "01", "--pin", pin},
	} {
		if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("softhsm2-util %s: %w: %s", args[0], err, out)
		}
	}
	return pkcs11.Open(pkcs11.Config{Library: soft.Library, PIN: func(context.Context, string) ([]byte, error) { return []byte(pin), nil }})
}
