package pgp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The Standard Payments family in OpenPGP: RSA keys with an encryption subkey,
// SHA-384, AES-256, web-safe base64. It is the default.
func Example_standardPayments() {
	exchanged(pgp.RSA3072, func(own, peer keyset.Source) pgp.Config {
		return pgp.Config{Own: own, Peer: peer}
	})
	// Output:
	// application/octet-stream; charset=utf-8, base64url
	// signed with RSA-3072/SHA-384, encrypted to RSA-3072, content AES-256/CFB
	// opened {"amount":"12.50"}
}

// Banks whose programs are scripts around GnuPG: armor, as gpg --armor writes
// and reads it. Requests older than a day are refused.
func Example_armor() {
	exchanged(pgp.Curve25519, func(own, peer keyset.Source) pgp.Config {
		return pgp.Config{
			Own: own, Peer: peer,
			Encoding: pgp.Armor,
			MaxAge:   24 * time.Hour,
		}
	})
	// Output:
	// application/pgp-encrypted, armor
	// signed with Ed25519/SHA-384, encrypted to X25519, content AES-256/CFB
	// opened {"amount":"12.50"}
}

// exchanged sends a message from one side to the other and prints what it is.
func exchanged(alg pgp.Algorithm, config func(own, peer keyset.Source) pgp.Config) {
	ours, theirs := must(pgp.GenerateKey("Example Bank", alg, 365*24*time.Hour)), must(pgp.GenerateKey("Partner", alg, 365*24*time.Hour))
	set := func(m keyset.Material) *keyset.Set {
		return must(keyset.New(1, keyset.Key{Material: m, State: keyset.Active}))
	}
	from := must(pgp.New(config(set(ours), set(theirs.Public()))))
	to := must(pgp.New(config(set(theirs), set(ours.Public()))))
	sealed, err := from.Seal(context.Background(), []byte(`{"amount":"12.50"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %s\n", from.ContentType(), must(pgp.Inspect(sealed)).Encoding)
	m, err := to.Open(context.Background(), sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("signed with %s, encrypted to %s, content %s\n", m.Signers[0].Algorithm, m.Decrypter.Algorithm, m.Content)
	fmt.Printf("opened %s\n", m.Payload)
}
