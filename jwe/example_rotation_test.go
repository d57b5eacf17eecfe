package jwe_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Our signing key is replaced while messages flow. Nothing is signed with the new
// one before the partner has shown that it trusts it.
func Example_rotation() {
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	ctx := context.Background()
	old, next := generate("sign-2026", jwe.ES256), generate("sign-2027", jwe.ES256)
	decrypt := generate("partner-enc", jwe.ECDHESA256KW)

	own := keyset.NewRing(active(old))
	trusted := keyset.NewRing(active(old.Public())) // at the partner
	bank, err := jwe.New(jwe.Config{Own: own, Peer: active(decrypt.Public())})
	check(err)
	partner, err := jwe.New(jwe.Config{Own: active(decrypt), Peer: trusted})
	check(err)
	send := func(from *jwe.Envelope) {
		sealed, err := from.Seal(ctx, []byte("order"))
		check(err)
		m, err := partner.Open(ctx, sealed)
		check(err)
		for k := range trusted.Load().All() {
			if m.SignedBy(k.ID()) {
				fmt.Println("signed with", k.Material.Info().Name)
			}
		}
	}
	send(bank)

	check(own.Add(ctx, next, "file:sign-2027.jwk"))
	check(trusted.Add(ctx, next.Public(), "")) // after comparing thumbprints
	send(bank)

	id := next.Info().ID
	fmt.Println("too early:", errors.Is(own.Promote(id), keyset.ErrUnproven))
	probe, err := own.Probe(id) // signs with the new key alone
	check(err)
	echo, err := jwe.New(jwe.Config{Own: probe, Peer: active(decrypt.Public())})
	check(err)
	send(echo)
	check(own.Acknowledge(id, "the partner answered the echo"))

	check(own.Promote(id))
	check(own.Retire(old.Info().ID))
	send(bank)
	// Output:
	// signed with sign-2026
	// signed with sign-2026
	// too early: true
	// signed with sign-2027
	// signed with sign-2027
}
