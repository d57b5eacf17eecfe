// Sealctl is examples/sealctl for keys in the Transit engine of Vault or OpenBao too:
// "vault:transit/NAME?version=3" in place of a key file, and for OpenPGP with
// "&certificate=own.asc". VAULT_ADDR, VAULT_TOKEN, and what else the client of Vault reads
// say where the engine is.
package main

import (
	"context"

	"github.com/hashicorp/vault/api"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/keyset/vault"
	"github.com/sealwax/sealwax/keyset/vault/openpgp"
)

func main() {
	files := command.Files
	files.Services = map[string]command.Service{"vault": command.Connect(connect, vault.Opener, openpgp.Opener)}
	command.Main(files)
}

func connect(context.Context, func() ([]byte, error)) (*api.Client, error) { return api.NewClient(nil) }
