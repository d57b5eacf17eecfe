package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealwax/sealwax/internal/process"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/awskms"
	"github.com/sealwax/sealwax/keyset/awskms/openpgp"
	"github.com/sealwax/sealwax/pgp"
)

// A cloud is local-kms, as a process.
type cloud struct {
	*process.Server
	program string // of local-kms
	client  *kms.Client
}

const region = "eu-central-1"

func newCloud(dir string) (*cloud, error) {
	program, err := process.Build(filepath.Join("..", "..", "keyset", "awskms", "localkms"), "github.com/nsmithuk/local-kms")
	if err != nil {
		return nil, fmt.Errorf("build local-kms, from examples/services: %w", err)
	}
	server, err := process.LocalKMS(program, dir, region)
	if err != nil {
		return nil, err
	}
	client := kms.New(kms.Options{Region: region, BaseEndpoint: aws.String("http://" + server.Addr), Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
	return &cloud{server, program, client}, server.Start()
}

func (c *cloud) close() {
	c.Kill()
	_ = os.RemoveAll(filepath.Dir(c.program))
}

func (c *cloud) stop() (start func() error, err error) {
	c.Kill()
	return c.Start, nil
}

func (c *cloud) create(ctx context.Context, spec types.KeySpec, usage types.KeyUsageType) (arn string, err error) {
	made, err := c.client.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	if err != nil {
		return "", err
	}
	return aws.ToString(made.KeyMetadata.Arn), nil
}

func (c *cloud) newKeys(ctx context.Context, s *side, n int) ([]keyset.ManifestKey, error) {
	if s.format == jose {
		sign, err := c.create(ctx, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
		if err != nil {
			return nil, err
		}
		read, err := c.create(ctx, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
		return s.pair(n, "awskms:"+sign, "awskms:"+read), err
	}
	arn, err := c.create(ctx, types.KeySpecRsa2048, types.KeyUsageTypeSignVerify)
	if err != nil {
		return nil, err
	}
	sign, err := awskms.Open(ctx, c.client, arn)
	if err != nil {
		return nil, err
	}
	read, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	file := fmt.Sprintf("read-%d.der", n)
	if err := s.folder.WriteFile(file, x509.MarshalPKCS1PrivateKey(read), 0o600); err != nil {
		return nil, err
	}
	return s.certify(ctx, n, "awskms:"+arn+"+"+file, sign, fileKey{read})
}

// opener opens, for OpenPGP, "awskms:ARN+FILE?certificate=NAME": ARN signs, and the key in
// FILE decrypts.
func (c *cloud) opener(f *format, folder fs.FS) keyset.Opener {
	if f == jose {
		return awskms.Opener(c.client)
	}
	return pgp.OpenRemote(folder, func(ctx context.Context, keys string) ([]crypto.PrivateKey, error) {
		arn, file, _ := strings.Cut(strings.TrimPrefix(keys, "awskms:"), "+")
		sign, err := awskms.Open(ctx, c.client, arn)
		if err != nil {
			return nil, err
		}
		der, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, err
		}
		read, err := x509.ParsePKCS1PrivateKey(der)
		return []crypto.PrivateKey{sign, fileKey{read}}, err
	})
}

// refused returns the error of a manifest that asks for decryption of OpenPGP in the service.
func (c *cloud) refused(ctx context.Context, s *side) error {
	arn, err := c.create(ctx, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	if err != nil {
		return err
	}
	k := s.now[0]
	_, certificate, _ := strings.Cut(k.Source, "?")
	m := &keyset.Manifest{Version: 1, Revision: 1, Format: keyset.OpenPGP, Private: true,
		Keys: []keyset.ManifestKey{{ID: k.ID(), State: keyset.Active, Source: "awskms:" + arn + "?" + certificate}}}
	_, err = m.Open(ctx, openpgp.Opener(c.client, s.folder.FS()))
	return err
}

// A fileKey decrypts in this process.
type fileKey struct{ *rsa.PrivateKey }

func (k fileKey) Bind(context.Context) crypto.PrivateKey { return k.PrivateKey }
func (k fileKey) Undecryptable(err error) bool           { return errors.Is(err, rsa.ErrDecryption) }
