package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
)

// scale is what docs/scale.md shows: every profile on one core, and one message at a time
// on each core of the machine.
func scale() (all []asked) {
	for _, p := range profiles() {
		for _, size := range []int{small, medium, large} {
			for _, op := range []string{"Seal", "Open"} {
				if p.scaled {
					all = append(all, asked{question{part: "scale-" + p.id, op: op, size: size}, func() ([]subject, error) { return p.onEachCore(op, size) }})
				}
			}
		}
	}
	return all
}

func (p profile) onEachCore(op string, size int) ([]subject, error) {
	subjects, err := p.subjects(op, size)
	if err != nil {
		return nil, err
	}
	subjects[0].cores = 1
	return append(subjects[:1], inParallel(subjects[1:2])...), nil
}

// fleet is how many machines the table speaks of.
const fleet = 100

func (o options) writeScale(w io.Writer, r report) error {
	var b strings.Builder
	cores := runtime.GOMAXPROCS(0)
	fmt.Fprintln(&b, "Times are of processors, so that what other programs use does not count; the garbage collector does.")
	r.rates(&b, cores)
	r.bodies(&b)
	ops, err := o.beside()
	if err != nil {
		return err
	}
	markdown(&b, []string{"One operation on one core", "Go", "OpenSSL", "Go over OpenSSL"}, ops)
	rows, err := o.partners()
	if err != nil {
		return err
	}
	markdown(&b, []string{"Memory in KiB for each partner", "keys of the partner", "two rings with evidence", "envelope", "in all", "one key pair of ours", "1,000 partners", "100,000 partners"}, rows)
	fmt.Fprintf(&b, "\n%s\n", o.machine())
	_, err = io.WriteString(w, b.String())
	return err
}

// rates prints how many messages of 1 KiB are sealed, and opened, in a second.
func (r report) rates(b *strings.Builder, cores int) {
	head := []string{"1 KiB, in a second of processor time", "Seal: one core", fmt.Sprintf("machine (%d cores)", cores), fmt.Sprintf("fleet of %d", fleet), "private key", "core-seconds for a million",
		"Open: one core", "machine", "fleet", "private key", "core-seconds for a million"}
	var rows [][]string
	for _, p := range profiles() {
		row := []string{p.keys}
		for _, op := range []string{"Seal", "Open"} {
			m := r[question{part: "scale-" + p.id, op: op, size: small}]
			if len(m) == 0 {
				row = append(row, "", "", "", "", "")
				continue
			}
			one, l := m.of(onCores(us, 1)).processor(), m.of(limit)
			all := m.of(onCores(us, cores)).processor() / float64(cores)
			private := l.processor() * max(l.share(stepSign), l.share(stepUnwrap))
			row = append(row, number(1e9/one), number(1e9/all), number(fleet*1e9/all), fmt.Sprintf("%.0f%%", 100*private/one), number(one*1e6/1e9))
		}
		rows = append(rows, row)
	}
	markdown(b, head, rows)
}

// bodies prints what a larger payload adds to one core.
func (r report) bodies(b *strings.Builder) {
	head := []string{"One core, one message", "Seal: 1 KiB", "16 KiB", "1 MiB", "Open: 1 KiB", "16 KiB", "1 MiB"}
	var rows [][]string
	for _, p := range profiles() {
		row := []string{p.keys}
		for _, op := range []string{"Seal", "Open"} {
			for _, size := range []int{small, medium, large} {
				row = append(row, duration(r[question{part: "scale-" + p.id, op: op, size: size}].of(onCores(us, 1)).processor()))
			}
		}
		rows = append(rows, row)
	}
	markdown(b, head, rows)
}

// number has three digits, and commas.
func number(n float64) string {
	unit := 1.0
	for n/unit >= 1000 {
		unit *= 10
	}
	text := fmt.Sprintf("%.0f", float64(int(n/unit+0.5))*unit)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
