package main

import (
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

const (
	plain   = "\x1b[0m"
	removed = "removed" // is no state of a ring: it has nothing of the key
)

// The colors of the states, out of the eight that every terminal has.
var colors = map[string]string{
	keyset.Pending.String():  "\x1b[33m", // yellow
	keyset.Active.String():   "\x1b[32m", // green
	keyset.Retiring.String(): "\x1b[36m", // cyan
	keyset.Revoked.String():  "\x1b[31m", // red
	removed:                  "\x1b[2m",  // faint
}

// legend says what each state allows, in lines that fit 60 columns.
var legend = [][]struct{ state, allows string }{
	{{keyset.Pending.String(), "only opens, until proven"}, {keyset.Active.String(), "seals and opens"}},
	{{keyset.Retiring.String(), "only opens"}, {keyset.Revoked.String(), "nothing"}, {removed, "gone"}},
}

// A palette paints states, or does not.
type palette bool

// paint is text in the color of its state, padded to a width that does not count the color.
func (p palette) paint(text string, width int) string {
	padding := strings.Repeat(" ", max(0, width-len(text)))
	if color, ok := colors[text]; ok && bool(p) {
		return color + text + plain + padding
	}
	return text + padding
}

func (p palette) legend() (lines []string) {
	for _, row := range legend {
		var all []string
		for _, s := range row {
			all = append(all, fmt.Sprintf("%s: %s", p.paint(s.state, 0), s.allows))
		}
		lines = append(lines, strings.Join(all, "; "))
	}
	return lines
}
