package main

import (
	"fmt"
	"io"
	"strings"
)

// table prints the report as Markdown.
func (r *report) table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, "Time over that of the bare primitives (limit), and memory allocated, for one message.")
	for _, p := range profiles() {
		r.profile(&b, p)
	}
	r.keys(&b)
	r.parallel(&b)
	r.rest(&b)
	fmt.Fprintf(&b, "\n%s\n", r.where())
	_, err := io.WriteString(w, b.String())
	return err
}

// profile prints one row for each size.
func (r *report) profile(b *strings.Builder, p profile) {
	head := []string{p.title}
	for _, op := range []string{"Seal", "Open"} {
		head = append(head, op+": limit")
		head = append(append(head, us), p.peers...)
	}
	var rows [][]string
	for _, cores := range []int{0, 1} {
		for _, size := range sizes() {
			row := []string{sizeName(size)}
			if cores == 1 {
				row[0] += ", one core"
			}
			found := false
			for _, op := range []string{"Seal", "Open"} {
				c := r.find(p.id, op, size, 0, cores)
				found = found || c != nil
				row = append(row, c.limit())
				for _, name := range append([]string{us}, p.peers...) {
					row = append(row, c.cell(name, limit))
				}
			}
			if found {
				rows = append(rows, row)
			}
		}
	}
	markdown(b, head, rows)
}

// limit is how long the limit takes.
func (r *result) limit() string {
	if r == nil {
		return ""
	}
	return duration(summarize(r.series(limit).times()).median)
}

// cell is the ratio of a series and what it allocates.
func (r *result) cell(name, base string) string {
	if r == nil || r.series(name) == nil {
		return ""
	}
	return fmt.Sprintf("%s, %s", r.summary(name, base), memory(summarize(r.series(name).bytes()).median))
}

func markdown(b *strings.Builder, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

func duration(ns float64) string {
	switch {
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
