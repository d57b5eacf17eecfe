//go:build go1.27 && !fips140v1.0

package jwe_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A bank signs with a classical key and with one of ML-DSA, so that partners verify the one
// that they know. A partner that has learned the new one demands it.
func Example_postQuantumSignatures() {
	ctx := context.Background()
	classical, quantum := generate("bank-2026", jwe.ES256), generate("bank-2027", jwe.MLDSA65)
	decrypt := generate("shop-enc", jwe.ECDHESA256KW)
	bank, _ := jwe.New(jwe.Config{Own: active(classical, quantum), Peer: active(decrypt.Public()), JSON: true})
	sealed, _ := bank.Seal(ctx, []byte(`{"amount":1}`))

	for name, peer := range map[string]*keyset.Set{"learned": active(classical.Public(), quantum.Public()), "older": active(classical.Public())} {
		shop, _ := jwe.New(jwe.Config{Own: active(decrypt), Peer: peer})
		m, err := shop.Open(ctx, sealed)
		fmt.Println(name, len(m.Signers), slices.ContainsFunc(m.Signers, func(u envelope.KeyUse) bool { return u.PostQuantum }), err)
	}
	demanding, _ := jwe.New(jwe.Config{Own: active(decrypt), Peer: active(classical.Public()), RequirePostQuantum: keyset.Signing})
	_, err := demanding.Open(ctx, sealed)
	fmt.Println(err)
	// Unordered output:
	// learned 2 true <nil>
	// older 1 false <nil>
	// envelope: message rejected
}
