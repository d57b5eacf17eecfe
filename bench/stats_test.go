package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSummarize(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   summary
	}{
		"one":         {[]float64{3}, summary{3, 3, 3}},
		"two":         {[]float64{4, 2}, summary{2.5, 3, 3.5}},
		"odd":         {[]float64{5, 1, 4, 2, 3}, summary{2, 3, 4}},
		"even":        {[]float64{4, 3, 2, 1}, summary{1.75, 2.5, 3.25}},
		"an outlier":  {[]float64{1, 1, 1, 1, 1000}, summary{1, 1, 1}},
		"not changed": {[]float64{9, 8, 7, 6, 5, 4, 3, 2, 1}, summary{3, 5, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			before := append([]float64(nil), c.values...)
			assert.Equal(t, c.want, summarize(c.values))
			assert.Equal(t, before, c.values)
		})
	}
	assert.True(t, math.IsNaN(summarize(nil).median))
	assert.Equal(t, "1.02 (0.99–1.04)", summary{0.99, 1.02, 1.04}.String())
}

// TestRatioIsWithinTheRound would fail if medians were divided: the machine
// becomes ten times slower in the second half of the rounds, for all alike.
func TestRatioIsWithinTheRound(t *testing.T) {
	r := result{Series: []series{
		{Name: limit, Points: []point{{Time: 1}, {Time: 1}, {Time: 10}, {Time: 10}, {Time: 10}}},
		{Name: us, Points: []point{{Time: 2}, {Time: 2}, {Time: 20}, {Time: 20}, {Time: 1000}}},
	}}
	assert.Equal(t, []float64{2, 2, 2, 2, 100}, r.ratio(us, limit))
	assert.Nil(t, r.ratio("nobody", limit))
}
