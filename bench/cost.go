package main

import (
	"fmt"
	"io"
	"strings"
)

// costSizes are those of the payloads whose cost the table has.
func costSizes() []int { return []int{small, medium, large} }

// cost is every profile of docs/performance.md once more, beside the library beneath.
func cost() (all []asked) {
	for _, q := range performance() {
		if q.keys == 0 && q.cores == 0 && q.size < huge && !strings.HasPrefix(q.part, partParallel) {
			all = append(all, asked{q.question, func() ([]subject, error) {
				subjects, err := q.subjects()
				return subjects[:min(3, len(subjects))], err // the limit, us, and the first of the peers
			}})
		}
	}
	return all
}

// writeCost prints ratios of processor time, which holds on a machine that others use, and in
// which what is done on two cores at once counts twice.
func (o options) writeCost(w io.Writer, r report) error {
	head := []string{"Processor time over the limit: sealwax, and the library beneath"}
	for _, op := range []string{"Seal", "Open"} {
		for _, size := range costSizes() {
			head = append(head, op+" "+sizeName(size))
		}
	}
	var rows [][]string
	for _, p := range profiles() {
		if !p.compared {
			continue
		}
		row := []string{p.title}
		for _, op := range []string{"Seal", "Open"} {
			for _, size := range costSizes() {
				m, cell := r[question{part: p.id, op: op, size: size}].byProcessor(), ""
				if len(m) != 0 {
					cell = fmt.Sprintf("%s, %.2f", m.ratio(us, limit), m.ratio(p.peers[0], limit).median)
				}
				row = append(row, cell)
			}
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	markdown(&b, head, rows)
	fmt.Fprintf(&b, "\n%s\n", o.machine())
	_, err := io.WriteString(w, b.String())
	return err
}

// byProcessor is the same with the time of the processors in place of the clock's.
func (m measured) byProcessor() measured {
	out := make(measured, len(m))
	for i, s := range m {
		out[i] = series{name: s.name}
		for _, p := range s.points {
			out[i].points = append(out[i].points, point{time: p.processor, bytes: p.bytes})
		}
	}
	return out
}
