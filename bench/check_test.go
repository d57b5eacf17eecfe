package main

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ideal is a report of all cases that meets every goal.
func ideal() *report {
	r := &report{Machine: machine{Date: "2026-11-22", Cores: 2, Go: "go1.26", Rounds: 3}}
	for _, c := range cases() {
		out := result{Part: c.part, Op: c.op, Size: c.size, Keys: c.keys, Cores: c.cores}
		add := func(name string, time, bytes float64) {
			p := point{Time: time, Bytes: bytes, Allocs: 1}
			out.Series = append(out.Series, series{name, c.size, []point{p, p, p}})
		}
		switch c.part {
		case partJOSEKeys, partPGPKeys:
			for name, time := range map[string]float64{privateOp: 10, usNamed: 11, usBefore: 11, usNew: 80, peerNamed: 12, peerUnnamed: 160} {
				add(name, time, 2000)
			}
		case partSigners:
			for name, time := range map[string]float64{usNamed: 10, usUnnamed: 12, peerNamed: 30, peerUnnamed: 300} {
				add(name, time, 2000)
			}
		case partChunks:
			for _, chunk := range chunkOctets() {
				add(chunkName(us, chunk), 10, 20*kib)
				add(chunkName(goCrypto, chunk), 20, 300*kib)
			}
		case partParallel1, partParallel2:
			for _, name := range []string{us, goJOSE, goCrypto} {
				add(onCores(name, 1), 20, 0)
				add(onCores(name, 2), 10.5, 0)
			}
		case partSwap, partLookup:
			add(atRest, 10, 0)
			add(swapped, 12, 0)
		default:
			add(limit, 100, 0)
			add(us, 60, float64(c.size+1*kib))
			for _, peer := range []string{goJOSE, jwxName, goCrypto, gopenpgp} {
				add(peer, 200, float64(c.size*8))
			}
		}
		r.Results = append(r.Results, out)
	}
	return r
}

func verdicts(all []judged) map[verdict]int {
	n := map[verdict]int{}
	for _, j := range all {
		n[j.verdict]++
	}
	return n
}

func TestCheckPasses(t *testing.T) {
	all := check(ideal())
	assert.Equal(t, map[verdict]int{passes: 12}, verdicts(all))
	assert.True(t, met(all))
	for _, j := range all {
		assert.NotEmpty(t, j.figures, j.text)
		for _, f := range j.figures {
			assert.Equal(t, passes, f.verdict, f.text)
		}
	}
}

