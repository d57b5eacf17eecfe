// Command jose seals a payload at a bank, and opens it at a shop, in JOSE: what the first
// program of the README becomes, where keys to sign and keys to decrypt are separate.
package main

import (
	"context"
	"fmt"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func main() {
	bankSigns, bankOpens := must(jwe.GenerateKey("bank-sign", jwe.ES256)), must(jwe.GenerateKey("bank-open", jwe.ECDHESA256KW))
	shopSigns, shopOpens := must(jwe.GenerateKey("shop-sign", jwe.ES256)), must(jwe.GenerateKey("shop-open", jwe.ECDHESA256KW))

	atBank := must(jwe.New(jwe.Config{Own: active(bankSigns, bankOpens), Peer: active(shopSigns.Public(), shopOpens.Public())}))
	atShop := must(jwe.New(jwe.Config{Own: active(shopSigns, shopOpens), Peer: active(bankSigns.Public(), bankOpens.Public())}))

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
