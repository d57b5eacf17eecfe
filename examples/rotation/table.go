package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

// A row is one key in one ring, for the table at the end.
type row struct {
	place, label, state string
	info                keyset.Info
	usage               keyset.Usage
}

func (p place) row(id keyset.ID) row {
	k, _ := p.ring.Load().Lookup(id)
	usage, _ := p.ring.Usage(id)
	return row{p.String(), label(k.Material), k.State.String(), k.Material.Info(), usage}
}

// A column of the table. Where the terminal is too narrow, those with the lowest number are
// left out first; 0 is never.
type column struct {
	head  string
	spare int
	cell  func(row) string
}

func (s *story) columns() []column {
	return []column{
		{"KEY", 0, func(r row) string { return r.label }},
		{"ALGORITHM", 2, func(r row) string { return r.info.Algorithm }},
		{"USE", 1, func(r row) string { return r.info.Use.String() }},
		{"STATE", 0, func(r row) string { return r.state }},
		{"SEALED", 0, func(r row) string { return fmt.Sprint(r.usage.Sealed) }},
		{"OPENED", 0, func(r row) string { return fmt.Sprint(r.usage.Opened) }},
		{"LAST USED", 3, func(r row) string {
			at := r.usage.LastUsed()
			if at.IsZero() {
				return "never"
			}
			return fmt.Sprintf("%.3fs", at.Sub(s.timeline.start).Seconds())
		}},
	}
}

// table prints what became of every key: the ones that were removed, and the
// ones that the rings hold.
func (s *story) table() {
	rows := slices.Clone(s.removed)
	for _, p := range s.places() {
		for k := range p.ring.Load().All() {
			rows = append(rows, p.row(k.ID()))
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return strings.Compare(a.place+" "+a.label, b.place+" "+b.label)
	})
	columns, colors, fits := s.columns(), palette(false), 0
	if s.screen == nil {
		columns = slices.Insert(columns, 0, column{"RING", 0, func(r row) string { return r.place }})
	} else { // where a terminal ends, the ring has a line of its own, and columns may be left out
		colors, fits = s.screen.colors, s.screen.columns()
	}
	for spare := 1; fits != 0 && width(columns, rows) > fits && spare <= 3; spare++ {
		columns = slices.DeleteFunc(columns, func(c column) bool { return c.spare == spare })
	}
	fmt.Fprintln(s.out)
	line := func(cell func(column) string) {
		var b strings.Builder
		for _, c := range columns {
			b.WriteString(colors.paint(cell(c), wide(c, rows)) + " ")
		}
		fmt.Fprintln(s.out, strings.TrimRight(b.String(), " "))
	}
	line(func(c column) string { return c.head })
	ring := ""
	for _, r := range rows {
		if s.screen != nil && r.place != ring {
			fmt.Fprintln(s.out, r.place+":")
		}
		ring = r.place
		line(func(c column) string { return c.cell(r) })
	}
}

// wide is how wide a column is, and width how wide all of them are.
func wide(c column, rows []row) int {
	n := len(c.head)
	for _, r := range rows {
		n = max(n, len(c.cell(r)))
	}
	return n
}

func width(columns []column, rows []row) int {
	n := -1
	for _, c := range columns {
		n += 1 + wide(c, rows)
	}
	return n
}
