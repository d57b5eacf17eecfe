package pgp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Both parties have composite keys of RFC 9980, and take nothing else. The partner's program
// has to read certificates of version 6. A subkey beside RSA asks less of it:
// [pgp.Key.WithPostQuantumSubkey].
func Example_postQuantum() {
	ctx := context.Background()
	set := func(k *pgp.Key) *keyset.Set {
		s, err := keyset.New(1, keyset.Key{Material: k, State: keyset.Active})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	made := func(name string) *pgp.Key {
		k, err := pgp.GenerateKey(name, pgp.PostQuantum, 365*24*time.Hour)
		if err != nil {
			log.Fatal(err)
		}
		return k
	}
	bank, shop := made("Bank <keys@bank.example>"), made("Shop <keys@shop.example>")
	party := func(own, peer *pgp.Key) *pgp.Envelope {
		e, err := pgp.New(pgp.Config{
			Own:                set(own),
			Peer:               set(peer.Public().(*pgp.Key)),
			RequirePostQuantum: keyset.Signing | keyset.Encryption,
		})
		if err != nil {
			log.Fatal(err)
		}
		return e
	}

	sealed, err := party(bank, shop).Seal(ctx, []byte(`{"amount":"10.00"}`))
	if err != nil {
		log.Fatal(err)
	}
	m, err := party(shop, bank).Open(ctx, sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.PostQuantum, "under", m.Decrypter.Algorithm, "and", m.Signers[0].Algorithm)
	// Output: signing+encryption under ML-KEM-768+X25519 and ML-DSA-65+Ed25519/SHA-384
}
