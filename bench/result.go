package main

import (
	"fmt"
	"math"
	"slices"
)

// A series is one implementation in every round.
type series struct {
	name   string
	steps  []string
	points []point
}

// A measured is what the rounds of one question measured; nothing if it was not asked.
type measured []series

// A question is what is measured together, in the same rounds.
type question struct {
	part  string // a profile, or a study
	op    string
	size  int // of the payload, in bytes
	keys  int // of the party that is asked; 0 where it has only one
	cores int // 0 for all of them
}

func (q question) String() string {
	text := fmt.Sprintf("%s %s %s", q.part, q.op, sizeName(q.size))
	if q.keys != 0 {
		text += fmt.Sprintf(", %d keys", q.keys)
	}
	if q.cores != 0 {
		text += ", one core"
	}
	return text
}

// A report is what one run measured.
type report map[question]measured

func (m measured) of(name string) *series {
	if i := slices.IndexFunc(m, func(s series) bool { return s.name == name }); i >= 0 {
		return &m[i]
	}
	return &series{}
}

// ratio returns the times of one series over those of another, round by round.
func (m measured) ratio(name, base string) summary {
	var all []float64
	for i, under := range m.of(base).points {
		if over := m.of(name).points; i < len(over) {
			all = append(all, over[i].time/under.time)
		}
	}
	return summarize(all)
}

func (s *series) median(of func(point) float64) float64 {
	var all []float64
	for _, p := range s.points {
		all = append(all, of(p))
	}
	return summarize(all).median
}

func (s *series) time() float64  { return s.median(func(p point) float64 { return p.time }) }
func (s *series) bytes() float64 { return s.median(func(p point) float64 { return p.bytes }) }

func (s *series) processor() float64 {
	return s.median(func(p point) float64 { return p.processor })
}

// share is the part of an operation that the steps of a name take.
func (s *series) share(name string) float64 {
	return s.median(func(p point) (sum float64) {
		for i, of := range s.steps {
			if of == name {
				sum += p.steps[i]
			}
		}
		return sum / p.time
	})
}

// A summary is the median of several numbers and their quartiles.
type summary struct{ low, median, high float64 }

// summarize interpolates between neighbors, as R's default does. The summary of nothing is
// not a number.
func summarize(values []float64) summary {
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		if len(sorted) == 0 {
			return math.NaN()
		}
		x := q * float64(len(sorted)-1)
		i := int(x)
		if i == len(sorted)-1 {
			return sorted[i]
		}
		return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
	}
	return summary{at(0.25), at(0.5), at(0.75)}
}

// String returns the median and the quartiles; nothing, if nothing was measured.
func (s summary) String() string {
	if math.IsNaN(s.median) {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.low, s.high)
}
