// Sealctl is examples/sealctl for keys in AWS KMS too: "awskms:ARN" in place of a key file,
// and for OpenPGP "awskms:ARN?certificate=own.asc". Region and credentials are those of
// the AWS command line: AWS_REGION, AWS_PROFILE, and what else the SDK reads.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/keyset/awskms"
	"github.com/sealwax/sealwax/keyset/awskms/openpgp"
)

func main() {
	files := command.Files
	files.Services = map[string]command.Service{"awskms": command.Connect(connect, awskms.Opener, openpgp.Opener)}
	command.Main(files)
}

func connect(ctx context.Context, _ func() ([]byte, error)) (*kms.Client, error) {
	c, err := config.LoadDefaultConfig(ctx)
	return kms.NewFromConfig(c), err
}
