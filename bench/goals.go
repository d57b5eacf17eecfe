package main

import "fmt"

// A goal is one line of what is to be reached.
type goal struct {
	text    string
	figures []figure
}

// A figure is one number of a goal: the median over the rounds counts.
type figure struct {
	what string
	kind kind
	got  func(r *report) (value summary, measured bool)
	want func(r *report) float64 // asked for what was measured
}

func always(want float64) func(*report) float64 { return func(*report) float64 { return want } }

// A kind says how a figure is compared, and printed.
type kind uint8

const (
	timeAtMost   kind = iota + 1 // a ratio
	fasterBy                     // a ratio, at least
	memoryAtMost                 // in bytes
	nanoseconds                  // at most
)

// Sizes of payloads.
const (
	small, medium, large, huge = 1 << 10, 16 << 10, 1 << 20, 16 << 20
	kib                        = 1 << 10
)

// goals are the lines of the table, for the median ratio to the bare primitives
// in the same run.
func goals() []goal {
	return []goal{
		{"JWE and PGP, RSA-2048, 1 KiB / 16 KiB: time 1.03 / 1.06, memory result + 12 KiB",
			each([]string{joseRSA, pgpRSA}, 12*kib, 1.03, 1.06)},
		{"JWE EC and PGP Curve25519, 1 KiB / 16 KiB: time 1.10 / 1.12, memory result + 16 KiB",
			each([]string{joseEC, pgpCurve}, 16*kib, 1.10, 1.12)},
		{"PGP with the composites of RFC 9980, 1 KiB / 16 KiB: time 1.10, memory result + 64 KiB",
			each([]string{pgpPQ}, 64*kib, 1.10, 1.10)},
		{"JWE 1 MiB and 16 MiB, GCM: time 0.85, 2.5 times faster than go-jose, memory 1.05 of the result + 64 KiB",
			joseLarge()},
		{"JWE with DEF, every size: time 1.05; Seal of 1 KiB: memory result + 32 KiB",
			compressed()},
		{"PGP SEIPDv1 1 MiB and 16 MiB: time on one core 1.10, on two 0.65 / 0.90, 3 / 2.2 times faster than go-crypto, memory 1.05 of the result + 64 KiB",
			pgpLarge()},
		{"PGP AEAD (GCM) 16 MiB: time 1.10, 1.5 / 1.4 times faster than go-crypto, memory 1.05 of the result + 64 KiB",
			pgpAEAD()},
		{"PGP v6 AEAD Open 1 KiB: time 1.10, memory 24 KiB whatever chunk size the sender chose",
			pgpChunks()},
		{"unnamed recipient, key used before, 16 keys: time and memory 1.1 of the named one",
			usedBefore()},
		{"unnamed recipient, key not used before, 16 keys: 16 / cores + 1 private-key operations",
			notUsedBefore()},
		{"16 trusted signers, no key ID, 1 MiB (JWS): time and memory 1.3 of the named one",
			manySigners()},
		{"all cores, one message on each, 16 KiB RSA / 1 MiB: 1.85 / 1.5 times one core",
			inParallel()},
		{"lookup of a key under a writer at 1 kHz: 20 ns, no memory",
			lookup()},
	}
}

func each(profiles []string, more float64, atSmall, atMedium float64) []figure {
	var out []figure
	for _, p := range profiles {
		for _, c := range []struct {
			size int
			most float64
		}{{small, atSmall}, {medium, atMedium}} {
			for _, op := range []string{"Seal", "Open"} {
				out = append(out, toLimit(p, op, c.size, 0, c.most), allocated(p, op, c.size, 1, more))
			}
		}
	}
	return out
}

func joseLarge() []figure {
	var out []figure
	for _, p := range []string{joseRSA, joseEC} {
		for _, size := range []int{large, huge} {
			for _, op := range []string{"Seal", "Open"} {
				out = append(out, toLimit(p, op, size, 0, 0.85), faster(p, op, size, goJOSE, 2.5), allocated(p, op, size, 1.05, 64*kib))
			}
		}
	}
	return out
}

func compressed() []figure {
	var out []figure
	for _, size := range sizes() {
		for _, op := range []string{"Seal", "Open"} {
			out = append(out, toLimit(joseDEF, op, size, 0, 1.05))
		}
	}
	return append(out, allocated(joseDEF, "Seal", small, 1, 32*kib))
}

func pgpLarge() []figure {
	var out []figure
	for _, p := range []string{pgpRSA, pgpCurve} {
		for _, size := range []int{large, huge} {
			for _, c := range []struct {
				op             string
				two, goCryptos float64
			}{{"Seal", 0.65, 3}, {"Open", 0.90, 2.2}} {
				out = append(out, toLimit(p, c.op, size, 1, 1.10), toLimit(p, c.op, size, 0, c.two),
					faster(p, c.op, size, goCrypto, c.goCryptos), allocated(p, c.op, size, 1.05, 64*kib))
			}
		}
	}
	return out
}

func pgpAEAD() []figure {
	return []figure{
		toLimit(pgpV6, "Seal", huge, 0, 1.10), faster(pgpV6, "Seal", huge, goCrypto, 1.5), allocated(pgpV6, "Seal", huge, 1.05, 64*kib),
		toLimit(pgpV6, "Open", huge, 0, 1.10), faster(pgpV6, "Open", huge, goCrypto, 1.4), allocated(pgpV6, "Open", huge, 1.05, 64*kib),
	}
}

