package jwe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A key in a key service: any crypto.Signer signs. For one that decrypts, or
// that is to see the context of the call, see keyset.Remote.
func ExampleNewKey_signer() {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // stands for a signer of the service
	if err != nil {
		log.Fatal(err)
	}
	sign, err := jwe.NewKey("bank-sign-2027", signer, keyset.Signing)
	if err != nil {
		log.Fatal(err)
	}
	// The self-test asks the service for a signature: do it at start, so that
	// nothing is found out with the first message. Ring.Add does.
	ctx := context.Background()
	if err := sign.SelfTest(ctx); err != nil {
		log.Fatal(err)
	}
	decrypt := generate("partner-enc", jwe.ECDHESA256KW)
	bank, err := jwe.New(jwe.Config{Own: active(sign), Peer: active(decrypt.Public())})
	if err != nil {
		log.Fatal(err)
	}
	partner, err := jwe.New(jwe.Config{Own: active(decrypt), Peer: active(sign.Public())})
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := bank.Seal(ctx, []byte("signed in the service"))
	if err != nil {
		log.Fatal(err)
	}
	m, err := partner.Open(ctx, sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, by %s\n", m.Payload, m.Signers[0].Algorithm)
	// Output: signed in the service, by ES256
}
