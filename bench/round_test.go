package main

import (
	"errors"
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
	var inside atomic.Int64
	visited := func(name string, wait time.Duration, size int) subject {
		return subject{name: name, alone: true, op: func() (int, error) {
			order = append(order, name)
			sink = make([]byte, size)
			time.Sleep(wait)
			return size, nil
		}}
	}
	slow := visited("slow", 4*time.Millisecond, megabyte)
	half := visited("half", 4*time.Millisecond, megabyte)
	half.times = 2
	single := visited("single", time.Millisecond, 0)
	single.cores = 1
	single.op = func() (int, error) {
		order = append(order, "single")
		assert.Equal(t, 1, runtime.GOMAXPROCS(0))
		return 0, nil
	}
	single.prepare = func(n int) error {
		inside.Add(int64(n))
		return nil
	}
	got, err := schedule{rounds: 3}.measure([]subject{slow, half, single})
	require.NoError(t, err)
	require.Len(t, got, 3)
	assert.Equal(t, all, runtime.GOMAXPROCS(0))
	for _, s := range got {
		assert.Len(t, s.Points, 3)
	}
	assert.Equal(t, megabyte, got[0].Size)
	for _, p := range got[0].Points {
		assert.GreaterOrEqual(t, p.Time, float64(4*time.Millisecond))
		assert.InEpsilon(t, megabyte, p.Bytes, 0.1)
		assert.GreaterOrEqual(t, p.Allocs, 1.0)
	}
	assert.InEpsilon(t, megabyte/2, got[1].Points[0].Bytes, 0.1)
	assert.EqualValues(t, 3+3*2, inside.Load(), "prepared for each operation, and for the one that is not measured")

	var rounds []string
	for i := 9; i < len(order); i += 2 { // after the calibration; each is run twice
		rounds = append(rounds, order[i])
	}
	assert.Equal(t, []string{"slow", "half", "single", "half", "single", "slow", "single", "slow", "half"}, rounds)
}

func TestMeasureCounts(t *testing.T) {
	var calls, beside, stopped atomic.Int64
	s := subject{name: "shared", workers: 4, op: func() (int, error) {
		calls.Add(1)
		time.Sleep(time.Millisecond)
		return 0, nil
	}, beside: func() func() {
		beside.Add(1)
		return func() { stopped.Add(1) }
	}}
	p, err := visit(s, 40, runtime.GOMAXPROCS(0))
	require.NoError(t, err)
	assert.EqualValues(t, 40+runtime.GOMAXPROCS(0)*(40/3), calls.Load())
	assert.Less(t, p.Time, float64(time.Millisecond), "four at once")
	assert.EqualValues(t, 1, beside.Load())
	assert.EqualValues(t, 1, stopped.Load())
}

func TestMeasureFails(t *testing.T) {
	broken := errors.New("broken")
	for name, s := range map[string]subject{
		"alone":    {op: func() (int, error) { return 0, broken }},
		"prepared": {op: func() (int, error) { return 0, nil }, prepare: func(int) error { return broken }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := schedule{rounds: 1}.measure([]subject{s})
			assert.ErrorIs(t, err, broken)
		})
	}
	var calls atomic.Int64
	late := subject{op: func() (int, error) {
		if calls.Add(1) > 5 {
			return 0, broken
		}
		return 0, nil
	}}
	assert.ErrorIs(t, repeat(late, 2, 10), broken)
}