func pgpChunks() []figure {
	out := []figure{toLimit(pgpV6, "Open", small, 0, 1.10)}
	for _, chunk := range chunkOctets() {
		name := chunkName(us, chunk)
		out = append(out, figure{partChunks + " Open " + sizeName(chunksSize) + ": " + name, memoryAtMost, func(r *report) (summary, bool) {
			return r.find(partChunks, "Open", chunksSize, 0, 0).median(name, (*series).bytes)
		}, always(24 * kib)})
	}
	return out
}

func usedBefore() []figure {
	var out []figure
	for _, part := range []string{partJOSEKeys, partPGPKeys} {
		out = append(out, beside(part, keysSize, usBefore, usNamed, 1.1)...)
	}
	return out
}

func manySigners() []figure { return beside(partSigners, signersSize, usUnnamed, usNamed, 1.3) }

// beside compares time and memory of two ways to name a key.
func beside(part string, size int, name, base string, most float64) []figure {
	find := func(r *report) *result { return r.find(part, "Open", size, mostKeys, 0) }
	what := fmt.Sprintf("%s Open %s, %d keys: %s", part, sizeName(size), mostKeys, name)
	return []figure{
		{what, timeAtMost, func(r *report) (summary, bool) { return find(r).medianRatio(name, base) }, always(most)},
		{what, memoryAtMost, func(r *report) (summary, bool) { return find(r).median(name, (*series).bytes) }, func(r *report) float64 {
			named, _ := find(r).median(base, (*series).bytes)
			return most * named.median
		}},
	}
}

func notUsedBefore() []figure {
	var out []figure
	for _, part := range []string{partJOSEKeys, partPGPKeys} {
		what := fmt.Sprintf("%s Open %s, %d keys: %s", part, sizeName(keysSize), mostKeys, usNew)
		out = append(out, figure{what, timeAtMost, func(r *report) (summary, bool) {
			return r.find(part, "Open", keysSize, mostKeys, 0).medianRatio(usNew, privateOp)
		}, func(r *report) float64 { return mostKeys/float64(max(r.Machine.Cores, 1)) + 1 }})
	}
	return out
}

func inParallel() []figure {
	var out []figure
	for _, part := range []string{partParallel1, partParallel2} {
		for _, c := range []struct {
			size  int
			least float64
		}{{medium, 1.85}, {large, 1.5}} {
			for _, op := range []string{"Seal", "Open"} {
				out = append(out, figure{fmt.Sprintf("%s %s %s", part, op, sizeName(c.size)), fasterBy, func(r *report) (summary, bool) {
					return r.find(part, op, c.size, 0, 0).medianRatio(onCores(us, 1), onCores(us, 0))
				}, always(c.least)})
			}
		}
	}
	return out
}

func lookup() []figure {
	find := func(r *report) *result { return r.find(partLookup, "Lookup", 0, mostKeys, 0) }
	return []figure{
		{partLookup + ": " + swapped, nanoseconds, func(r *report) (summary, bool) { return find(r).median(swapped, (*series).times) }, always(20)},
		// Less than a byte in a thousand lookups is the program's, not theirs.
		{partLookup + ": " + atRest, memoryAtMost, func(r *report) (summary, bool) { return find(r).median(atRest, (*series).bytes) }, always(1e-3)},
	}
}

// toLimit is our time over that of the bare primitives.
func toLimit(part, op string, size, cores int, most float64) figure {
	what := fmt.Sprintf("%s %s %s", part, op, sizeName(size))
	if cores == 1 {
		what += ", one core"
	}
	return figure{what, timeAtMost, func(r *report) (summary, bool) {
		return r.find(part, op, size, 0, cores).medianRatio(us, limit)
	}, always(most)}
}

// faster is the time of a peer over ours.
func faster(part, op string, size int, peer string, least float64) figure {
	return figure{fmt.Sprintf("%s %s %s, %s over ours", part, op, sizeName(size), peer), fasterBy, func(r *report) (summary, bool) {
		return r.find(part, op, size, 0, 0).medianRatio(peer, us)
	}, always(least)}
}

// allocated is our memory, which may be that of the result, times a factor, and
// some more.
func allocated(part, op string, size int, times, more float64) figure {
	find := func(r *report) *result { return r.find(part, op, size, 0, 0) }
	return figure{fmt.Sprintf("%s %s %s", part, op, sizeName(size)), memoryAtMost,
		func(r *report) (summary, bool) { return find(r).median(us, (*series).bytes) },
		func(r *report) float64 { return times*float64(find(r).series(us).Size) + more }}
}

// median is one number of a series. It is not measured if the case was not.
func (r *result) median(name string, of func(*series) []float64) (value summary, measured bool) {
	if r == nil || r.series(name) == nil {
		return summary{}, false
	}
	return summarize(of(r.series(name))), true
}

func (r *result) medianRatio(name, base string) (value summary, measured bool) {
	if r == nil {
		return summary{}, false
	}
	ratio := r.ratio(name, base)
	return summarize(ratio), len(ratio) != 0
}
