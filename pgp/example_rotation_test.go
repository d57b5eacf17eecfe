package pgp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The encryption subkey rotates on its own: the fingerprint that the partner has
// compared stays. Messages to the old subkey go on to open.
func ExampleKey_WithNewSubkey() {
	const year = 365 * 24 * time.Hour
	ctx := context.Background()
	ours := must(pgp.GenerateKey("Bank", pgp.Curve25519, 2*year))
	theirs := must(pgp.GenerateKey("Partner", pgp.Curve25519, year))
	ring := func(m keyset.Material) *keyset.Ring {
		return keyset.NewRing(must(keyset.New(1, keyset.Key{Material: m, State: keyset.Active})))
	}
	own, ownAtPartner := ring(ours), ring(ours.Public())
	bank := must(pgp.New(pgp.Config{Own: own, Peer: ring(theirs.Public())}))
	partner := must(pgp.New(pgp.Config{Own: ring(theirs), Peer: ownAtPartner}))

	underWay := must(partner.Seal(ctx, []byte("before")))

	renewed := must(ours.WithNewSubkey(ctx, year))
	if err := own.Refresh(ctx, renewed, "file:bank-2027.asc"); err != nil { // everybody opens with it first
		log.Fatal(err)
	}
	if err := ownAtPartner.Refresh(ctx, renewed.Public(), ""); err != nil { // then the partner encrypts to it
		log.Fatal(err)
	}
	before := must(bank.Open(ctx, underWay))
	after := must(bank.Open(ctx, must(partner.Seal(ctx, []byte("after")))))
	fmt.Println("one certificate:", before.Decrypter.ID == after.Decrypter.ID)
	fmt.Println("one subkey:", before.Decrypter.Subkey == after.Decrypter.Subkey)
	// Output:
	// one certificate: true
	// one subkey: false
}
