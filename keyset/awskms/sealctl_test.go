//go:build unix

package awskms_test

import (
	"testing"

	"github.com/sealwax/sealwax/internal/sealctltest"
)

// Sealctl, built with this module, does with keys of the service what it does with files.
func TestSealctl(t *testing.T) {
	s, _ := newServer(t)
	p := sealctltest.Build(t, "of the account", "AWS_ENDPOINT_URL_KMS=http://"+s.Addr, "AWS_REGION="+region,
		"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=of the account", "AWS_EC2_METADATA_DISABLED=true")
	p.Exchange(sealctltest.Keys{Sign: "awskms:" + arn(p256), Read: "awskms:" + arn(rsaDecrypt), Next: "awskms:" + arn(p384)})
	p.Run("keygen", "-format", "pgp", "-name", "Bank <keys@bank.example>", "-o", "own.asc")
	p.Fails("OpenPGP needs PKCS #1 v1.5, which AWS KMS does not do", "rotate", "pgp.json", "init", "awskms:"+arn(rsaDecrypt)+"?certificate=own.asc")
	p.Fails("is not in the region of the client", "check", "awskms:arn:aws:kms:us-east-1:111122223333:key/"+p256)
}
