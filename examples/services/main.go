// Services is two parties whose private keys never leave a service: those of the bank are in
// SoftHSM, by keyset/pkcs11, and those of the shop in local-kms, which has the API of AWS
// KMS, by keyset/awskms. They exchange messages without a pause in OpenPGP and in JOSE, and
// rotate every key meanwhile: the next keys are made in the services, by steps in manifests
// that two replicas of each party follow. In the middle the token is pulled out for two
// seconds, and local-kms is killed and started again two seconds later. Among the messages
// are some that must never be accepted.
//
// An endpoint answers 200, 400 for a message that it rejects, or 503 if it could not ask its
// service. At the end no right message was answered by 400, nothing was answered by 503 but
// in an outage, every request succeeded when it was sealed anew, and all keys are the new ones:
//
//	cd examples/services && go run .
//	cd examples/services && go test ./...
//
// It builds local-kms, and needs SoftHSM and OpenSC: "apt-get install softhsm2 opensc".
//
// AWS KMS does not decrypt what OpenPGP encrypts, so that the OpenPGP certificate of the shop
// has a signing key in the service, and a decryption key in a file.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		os.Exit(1)
	}
}
