package main

import (
	"fmt"
	"math"
	"slices"
)

// A summary is the median of several numbers and their quartiles.
type summary struct{ low, median, high float64 }

// summarize interpolates between neighbors, as R's default does. The summary of
// nothing is not a number.
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

// String returns the median and the quartiles.
func (s summary) String() string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.low, s.high)
}
