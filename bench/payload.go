package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// payload returns n bytes of JSON records such as payment networks exchange:
// DEFLATE makes them three to four times smaller. The same n gives the same
// bytes.
func payload(n int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 0))
	names := []string{"Example Bank", "Acme Trading", "Northwind", "Initech", "Umbrella Retail", "Globex"}
	currencies := []string{"SGD", "EUR", "USD", "JPY"}
	var b bytes.Buffer
	b.Grow(n + 256)
	b.WriteByte('[')
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":"%016x","creditor":"%s","account":"%012d","amount":"%d.%02d","currency":"%s","date":"2026-%02d-%02dT%02d:%02d:00Z","status":"accepted"},`,
			random.Uint64(), names[random.IntN(len(names))], random.IntN(1e12), random.IntN(1e5), random.IntN(100),
			currencies[random.IntN(len(currencies))], 1+random.IntN(12), 1+random.IntN(28), random.IntN(24), random.IntN(60))
	}
	return b.Bytes()[:n:n]
}
