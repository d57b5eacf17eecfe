package main

import (
	"testing"
)

// BenchmarkProfiles runs the same operations as the command, one after another,
// for benchstat:
//
//	go test -run - -bench 'Profiles/jwe-rsa/Open/1_MiB' -benchmem -count 10
func BenchmarkProfiles(b *testing.B) {
	for _, c := range cases() {
		if c.cores != 0 || c.keys != 0 || c.part == partParallel1 || c.part == partParallel2 {
			continue // rounds measure these; see also the flag -cpu
		}
		b.Run(c.part+"/"+c.op+"/"+sizeName(c.size), func(b *testing.B) {
			if testing.Short() && c.size > medium {
				b.Skip("large")
			}
			subjects, err := c.subjects()
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range subjects {
				b.Run(s.name, func(b *testing.B) {
					b.SetBytes(int64(c.size))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := s.op(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
