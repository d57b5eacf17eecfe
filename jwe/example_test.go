package jwe_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Two parties, each with a key to sign and a key to decrypt. What is sealed by
// one opens at the other, and nowhere else.
func Example() {
	// Each party makes its keys, and hands over the public halves.
	bankSign, bankDecrypt := generate("bank-sign-2027", jwe.ES256), generate("bank-enc-2027", jwe.ECDHESA256KW)
	shopSign, shopDecrypt := generate("shop-sign-2027", jwe.ES256), generate("shop-enc-2027", jwe.ECDHESA256KW)

	shop, err := jwe.New(jwe.Config{
		Own:     active(shopSign, shopDecrypt),
		Peer:    active(bankSign.Public(), bankDecrypt.Public()),
		Self:    "shop.example",
		Partner: "bank.example",
	})
	if err != nil {
		log.Fatal(err)
	}
	bank, err := jwe.New(jwe.Config{
		Own:          active(bankSign, bankDecrypt),
		Peer:         active(shopSign.Public(), shopDecrypt.Public()),
		Self:         "bank.example",
		Partner:      "shop.example",
		RequireBound: true,
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	sealed, err := shop.Seal(ctx, []byte(`{"amount":"12.50"}`))
	if err != nil {
		log.Fatal(err)
	}
	msg, err := bank.Open(ctx, sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", msg.Payload)
	fmt.Println("for us:", msg.Bound, "by", msg.SignedBy(shopSign.Info().ID))

	// The shop cannot open what it sealed for the bank, and learns no more
	// than that. Its log does.
	_, err = shop.Open(ctx, sealed)
	fmt.Println(err)
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		fmt.Println("log:", oe.Reason)
	}
	// Output:
	// {"amount":"12.50"}
	// for us: true by true
	// envelope: message rejected
	// log: not_for_us
}

func generate(kid string, alg jwe.Algorithm) *jwe.Key {
	k, err := jwe.GenerateKey(kid, alg)
	if err != nil {
		log.Fatal(err)
	}
	return k
}

// active returns a set in which every key is in full use.
func active(keys ...keyset.Material) *keyset.Set {
	var entries []keyset.Key
	for _, k := range keys {
		entries = append(entries, keyset.Key{Material: k, State: keyset.Active})
	}
	s, err := keyset.New(1, entries...)
	if err != nil {
		log.Fatal(err)
	}
	return s
}
