package rehearse

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/keyset"
)

// A Report is what a rehearsal showed, for people and for programs.
type Report struct {
	Endpoint string    `json:"endpoint"` // without user and query
	Began    time.Time `json:"began"`
	Format   string    `json:"format"`
	Profile  string    `json:"profile"`
	Ended    bool      `json:"ended"` // false if the rehearsal was stopped
	Keys     []Key     `json:"keys"`
	Cases    []Line    `json:"cases"`
}

// A Key is a public key that took part.
type Key struct {
	Whose string    `json:"whose"` // "endpoint", "network"
	Name  string    `json:"name"`
	ID    keyset.ID `json:"id"` // a fingerprint or a thumbprint
}

// A Line is one case.
type Line struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"`
	Level   string  `json:"level"`
	Demand  string  `json:"demand"`
	Source  string  `json:"source"`
	Saw     string  `json:"saw"`
	Seconds float64 `json:"seconds"`
	Blocks  bool    `json:"blocks"`
}

// NewLine returns the line of a result. What was seen is cut.
func NewLine(r rehearsal.Result) Line {
	saw := r.Saw
	if len(saw) > 400 {
		saw = strings.ToValidUTF8(saw[:400], "") + "…"
	}
	return Line{r.Name, string(r.Outcome), string(r.Level), r.Demand, r.Source, saw, r.Took.Seconds(), r.Blocks()}
}

// KeysOf lists the keys of a set.
func KeysOf(whose string, s *keyset.Set) (keys []Key) {
	for k := range s.All() {
		info := k.Material.Info()
		keys = append(keys, Key{whose, info.Name, info.ID})
	}
	return keys
}

// Blocking counts what stands against a launch.
func (r *Report) Blocking() (n int) {
	for _, l := range r.Cases {
		if l.Blocks {
			n++
		}
	}
	return n
}

// Count says how many cases came to an outcome.
func (r *Report) Count(outcome rehearsal.Outcome) (n int) {
	for _, l := range r.Cases {
		if l.Outcome == string(outcome) {
			n++
		}
	}
	return n
}

// Verdict is the report in one sentence.
func (r *Report) Verdict() string {
	switch n := r.Blocking(); {
	case !r.Ended:
		return "The rehearsal was stopped before its end."
	case n == 0:
		return "Every demanded case held."
	case n == 1:
		return "One demanded case did not hold, or was not tried."
	default:
		return fmt.Sprintf("%d demanded cases did not hold, or were not tried.", n)
	}
}

// Text is a case on a terminal.
func (l Line) Text() string {
	text := fmt.Sprintf("%-14s %-42s %s\n", l.Outcome, l.Name, l.Saw)
	if l.Blocks || l.Outcome == string(rehearsal.Failed) {
		text += fmt.Sprintf("%-14s %s: %s (%s)\n", "", l.Level, l.Demand, l.Source)
	}
	return text
}

// Text is the table at the end: what does not hold, and how many cases did.
func (r *Report) Text() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, l := range r.Cases {
		if l.Blocks || l.Outcome == string(rehearsal.Failed) {
			fmt.Fprintf(&b, "%-10s %-10s %s\n", l.Level, l.Outcome, l.Name)
		}
	}
	fmt.Fprintf(&b, "%s: %d held, %d failed, %d not tried, %d not applicable\n%s\n", r.Endpoint,
		r.Count(rehearsal.Held), r.Count(rehearsal.Failed), r.Count(rehearsal.NotTried), r.Count(rehearsal.NotApplicable), r.Verdict())
	return b.String()
}

type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Seconds string     `xml:"time,attr"`
		Failure *junitText `xml:"failure,omitempty"`
		Skipped *junitText `xml:"skipped,omitempty"`
		Out     string     `xml:"system-out,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report as CI servers read it. Only what blocks is a failure; advice that
// was not taken is in the output of its case.
func (r *Report) JUnit(w io.Writer) error {
	s := junitSuite{Name: "sealctl rehearse " + r.Endpoint, Tests: len(r.Cases), Failures: r.Blocking(), Time: r.Began.Format("2006-01-02T15:04:05")}
	for _, l := range r.Cases {
		group, name, _ := strings.Cut(l.Name, "/")
		c := junitCase{Class: "rehearse." + group, Name: name, Seconds: fmt.Sprintf("%.3f", l.Seconds), Out: l.Outcome + ": " + l.Saw}
		switch {
		case l.Blocks:
			c.Failure = &junitText{l.Outcome + ": " + l.Saw, l.Demand + " (" + l.Source + ")"}
		case l.Outcome == string(rehearsal.NotTried) || l.Outcome == string(rehearsal.NotApplicable):
			c.Skipped = &junitText{Message: l.Saw}
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
