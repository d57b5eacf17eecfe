// Command pgp seals a payload at a bank, and opens it at a shop, in OpenPGP: the first
// program of the README, whole.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func main() {
	bank := must(pgp.GenerateKey("Bank <keys@bank.example>", pgp.Curve25519, 365*24*time.Hour))
	shop := must(pgp.GenerateKey("Shop <keys@shop.example>", pgp.Curve25519, 365*24*time.Hour))

	atBank := must(pgp.New(pgp.Config{Own: active(bank), Peer: active(shop.Public())}))
	atShop := must(pgp.New(pgp.Config{Own: active(shop), Peer: active(bank.Public())}))

	sealed := must(atBank.Seal(context.Background(), []byte(`{"amount":"10.00"}`)))
	opened := must(atShop.Open(context.Background(), sealed))
	fmt.Printf("%s, signed by %s\n", opened.Payload, opened.Signers[0].Algorithm)
}

func active(keys ...keyset.Material) *keyset.Set {
	var all []keyset.Key
	for _, k := range keys {
		all = append(all, keyset.Key{Material: k, State: keyset.Active})
	}
	return must(keyset.New(1, all...))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
