package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A picture is a story at one moment: its step, the state of every key on both
// sides, the requests. It is safe for concurrent use.
type picture struct {
	title   string
	traffic *traffic

	mu     sync.Mutex
	step   string
	n, of  int // the step, and how many there are, if that is known
	places []place
	rows   []keyRow
}

// A keyRow is a key in the rings of both parties. Keys that were removed have one.
type keyRow struct {
	label  string
	states map[*party]string
}

func (p *picture) begin(step string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step = step
	p.n++
}

func (p *picture) expect(steps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of = steps
}

// meet says where the keys are from now on.
func (p *picture) meet(places []place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places = places
}

// lines returns the picture, for 80 columns and as many of 24 rows as leave room
// for the timeline.
func (p *picture) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := ""
	if p.of != 0 {
		of = fmt.Sprintf(" of %d", p.of)
	}
	lines := []string{"", fmt.Sprintf("%s, step %d%s: %s", p.title, p.n, of, strings.ToUpper(p.step)), bar(p.n, p.of)}
	p.look()
	if len(p.rows) != 0 {
		lines = append(lines, cells("KEY", "AT THE BANK", "AT THE SHOP"))
	}
	for _, r := range p.rows {
		line := []string{r.label}
		for _, at := range p.parties() {
			line = append(line, r.states[at])
		}
		lines = append(lines, cells(line...))
	}
	// They are counted in the other order, so that no difference is below zero.
	failed := p.traffic.failed.Load()
	ended := p.traffic.requests.Load()
	began := p.traffic.numbers.Load()
	return append(lines, fmt.Sprintf("requests: %d in flight, %d done, %d failed", began-ended, ended-failed, failed))
}

// look notes the state of every key. What was there and is no more was removed.
func (p *picture) look() {
	for _, r := range p.rows {
		for at := range r.states {
			r.states[at] = "removed"
		}
	}
	for _, at := range p.places {
		for k := range at.ring.Load().All() {
			p.row(label(k.Material)).states[at.party] = k.State.String()
		}
	}
}

func (p *picture) row(label string) keyRow {
	i, found := slices.BinarySearchFunc(p.rows, label, func(r keyRow, label string) int { return strings.Compare(r.label, label) })
	if !found {
		p.rows = slices.Insert(p.rows, i, keyRow{label, map[*party]string{}})
	}
	return p.rows[i]
}

// parties returns them in the order of their columns.
func (p *picture) parties() (all []*party) {
	for _, at := range p.places {
		if !slices.Contains(all, at.party) {
			all = append(all, at.party)
		}
	}
	return all
}

// bar is how far the story is.
func bar(n, of int) string {
	const width = 60
	filled := width * n / max(of, n, 1)
	if of == 0 {
		filled = 0
	}
	return "[" + strings.Repeat("=", filled) + strings.Repeat(".", width-filled) + "]"
}

// cells is one row of the table of keys: a name, and the state on each side.
func cells(all ...string) string {
	line := fmt.Sprintf("%-24s", all[0])
	for _, cell := range all[1:] {
		if color, ok := colors[cell]; ok {
			// The color is not to count as width.
			line += color + cell + plain + strings.Repeat(" ", max(0, 16-len(cell)))
			continue
		}
		line += fmt.Sprintf("%-16s", cell)
	}
	return strings.TrimRight(line, " ")
}

const plain = "\x1b[0m"

// The colors of the states, out of the eight that every terminal has.
var colors = map[string]string{
	"pending":  "\x1b[33m", // yellow
	"active":   "\x1b[32m", // green
	"retiring": "\x1b[36m", // cyan
	"revoked":  "\x1b[31m", // red
	"removed":  "\x1b[2m",  // faint
}
