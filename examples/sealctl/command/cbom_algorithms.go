package command

import (
	"slices"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

// A namedAlgorithm is an algorithm of a key, as an asset of its own.
type namedAlgorithm struct {
	Ref, name string
	bits      int // of a key, where that is how its size is spoken of
	assetAlgorithm
}

// known are the algorithms that say themselves what they do. Levels are those of NIST SP
// 800-57 part 1, and of FIPS 203, 204, and 205.
var known = map[string]assetAlgorithm{
	"Ed25519":     {"signature", "", "Ed25519", 128, 0},
	"Ed448":       {"signature", "", "Ed448", 224, 0},
	"X25519":      {"key-agree", "", "X25519", 128, 0},
	"X448":        {"key-agree", "", "X448", 224, 0},
	"ML-DSA-44":   {"signature", "44", "", 0, 2},
	"ML-DSA-65":   {"signature", "65", "", 0, 3},
	"ML-DSA-87":   {"signature", "87", "", 0, 5},
	"ML-KEM-512":  {"kem", "512", "", 0, 1},
	"ML-KEM-768":  {"kem", "768", "", 0, 3},
	"ML-KEM-1024": {"kem", "1024", "", 0, 5},
}

// curves are those that sign and agree under one name, with the bits of a key and their
// level.
var curves = map[string][2]int{"P-256": {256, 128}, "P-384": {384, 192}, "P-521": {521, 256}}

// moduli are the levels of RSA, by the bits of the modulus.
var moduli = map[string]int{"2048": 112, "3072": 128, "7680": 192, "15360": 256}

// algorithmsOf are the algorithms of a key, those that sign first. "Ed25519+X25519" are two;
// RSA with both uses is two as well, which one program may have and another not.
func algorithmsOf(i keyset.Info) (out []namedAlgorithm) {
	if i.Algorithm == "" {
		return nil // of a revoked key, which is not opened
	}
	parts := strings.Split(i.Algorithm, "+")
	does := func(part, primitive string) bool { return known[part].Primitive == primitive }
	signs := i.Use&keyset.Signing != 0 && !slices.ContainsFunc(parts, func(p string) bool { return does(p, "signature") })
	encrypts := i.Use&keyset.Encryption != 0 && !slices.ContainsFunc(parts, func(p string) bool { return does(p, "key-agree") || does(p, "kem") })
	add := func(part string, bits int, a assetAlgorithm) {
		out = append(out, namedAlgorithm{"algorithm/" + part + "/" + a.Primitive, part, bits, a})
	}
	for _, part := range parts {
		a, ok := known[part]
		curve, isCurve := curves[part]
		size, isRSA := strings.CutPrefix(part, "RSA-")
		switch {
		case ok:
			add(part, 0, a)
		case isCurve && signs:
			add(part, curve[0], assetAlgorithm{"signature", "", part, curve[1], 0})
		case isRSA && signs:
			add(part, 0, assetAlgorithm{"signature", size, "", moduli[size], 0})
		}
		switch {
		case isCurve && encrypts:
			add(part, curve[0], assetAlgorithm{"key-agree", "", part, curve[1], 0})
		case isRSA && encrypts:
			add(part, 0, assetAlgorithm{"pke", size, "", moduli[size], 0})
		case !ok && !isCurve && !isRSA:
			add(part, 0, assetAlgorithm{Primitive: "unknown"})
		}
	}
	slices.SortStableFunc(out, func(a, b namedAlgorithm) int {
		return order(a.Primitive) - order(b.Primitive)
	})
	return out
}

func order(primitive string) int {
	if primitive == "signature" {
		return 0
	}
	return 1
}