// TestCheckFallsShort makes one series of one case worse, and no goal but that of
// the case may fall short.
func TestCheckFallsShort(t *testing.T) {
	for _, c := range []struct {
		goal, part, op    string
		size, keys, cores int
		name              string
		time, bytes       float64 // factors
	}{
		{"JWE and PGP, RSA", joseRSA, "Seal", small, 0, 0, us, 1.74, 1},
		{"JWE and PGP, RSA", pgpRSA, "Open", medium, 0, 0, us, 1.78, 1},
		{"JWE and PGP, RSA", pgpRSA, "Seal", medium, 0, 0, us, 1, 1.7},
		{"JWE EC", joseEC, "Open", small, 0, 0, us, 1.85, 1},
		{"JWE EC", pgpCurve, "Seal", small, 0, 0, us, 1, 9},
		{"JWE 1 MiB", joseEC, "Open", huge, 0, 0, us, 1.42, 1},
		{"JWE 1 MiB", joseRSA, "Seal", large, 0, 0, goJOSE, 0.74, 1},
		{"JWE 1 MiB", joseRSA, "Open", huge, 0, 0, us, 1, 1.06},
		{"JWE with DEF", joseDEF, "Open", large, 0, 0, us, 1.76, 1},
		{"JWE with DEF", joseDEF, "Seal", small, 0, 0, us, 1, 17},
		{"PGP SEIPDv1", pgpRSA, "Seal", large, 0, 1, us, 1.84, 1},
		{"PGP SEIPDv1", pgpCurve, "Seal", huge, 0, 0, us, 1.1, 1},
		{"PGP SEIPDv1", pgpRSA, "Open", huge, 0, 0, goCrypto, 0.65, 1},
		{"PGP SEIPDv1", pgpRSA, "Open", huge, 0, 0, us, 1, 1.06},
		{"PGP AEAD", pgpV6, "Open", huge, 0, 0, us, 1.84, 1},
		{"PGP AEAD", pgpV6, "Seal", huge, 0, 0, goCrypto, 0.44, 1},
		{"PGP v6", pgpV6, "Open", small, 0, 0, us, 1.84, 1},
		{"PGP v6", partChunks, "Open", small, 0, 0, chunkName(us, 16), 1, 1.25},
		{"unnamed recipient, key used before", partJOSEKeys, "Open", small, 16, 0, usBefore, 1.11, 1},
		{"unnamed recipient, key used before", partPGPKeys, "Open", small, 16, 0, usBefore, 1, 1.11},
		{"unnamed recipient, key not used", partPGPKeys, "Open", small, 16, 0, usNew, 1.2, 1},
		{"16 trusted signers", partSigners, "Open", large, 16, 0, usUnnamed, 1.1, 1},
		{"all cores", partParallel1, "Seal", medium, 0, 0, onCores(us, 2), 1.1, 1},
		{"all cores", partParallel2, "Open", large, 0, 0, onCores(us, 2), 1.3, 1},
		{"lookup", partLookup, "Lookup", 0, 16, 0, swapped, 1.7, 1},
		{"lookup", partLookup, "Lookup", 0, 16, 0, atRest, 1, math.NaN()},
	} {
		t.Run(c.goal+" "+c.part, func(t *testing.T) {
			r := ideal()
			found := r.find(c.part, c.op, c.size, c.keys, c.cores)
			require.NotNil(t, found)
			s := found.series(c.name)
			require.NotNil(t, s)
			for i := range s.Points {
				s.Points[i].Time *= c.time
				s.Points[i].Bytes *= c.bytes
			}
			all := check(r)
			assert.False(t, met(all))
			for _, j := range all {
				want := passes
				if strings.HasPrefix(j.text, c.goal) {
					want = fallsShort
				}
				assert.Equal(t, want, j.verdict, j.text)
			}
		})
	}
}

// TestCheckSaysWhatIsMissing passes nothing that was not measured.
func TestCheckSaysWhatIsMissing(t *testing.T) {
	all := check(&report{})
	assert.Equal(t, map[verdict]int{notMeasured: 12}, verdicts(all))
	assert.True(t, met(all), "a part was asked for, and none of it falls short")

	r := ideal()
	for i, c := range r.Results {
		if c.Part == pgpV6 && c.Size == huge && c.Op == "Open" {
			r.Results[i].Series = r.Results[i].Series[:1]
		}
	}
	assert.Equal(t, map[verdict]int{passes: 12, notMeasured: 1}, verdicts(check(r)))
}

func TestPrintJudged(t *testing.T) {
	r := ideal()
	r.find(partLookup, "Lookup", 0, mostKeys, 0).series(swapped).Points = []point{{Time: 30}}
	var b bytes.Buffer
	require.NoError(t, printJudged(&b, r, check(r)))
	assert.Contains(t, b.String(), "falls short   lookup of a key under a writer at 1 kHz: 20 ns, no memory\n"+
		"    falls short   lookup: sealwax, keys replaced a thousand times a second: 30.0 ns, at most 20 ns\n")
	assert.Contains(t, b.String(), "    pass          jwe-rsa Seal 1 MiB, go-jose over ours: 3.33 (3.33–3.33) times, at least 2.50\n")
	assert.Contains(t, b.String(), "    pass          jwe-rsa Seal 1 KiB: memory 2 KiB, at most 13 KiB\n")
}
