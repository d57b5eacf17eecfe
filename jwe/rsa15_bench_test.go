package jwe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// BenchmarkRSA15 shows how long a rejection takes after a good unwrap, with a body
// that is not authentic, and after bad ones, in turns: the deciles of each in
// microseconds. "good/bad" is the median after the good over the median after all
// bad ones.
func BenchmarkRSA15(b *testing.B) {
	to := &rsaKeys[1]().PublicKey
	w := newWorld(b)
	for name, own := range map[string]*keyset.Set{
		"one key":    set(b, forRSA15(b, "dec", rsaKeys[1]())),
		"three keys": set(b, forRSA15(b, "a", rsaKeys[2]()), forRSA15(b, "b", rsaKeys[3]()), forRSA15(b, "dec", rsaKeys[1]())),
		"remote":     set(b, forRSA15(b, "dec", newKMS(rsaKeys[1]()))),
	} {
		b.Run(name, func(b *testing.B) {
			us := w.ours(b, jwe.Config{Own: own, Waive: waivedRSA15()})
			token := part(encryptRSA15(b, to, headerRSA15, string(random(64<<10))), 4, flip(b, 0))
			size := to.Size()
			classes := []struct {
				name  string
				token string
			}{
				{"good", token},
				{"bad padding", part(token, 1, func(string) string { return b64(append([]byte{0}, random(size-1)...)) })},
				{"no separator", part(token, 1, func(string) string {
					block := padded(size, random(32))
					block[size-33] = 1
					return b64(rawRSA(to, block))
				})},
				{"a key of 31 octets", part(token, 1, func(string) string { return b64(rawRSA(to, padded(size, random(31)))) })},
			}
			took := make([][]time.Duration, len(classes))
			for b.Loop() {
				for i, c := range classes {
					start := time.Now()
					_, err := us.Open(b.Context(), []byte(c.token))
					took[i] = append(took[i], time.Since(start))
					if oe, ok := err.(*envelope.OpenError); !ok || oe.Reason != envelope.Corrupt {
						b.Fatal(err)
					}
				}
			}
			var all []time.Duration
			for i, c := range classes {
				slices.Sort(took[i])
				if i > 0 {
					all = append(all, took[i]...)
				}
				var deciles []string
				for d := 1; d < 10; d++ {
					deciles = append(deciles, fmt.Sprint(took[i][len(took[i])*d/10].Microseconds()))
				}
				b.Logf("%-20s %s", c.name, strings.Join(deciles, " "))
			}
			slices.Sort(all)
			b.ReportMetric(float64(took[0][len(took[0])/2])/float64(all[len(all)/2]), "good/bad")
		})
	}
}
