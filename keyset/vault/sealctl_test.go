//go:build unix

package vault_test

import (
	"testing"

	"github.com/sealwax/sealwax/internal/sealctltest"
)

// Sealctl, built with this module, does with keys of the engine what it does with files.
func TestSealctl(t *testing.T) {
	s, _ := newServer(t)
	p := sealctltest.Build(t, token, "VAULT_ADDR=http://"+s.Addr, "VAULT_TOKEN="+token)
	p.Exchange(sealctltest.Keys{Sign: "vault:transit/p256?version=1", Read: "encrypt:vault:transit/rsa?version=1", Next: "vault:transit/p384?version=1"})
	p.Run("keygen", "-format", "pgp", "-name", "Bank <keys@bank.example>", "-o", "own.asc")
	p.Fails("none of 1 private keys", "rotate", "pgp.json", "init", "vault:transit/rsa?version=1&certificate=own.asc")
	p.Fails("the latest version is 1", "check", "vault:transit/p256?version=2")
}
