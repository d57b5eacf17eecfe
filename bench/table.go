package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// performance is what docs/performance.md shows.
func performance() (all []asked) {
	ops := []string{"Seal", "Open"}
	for _, p := range profiles() {
		for _, size := range []int{small, medium, large, huge} {
			for _, op := range ops {
				if p.compared {
					all = append(all, asked{question{part: p.id, op: op, size: size}, func() ([]subject, error) { return p.subjects(op, size) }})
				}
			}
		}
	}
	for _, op := range ops {
		for _, size := range []int{large, huge} {
			all = append(all, asked{question{part: pgpRSA, op: op, size: size, cores: 1}, func() ([]subject, error) {
				subjects, err := profileOf(pgpRSA).subjects(op, size)
				for i := range subjects {
					subjects[i].cores = 1
				}
				return subjects, err
			}})
		}
	}
	for _, s := range []struct {
		part string
		size int
		of   func(n int) ([]subject, error)
	}{{partJOSEKeys, small, joseKeysStudy}, {partPGPKeys, small, pgpKeysStudy}, {partSigners, large, signersStudy}} {
		for _, n := range counts() {
			all = append(all, asked{question{part: s.part, op: "Open", size: s.size, keys: n}, func() ([]subject, error) { return s.of(n) }})
		}
	}
	for _, id := range []string{joseRSA, pgpRSA} {
		for _, size := range []int{medium, large} {
			for _, op := range ops {
				all = append(all, asked{question{part: partParallel + id, op: op, size: size}, func() ([]subject, error) { return parallelStudy(id, op, size) }})
			}
		}
	}
	return all
}

// writePerformance prints the report as Markdown.
func (o options) writePerformance(w io.Writer, r report) error {
	var b strings.Builder
	fmt.Fprintln(&b, "Time over that of the bare primitives (limit), and memory allocated, for one message. In brackets, what of the limit is operations with private keys.")
	for _, p := range profiles() {
		if p.compared {
			r.profile(&b, p)
		}
	}
	r.keys(&b)
	r.parallel(&b)
	fmt.Fprintf(&b, "\n%s\n", o.machine())
	_, err := io.WriteString(w, b.String())
	return err
}

// profile prints one row for each size.
func (r report) profile(b *strings.Builder, p profile) {
	names := append([]string{us}, p.peers...)
	head := []string{p.title}
	for _, op := range []string{"Seal", "Open"} {
		head = append(append(head, op+": limit"), names...)
	}
	var rows [][]string
	for _, cores := range []int{0, 1} {
		for _, size := range []int{small, medium, large, huge} {
			row := []string{sizeName(size)}
			if cores == 1 {
				row[0] += ", one core"
			}
			for _, op := range []string{"Seal", "Open"} {
				m := r[question{part: p.id, op: op, size: size, cores: cores}]
				row = append(row, m.limit())
				for _, name := range names {
					row = append(row, m.cell(name, limit))
				}
			}
			rows = append(rows, row)
		}
	}
	markdown(b, head, rows)
}

// limit is how long the limit takes, and which part of it is the private key.
func (m measured) limit() string {
	l := m.of(limit)
	if len(l.points) == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%.0f%%)", duration(l.time()), 100*max(l.share(stepSign), l.share(stepUnwrap)))
}

// cell is the ratio of a series and what it allocates.
func (m measured) cell(name, base string) string {
	ratio := m.ratio(name, base).String()
	if ratio == "" {
		return ""
	}
	return ratio + ", " + memory(m.of(name).bytes())
}

// keys prints what it costs that the right key is one of several.
func (r report) keys(b *strings.Builder) {
	head := []string{"Open, the right key being the last"}
	for _, n := range counts() {
		head = append(head, fmt.Sprintf("of %d", n))
	}
	var rows [][]string
	for _, s := range []struct {
		part, title, peer, base string
		size                    int
		names                   []string
	}{
		{partJOSEKeys, "JWE 1 KiB, in private-key operations: ", goJOSE, privateOp, small, []string{usNamed, usBefore, usNew, peerNamed, peerUnnamed}},
		{partPGPKeys, "PGP 1 KiB, in private-key operations: ", goCrypto, privateOp, small, []string{usNamed, usBefore, usNew, peerNamed, peerUnnamed}},
		{partSigners, "JWS 1 MiB, over sealwax with a named signer: ", goJOSE, usNamed, large, []string{usUnnamed, peerNamed, peerUnnamed}},
	} {
		for i, name := range s.names {
			row := []string{strings.Replace(name, "peer", s.peer, 1)}
			if i == 0 {
				row[0] = s.title + row[0]
			}
			for _, n := range counts() {
				row = append(row, r[question{part: s.part, op: "Open", size: s.size, keys: n}].ratio(name, s.base).String())
			}
			rows = append(rows, row)
		}
	}
	markdown(b, head, rows)
}

// parallel prints how much faster all cores are than one.
func (r report) parallel(b *strings.Builder) {
	head := []string{"All cores, one message on each, over one core", "Seal 16 KiB", "Open 16 KiB", "Seal 1 MiB", "Open 1 MiB"}
	var rows [][]string
	for _, line := range []struct{ title, id, name string }{
		{"JWE RSA: sealwax", joseRSA, us}, {"go-jose", joseRSA, goJOSE}, {"PGP RSA: sealwax", pgpRSA, us}, {"go-crypto", pgpRSA, goCrypto},
	} {
		row := []string{line.title}
		for _, size := range []int{medium, large} {
			for _, op := range []string{"Seal", "Open"} {
				m := r[question{part: partParallel + line.id, op: op, size: size}]
				row = append(row, m.ratio(onCores(line.name, 1), onCores(line.name, 2)).String())
			}
		}
		rows = append(rows, row)
	}
	markdown(b, head, rows)
}

// markdown prints a table of the rows in which anything was measured.
func markdown(b *strings.Builder, head []string, rows [][]string) {
	begun := false
	for _, row := range rows {
		if strings.Join(row[1:], "") == "" {
			continue
		}
		if !begun {
			fmt.Fprintf(b, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
			begun = true
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

func duration(ns float64) string {
	switch {
	case math.IsNaN(ns):
		return ""
	case ns < 1e3:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ms", ns/1e6)
}

func memory(bytes float64) string {
	switch {
	case bytes < 1<<10:
		return fmt.Sprintf("%.0f B", bytes)
	case bytes < 10<<20:
		return fmt.Sprintf("%.0f KiB", bytes/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", bytes/(1<<20))
}
