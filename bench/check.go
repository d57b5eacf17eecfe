package main

import (
	"fmt"
	"io"
	"strings"
)

// A verdict is what became of a goal or of one of its figures.
type verdict string

const (
	passes      verdict = "pass"
	fallsShort  verdict = "falls short"
	notMeasured verdict = "not measured"
)

// A judged goal is one with the verdict on each of its figures.
type judged struct {
	text    string
	verdict verdict
	figures []judgedFigure
}

type judgedFigure struct {
	verdict verdict
	text    string
}

// check holds a report against every goal.
func check(r *report) []judged {
	var out []judged
	for _, g := range goals() {
		j := judged{text: g.text}
		for _, f := range g.figures {
			j.figures = append(j.figures, f.judge(r))
		}
		j.verdict = together(j.figures)
		out = append(out, j)
	}
	return out
}

// together is the verdict on a goal: it passes only if all of it was measured.
func together(figures []judgedFigure) verdict {
	v := passes
	for _, f := range figures {
		switch {
		case f.verdict == fallsShort:
			return fallsShort
		case f.verdict == notMeasured:
			v = notMeasured
		}
	}
	return v
}

// judge compares one figure.
func (f figure) judge(r *report) judgedFigure {
	got, measured := f.got(r)
	if !measured {
		return judgedFigure{notMeasured, f.what}
	}
	want := f.want(r)
	good := got.median <= want
	if f.kind == fasterBy {
		good = got.median >= want
	}
	v := fallsShort
	if good { // what is not a number is neither
		v = passes
	}
	return judgedFigure{v, f.what + ": " + f.kind.print(got, want)}
}

func (k kind) print(got summary, want float64) string {
	switch k {
	case fasterBy:
		return fmt.Sprintf("%s times, at least %.2f", got, want)
	case memoryAtMost:
		return fmt.Sprintf("memory %s, at most %s", memory(got.median), memory(want))
	case nanoseconds:
		return fmt.Sprintf("%.1f ns, at most %.0f ns", got.median, want)
	}
	return fmt.Sprintf("time %s, at most %.2f", got, want)
}

// met reports whether no goal falls short.
func met(all []judged) bool {
	for _, j := range all {
		if j.verdict == fallsShort {
			return false
		}
	}
	return true
}

func printJudged(w io.Writer, r *report, all []judged) error {
	var b strings.Builder
	for _, j := range all {
		fmt.Fprintf(&b, "%-12s  %s\n", j.verdict, j.text)
		for _, f := range j.figures {
			fmt.Fprintf(&b, "    %-12s  %s\n", f.verdict, f.text)
		}
	}
	fmt.Fprintf(&b, "%s\n", r.where())
	_, err := io.WriteString(w, b.String())
	return err
}
