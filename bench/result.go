package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// A point is what one visit measured, for one operation.
type point struct {
	Time   float64 // in nanoseconds
	Bytes  float64 // allocated
	Allocs float64
}

// A series is one implementation in every round.
type series struct {
	Name   string
	Size   int // of what the operation returns, in bytes
	Points []point
}

// A result is what the rounds of one case measured.
type result struct {
	Part   string // the profile, or the question that the case answers
	Op     string
	Size   int     // of the payload, in bytes
	Keys   int     // of the party that is asked; 0 where it has only one
	Cores  int     // 0 for all of them
	Others float64 // the part of all cores that other programs used meanwhile
	Series []series
}

// A report is what one run measured, and where.
type report struct {
	Machine machine
	Results []result
}

// find returns the result of a case. It is nil if that was not measured.
func (r *report) find(part, op string, size, keys, cores int) *result {
	for i, c := range r.Results {
		if c.Part == part && c.Op == op && c.Size == size && c.Keys == keys && c.Cores == cores {
			return &r.Results[i]
		}
	}
	return nil
}

// where says where a report was measured, and how quiet it was there.
func (r *report) where() string {
	var others []float64
	for _, c := range r.Results {
		others = append(others, c.Others)
	}
	text := r.Machine.String()
	if used := summarize(others); used.high >= 0.01 {
		text += fmt.Sprintf(" Other programs used %.0f%% (%.0f%%–%.0f%%) of the cores meanwhile.", 100*used.median, 100*used.low, 100*used.high)
	}
	return text
}

// series returns nil if there is none of that name.
func (r *result) series(name string) *series {
	for i := range r.Series {
		if r.Series[i].Name == name {
			return &r.Series[i]
		}
	}
	return nil
}

// ratio returns the times of one series over those of another, round by round.
func (r *result) ratio(name, base string) []float64 {
	over, under := r.series(name), r.series(base)
	if over == nil || under == nil {
		return nil
	}
	out := make([]float64, 0, len(over.Points))
	for i := range min(len(over.Points), len(under.Points)) {
		out = append(out, over.Points[i].Time/under.Points[i].Time)
	}
	return out
}

func (s *series) times() []float64 { return s.column(func(p point) float64 { return p.Time }) }
func (s *series) bytes() []float64 { return s.column(func(p point) float64 { return p.Bytes }) }

func (s *series) column(of func(point) float64) []float64 {
	out := make([]float64, len(s.Points))
	for i, p := range s.Points {
		out[i] = of(p)
	}
	return out
}

// load reads reports that were saved, and returns them as one.
func load(names []string) (*report, error) {
	var all report
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var r report
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, err
		}
		all.Machine = r.Machine
		all.Results = append(all.Results, r.Results...)
	}
	return &all, nil
}

func (r *report) save(name string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
