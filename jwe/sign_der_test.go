package jwe_test

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
)

// A signature of two halves is written as encoding/asn1 writes its two numbers, whatever
// these begin with, on every curve.
func TestSignatureInDER(t *testing.T) {
	for _, size := range []int{32, 48, 66} {
		for name, r := range map[string][]byte{
			"zero":             nil,
			"one":              {1},
			"no leading zero":  bytes.Repeat([]byte{0x7f}, size),
			"like a negative":  bytes.Repeat([]byte{0xff}, size),
			"a negative later": bytes.Repeat([]byte{0x80}, size-1),
		} {
			t.Run(fmt.Sprint(8*size, " ", name), func(t *testing.T) {
				number := new(big.Int).SetBytes(r)
				for _, other := range []*big.Int{number, big.NewInt(127), big.NewInt(128)} {
					signature := append(number.FillBytes(make([]byte, size)), other.FillBytes(make([]byte, size))...)
					want, err := asn1.Marshal(struct{ R, S *big.Int }{number, other})
					require.NoError(t, err)
					assert.Equal(t, want, jwe.InDER(signature))
				}
			})
		}
	}
}
