package jwe

import (
	"errors"
	"math/big"
	"slices"
)

var errROCA = errors.New("an RSA key of a generator whose keys can be factored (CVE-2017-15361)")

// madeByROCA recognizes the keys of that generator: modulo each of these primes,
// the modulus is a power of 65537. Of other keys, one in 150 million is. See
// Nemec et al., "The Return of Coppersmith's Attack", 2017, Section 4.
func madeByROCA(n *big.Int) bool {
	for _, p := range []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		var powers []int64
		for g := int64(1); !slices.Contains(powers, g); g = g * 65537 % p {
			powers = append(powers, g)
		}
		if !slices.Contains(powers, new(big.Int).Mod(n, big.NewInt(p)).Int64()) {
			return false
		}
	}
	return true
}
