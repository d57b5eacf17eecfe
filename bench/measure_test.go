package main

import (
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var sink []byte

func TestMeasure(t *testing.T) {
	const megabyte = 1 << 20
	all := runtime.GOMAXPROCS(0)
	var order []string
	visited := func(name string, wait time.Duration) step {
		return step{name: name, do: func() error {
			order = append(order, name)
			sink = make([]byte, megabyte)
			time.Sleep(wait)
			return nil
		}}
	}
	free := visited("free", 0)
	free.free = true
	single := subject{name: "single", alone: true, cores: 1, steps: []step{free, {name: "one", do: func() error {
		order = append(order, "one")
		assert.Equal(t, 1, runtime.GOMAXPROCS(0))
		time.Sleep(time.Millisecond)
		return nil
	}}}}
	got, err := schedule{rounds: 2}.measure([]subject{
		{name: "two", alone: true, steps: []step{visited("first", 2*time.Millisecond), visited("second", 4*time.Millisecond)}}, single})
	require.NoError(t, err)
	assert.Equal(t, all, runtime.GOMAXPROCS(0))
	for _, p := range got.of("two").points {
		assert.InEpsilon(t, 2*megabyte, p.bytes, 0.1)
		assert.GreaterOrEqual(t, p.steps[1], float64(4*time.Millisecond))
		assert.InEpsilon(t, p.time, p.steps[0]+p.steps[1], 1e-6)
	}
	for _, p := range got.of("single").points {
		assert.Zero(t, p.steps[0], "on nobody's time")
		assert.GreaterOrEqual(t, p.time, float64(time.Millisecond))
	}
	var rounds []string
	for i := 3*2 + 3*2; i < len(order); i += 4 { // after the calibration; each is run twice, in two steps
		rounds = append(rounds, order[i])
	}
	assert.Equal(t, []string{"first", "free", "free", "first"}, rounds)
}

func TestWorkersShare(t *testing.T) {
	var calls atomic.Int64
	s := once("shared", func() error { calls.Add(1); time.Sleep(time.Millisecond); return nil })
	s.workers = 4
	p, err := visit(s, 40, runtime.GOMAXPROCS(0))
	require.NoError(t, err)
	assert.EqualValues(t, 40+runtime.GOMAXPROCS(0)*(40/3), calls.Load())
	assert.Less(t, p.time, float64(time.Millisecond), "four at once")
}

func TestMeasureFails(t *testing.T) {
	broken := errors.New("broken")
	_, err := schedule{rounds: 1}.measure([]subject{once("at once", func() error { return broken })})
	assert.ErrorIs(t, err, broken)
	var calls atomic.Int64
	late := once("late", func() error {
		if calls.Add(1) > 5 {
			return broken
		}
		return nil
	})
	assert.ErrorIs(t, late.share(2, 10), broken)
}

func TestSummarize(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   summary
	}{
		"one":        {[]float64{3}, summary{3, 3, 3}},
		"odd":        {[]float64{5, 1, 4, 2, 3}, summary{2, 3, 4}},
		"even":       {[]float64{4, 3, 2, 1}, summary{1.75, 2.5, 3.25}},
		"an outlier": {[]float64{1, 1, 1, 1, 1000}, summary{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, summarize(c.values)) })
	}
	assert.True(t, math.IsNaN(summarize(nil).median))
	assert.Empty(t, summarize(nil).String())
	assert.Equal(t, "1.02 (0.99–1.04)", summary{0.99, 1.02, 1.04}.String())
}

// TestRatioIsWithinTheRound would fail if medians were divided: the machine becomes ten
// times slower in the second half of the rounds, for all alike.
func TestRatioIsWithinTheRound(t *testing.T) {
	of := func(name string, times ...float64) series {
		s := series{name: name, steps: []string{stepSign, stepText, stepSign}}
		for _, n := range times {
			s.points = append(s.points, point{time: n, steps: []float64{n / 4, n / 2, n / 4}})
		}
		return s
	}
	m := measured{of(limit, 1, 1, 10, 10, 10), of(us, 2, 2, 20, 20, 1000)}
	assert.Equal(t, summary{2, 2, 2}, m.ratio(us, limit))
	assert.Equal(t, 0.5, m.of(limit).share(stepSign))
	assert.Empty(t, m.ratio("nobody", limit).String())
	assert.Empty(t, measured(nil).ratio(us, limit).String())
}
