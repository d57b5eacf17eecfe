package timing

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Print writes the histogram of a pair, the two comparisons, and the verdict.
func Print(w io.Writer, p Pair, s *Samples) error {
	pair, control := Compare(s.First, s.Second, Confidence), Compare(s.First, s.Again, Confidence)
	verdict := "not told apart at this size"
	switch {
	case control.Told():
		verdict = "nothing is to be learned from this: the control is told apart"
	case pair.Told():
		verdict = "told apart"
	}
	_, err := fmt.Fprintf(w, "%s\n  %s (left), and %s (right): %d rounds\n%s  difference: %v\n  control:    %v\n  %s\n\n",
		p.Name, p.Kinds[0].Name, p.Kinds[1].Name, pair.Rounds, histogram(s.First, s.Second), pair, control, verdict)
	return err
}

// String returns the difference, its interval, and both as parts of the operation.
func (r Result) String() string {
	part := func(ns float64) string { return fmt.Sprintf("%+.3f%%", 100*ns/r.Operation) }
	return fmt.Sprintf("%s (%s to %s), %s (%s to %s) of %v", signed(r.Difference), signed(r.Low), signed(r.High), part(r.Difference), part(r.Low), part(r.High), rounded(r.Operation))
}

func signed(ns float64) string {
	if math.IsInf(ns, 0) || math.IsNaN(ns) {
		return fmt.Sprint(ns)
	}
	if ns < 0 {
		return rounded(ns).String()
	}
	return "+" + rounded(ns).String()
}

// rounded has four digits.
func rounded(ns float64) time.Duration {
	if math.Abs(ns) < 1 || math.IsNaN(ns) || math.IsInf(ns, 0) {
		return 0
	}
	unit := time.Duration(math.Pow(10, max(0, math.Floor(math.Log10(math.Abs(ns)))-3)))
	return time.Duration(math.Round(ns)).Round(unit)
}

const (
	bins = 16
	wide = 30 // the longest bar
)

// histogram draws both between the first and the last hundredth of all times; what is
// beyond is in the bins at the ends.
func histogram(left, right []float64) string {
	all := slices.Sorted(slices.Values(slices.Concat(left, right)))
	if len(all) == 0 {
		return ""
	}
	low, high := all[len(all)/100], all[len(all)-1-len(all)/100]
	width := max((high-low)/bins, 1)
	var counts [2][bins]int
	most := 1
	for side, times := range [][]float64{left, right} {
		for _, t := range times {
			at := min(max(int((t-low)/width), 0), bins-1)
			counts[side][at]++
			most = max(most, counts[side][at])
		}
	}
	bar := func(n int) string { return strings.Repeat("#", (n*wide+most-1)/most) }
	var out strings.Builder
	for i := range bins {
		fmt.Fprintf(&out, "  %10v %-*s |%s\n", rounded(low+float64(i)*width), wide, bar(counts[0][i]), bar(counts[1][i]))
	}
	return strings.ReplaceAll(out.String(), " \n", "\n")
}
