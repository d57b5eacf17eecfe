// Sealctl is examples/sealctl for keys in Google Cloud KMS too:
// "gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/1" in place of a
// key file, and for OpenPGP the same with "?certificate=own.asc". GOOGLE_APPLICATION_CREDENTIALS, and what else the client reads, say who asks.
package main

import (
	"context"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/keyset/gcpkms"
	"github.com/sealwax/sealwax/keyset/gcpkms/openpgp"
)

func main() {
	files := command.Files
	files.Services = map[string]command.Service{"gcpkms": command.Connect(connect, gcpkms.Opener, openpgp.Opener)}
	command.Main(files)
}

func connect(ctx context.Context, _ func() ([]byte, error)) (*kms.KeyManagementClient, error) {
	return kms.NewKeyManagementClient(ctx)
}
