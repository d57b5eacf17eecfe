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
	before  int // steps of other stories, which are told
	of      int // steps of all of them

	mu     sync.Mutex
	step   string
	n      int // of this story
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

// meet says where the keys are from now on.
func (p *picture) meet(places []place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places = places
}

// lines returns the picture, for at least 60 columns and as many of 24 rows as leave room
// for the timeline.
func (p *picture) lines(columns int, colors palette) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.before + p.n
	lines := []string{"", fmt.Sprintf("step %d of %d: %s, %s", n, p.of, strings.ToUpper(p.step), p.title), bar(n, p.of, columns)}
	p.look()
	if len(p.rows) != 0 {
		lines = append(lines, cells(colors, "KEY", "AT THE BANK", "AT THE SHOP"))
	}
	for _, r := range p.rows {
		line := []string{r.label}
		for _, at := range p.parties() {
			line = append(line, r.states[at])
		}
		lines = append(lines, cells(colors, line...))
	}
	lines = append(lines, colors.legend()...)
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
			r.states[at] = removed
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

// bar is how far the whole program is.
func bar(n, of, columns int) string {
	width := min(columns, 102) - 2
	filled := width * n / of
	return "[" + strings.Repeat("=", filled) + strings.Repeat(".", width-filled) + "]"
}

// cells is one row of the table of keys: a name, and the state on each side.
func cells(colors palette, all ...string) string {
	line := fmt.Sprintf("%-24s", all[0])
	for _, cell := range all[1:] {
		line += colors.paint(cell, 16)
	}
	return strings.TrimRight(line, " ")
}
