package main

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestUsage(t *testing.T) {
	system := "cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
	process := "42 (a (strange) name) R 1 2 3 4 5 6 7 8 9 10 250 50 11 12 20 0 9\n"
	for name, c := range map[string]struct {
		system, process string
		want            usage
	}{
		"all":              {system, process, usage{all: 171, ours: 300}},
		"no system":        {"", process, usage{}},
		"no process":       {system, ")", usage{}},
		"an early kernel":  {"cpu 1 2 3 4\n", process, usage{}},
		"an empty process": {system, "", usage{}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, parseUsage([]byte(c.system), []byte(c.process)))
		})
	}
}

func TestOthers(t *testing.T) {
	start := time.Now()
	cores := float64(runtime.NumCPU())
	before := usage{1000, 100, start}
	for name, c := range map[string]struct {
		all, ours float64
		after     time.Duration
		want      float64
	}{
		"alone":     {1200, 300, time.Second, 0},
		"half":      {1000 + 100*cores, 100 + 50*cores, time.Second, 0.5},
		"rounding":  {1010, 111, time.Second, 0},
		"no time":   {1200, 200, 0, 0},
		"a quarter": {1000 + 100*cores, 100 + 50*cores, 2 * time.Second, 0.25},
	} {
		t.Run(name, func(t *testing.T) {
			assert.InDelta(t, c.want, usage{c.all, c.ours, start.Add(c.after)}.others(before), 1e-9)
		})
	}
}
