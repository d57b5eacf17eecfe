package main

import (
	"fmt"
	"strings"
)

// keys prints what it costs that the right key is one of several.
func (r *report) keys(b *strings.Builder) {
	counts := []int{1, 2, 8, mostKeys}
	head := []string{"Open, the right key being the last"}
	for _, n := range counts {
		head = append(head, fmt.Sprintf("of %d", n))
	}
	var rows [][]string
	for _, line := range []struct {
		title, part, name, base string
		size                    int
	}{
		{"JWE 1 KiB, in private-key operations: sealwax, named", partJOSEKeys, usNamed, privateOp, keysSize},
		{"sealwax, unnamed, used before", partJOSEKeys, usBefore, privateOp, keysSize},
		{"sealwax, unnamed, not used before", partJOSEKeys, usNew, privateOp, keysSize},
		{"go-jose, named", partJOSEKeys, peerNamed, privateOp, keysSize},
		{"go-jose, unnamed", partJOSEKeys, peerUnnamed, privateOp, keysSize},
		{"PGP 1 KiB, in private-key operations: sealwax, named", partPGPKeys, usNamed, privateOp, keysSize},
		{"sealwax, unnamed, used before", partPGPKeys, usBefore, privateOp, keysSize},
		{"sealwax, unnamed, not used before", partPGPKeys, usNew, privateOp, keysSize},
		{"go-crypto, named", partPGPKeys, peerNamed, privateOp, keysSize},
		{"go-crypto, unnamed", partPGPKeys, peerUnnamed, privateOp, keysSize},
		{"JWS 1 MiB, over sealwax with a named signer: sealwax, unnamed", partSigners, usUnnamed, usNamed, signersSize},
		{"go-jose, named", partSigners, peerNamed, usNamed, signersSize},
		{"go-jose, unnamed", partSigners, peerUnnamed, usNamed, signersSize},
	} {
		row, found := []string{line.title}, false
		for _, n := range counts {
			c := r.find(line.part, "Open", line.size, n, 0)
			found = found || c != nil
			row = append(row, c.summary(line.name, line.base))
		}
		if found {
			rows = append(rows, row)
		}
	}
	markdown(b, head, rows)
}

// parallel prints how much faster all cores are than one.
func (r *report) parallel(b *strings.Builder) {
	head := []string{fmt.Sprintf("%d cores, one message on each, over one core", r.Machine.Cores)}
	var rows [][]string
	for _, line := range []struct{ title, part, name string }{
		{"JWE RSA: sealwax", partParallel1, us},
		{"go-jose", partParallel1, goJOSE},
		{"PGP RSA: sealwax", partParallel2, us},
		{"go-crypto", partParallel2, goCrypto},
	} {
		row, found := []string{line.title}, false
		for _, size := range []int{medium, large} {
			for _, op := range []string{"Seal", "Open"} {
				if len(rows) == 0 {
					head = append(head, op+" "+sizeName(size))
				}
				c := r.find(line.part, op, size, 0, 0)
				found = found || c != nil
				row = append(row, c.summary(onCores(line.name, 1), onCores(line.name, 0)))
			}
		}
		if found {
			rows = append(rows, row)
		}
	}
	markdown(b, head, rows)
}

// rest prints what needs no table.
func (r *report) rest(b *strings.Builder) {
	var lines []string
	if c := r.find(partChunks, "Open", chunksSize, 0, 0); c != nil {
		for _, name := range []string{us, goCrypto} {
			var cells []string
			for _, chunk := range chunkOctets() {
				got, _ := c.median(chunkName(name, chunk), (*series).bytes)
				cells = append(cells, memory(got.median))
			}
			lines = append(lines, fmt.Sprintf("%s opens 1 KiB of v6 AEAD in %s, for the smallest, the usual, and the largest chunks", name, strings.Join(cells, ", ")))
		}
	}
	for _, op := range []string{"Seal", "Open"} {
		if c := r.find(partSwap, op, keysSize, 2, 0); c != nil {
			lines = append(lines, fmt.Sprintf("%s of 1 KiB on all cores while its keys are replaced a thousand times a second: %s of the time with keys at rest", op, c.summary(swapped, atRest)))
		}
	}
	if c := r.find(partLookup, "Lookup", 0, mostKeys, 0); c != nil {
		still, _ := c.median(atRest, (*series).times)
		busy, _ := c.median(swapped, (*series).times)
		lines = append(lines, fmt.Sprintf("one key of %d is found in %s, and in %s while the keys are replaced", mostKeys, duration(still.median), duration(busy.median)))
	}
	if len(lines) != 0 {
		fmt.Fprintf(b, "\n- %s\n", strings.Join(lines, "\n- "))
	}
}

// summary is the ratio of two series, or nothing if they were not measured.
func (r *result) summary(name, base string) string {
	if s, measured := r.medianRatio(name, base); measured {
		return s.String()
	}
	return ""
}
