package pgp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// One message from a partner to us: keys, sets, envelopes, Seal, and Open.
func Example() {
	// Each party makes a key once, keeps it, and hands out the certificate.
	ours, err := pgp.GenerateKey("Example Bank <keys@bank.example>", pgp.Curve25519, 365*24*time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	theirs, err := pgp.GenerateKey("Partner <keys@partner.example>", pgp.Curve25519, 365*24*time.Hour)
	if err != nil {
		log.Fatal(err)
	}

	// On our side: our private key, the partner's public one.
	own, err := keyset.New(1, keyset.Key{Material: ours, State: keyset.Active})
	if err != nil {
		log.Fatal(err)
	}
	peer, err := keyset.New(1, keyset.Key{Material: theirs.Public(), State: keyset.Active})
	if err != nil {
		log.Fatal(err)
	}
	bank, err := pgp.New(pgp.Config{Own: own, Peer: peer})
	if err != nil {
		log.Fatal(err)
	}

	// On the partner's side it is the other way round.
	partner, err := pgp.New(pgp.Config{Own: must(keyset.New(1, keyset.Key{Material: theirs, State: keyset.Active})), Peer: own.Public()})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	sealed, err := partner.Seal(ctx, []byte(`{"amount":"12.50"}`))
	if err != nil {
		log.Fatal(err)
	}
	m, err := bank.Open(ctx, sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", m.Payload)
	fmt.Println("signed by the partner:", m.SignedBy(theirs.Info().ID))

	// A message that is not from the partner is rejected, and the error says
	// nothing more.
	_, err = bank.Open(ctx, sealed[:len(sealed)/2])
	fmt.Println(err, errors.Is(err, envelope.ErrRejected))
	// Output:
	// {"amount":"12.50"}
	// signed by the partner: true
	// envelope: message rejected true
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// The document that is handed to the partner holds the certificates of the
// pending and active keys, so that the next key is known before it is used.
func ExampleWriteCertificates() {
	current := must(pgp.GenerateKey("Example Bank 2026", pgp.Curve25519, 365*24*time.Hour))
	next := must(pgp.GenerateKey("Example Bank 2027", pgp.Curve25519, 365*24*time.Hour))
	own := must(keyset.New(1,
		keyset.Key{Material: current, State: keyset.Active},
		keyset.Key{Material: next, State: keyset.Pending}))

	var document bytes.Buffer
	if err := pgp.WriteCertificates(&document, own); err != nil {
		log.Fatal(err)
	}
	for _, k := range must(pgp.ReadKeys(&document)) {
		fmt.Println(k.Info().Name, k.Info().Private)
	}
	// Output:
	// Example Bank 2026 false
	// Example Bank 2027 false
}
