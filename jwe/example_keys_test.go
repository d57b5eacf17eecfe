package jwe_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// The document to hand to the partner, and how the partner reads it.
func ExampleWriteJWKSet() {
	own := active(generate("sign-2027", jwe.ES256), generate("enc-2027", jwe.ECDHESA256KW))
	var document bytes.Buffer
	if err := jwe.WriteJWKSet(&document, own); err != nil {
		log.Fatal(err)
	}

	keys, _, err := jwe.ReadKeys(&document, 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range keys {
		fmt.Println(k.Info().Name, "for", k.Info().Use)
	}
	// Output:
	// sign-2027 for signing
	// enc-2027 for encryption
}

// A key from a file that has no name for it: PEM has no "kid", so the partner's
// goes beside it.
func ExampleReadKey() {
	const file = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
`
	k, err := jwe.ReadKey(strings.NewReader(file), keyset.Signing)
	if err != nil {
		log.Fatal(err)
	}
	k = k.WithName("partner-2027")
	fmt.Println(k.Info().Name)
	fmt.Println(k)
	// Output:
	// partner-2027
	// kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k
}

// A key enters a ring only if it works.
func ExampleKey_SelfTest() {
	k := generate("sign-2027", jwe.EdDSA)
	fmt.Println(k.SelfTest(context.Background()))
	// Output: <nil>
}
