// Package timing tells whether two operations can be told apart by how long they take.
//
// A round does both, in an order that is drawn for it, and the first of them once more. If
// the two take alike, each is as likely as the other to be the slower one of a round,
// whatever the machine does meanwhile: one that slows down slows both, and what comes
// first, or meets a cold cache, is drawn. So the sign test holds without an assumption
// about the noise. What is judged is the median of the differences within the rounds, and
// its interval is the sign test turned around: the two are told apart if it does not hold
// zero. The first operation against itself is the control: it shows what the machine, the
// clock, and the method make of no difference.
//
// What is not judged: means, which a few interruptions decide, and differences that are in
// the tails alone. The histogram shows those.
package timing

import (
	"math"
	"slices"
)

// Confidence is that of the intervals: one comparison of a thousand that have no
// difference is told apart by chance.
const Confidence = 0.999

// A Result compares two operations over rounds. Times are nanoseconds.
type Result struct {
	Rounds     int
	Operation  float64 // the median time of the first
	Difference float64 // the median of the second minus the first, within a round
	Low, High  float64 // its interval at the confidence; infinite where the rounds are too few
}

// Told reports whether the operations are told apart: whether the interval lacks zero.
func (r Result) Told() bool { return r.Low > 0 || r.High < 0 }

// Compare compares the times of two operations in the same rounds.
func Compare(first, second []float64, confidence float64) Result {
	n := min(len(first), len(second))
	differences := make([]float64, n)
	for i := range differences {
		differences[i] = second[i] - first[i]
	}
	slices.Sort(differences)
	r := Result{Rounds: n, Operation: median(slices.Sorted(slices.Values(first))), Difference: median(differences), Low: math.Inf(-1), High: math.Inf(1)}
	if k := rank(n, (1-confidence)/2); k > 0 {
		r.Low, r.High = differences[k-1], differences[n-k]
	}
	return r
}

// rank returns the largest k for which fewer than k heads of n throws of a fair coin are
// no more likely than tail. The k-th smallest and the k-th largest of n differences bound
// their median: each is beyond it with at most that probability.
func rank(n int, tail float64) (k int) {
	whole, _ := math.Lgamma(float64(n + 1))
	for sum := 0.0; k < n; k++ {
		heads, _ := math.Lgamma(float64(k + 1))
		tails, _ := math.Lgamma(float64(n - k + 1))
		sum += math.Exp(whole - heads - tails - float64(n)*math.Ln2)
		if sum > tail {
			break
		}
	}
	return k
}

// median is that of sorted values; nothing has none.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
