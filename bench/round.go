package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A subject is an operation that is measured beside others.
type subject struct {
	name string

	// op does the work once and returns the size of its result. It is called
	// by several goroutines at once, unless alone is set.
	op func() (int, error)

	times   int // how much of the work one call of op does; 0 is 1
	cores   int // GOMAXPROCS; 0 is all
	workers int // goroutines that share the operations of a visit; 0 is 1
	alone   bool
	long    bool // visit it ten times as long: threads need milliseconds to spread over the cores

	prepare func(n int) error // if not nil, called before n operations, on nobody's time
	beside  func() (stop func())
}

// A schedule says how long to measure.
type schedule struct {
	rounds int
	visit  time.Duration // of one implementation in one round; at least one operation
}

// measure runs the subjects for a number of rounds.
func (s schedule) measure(subjects []subject) ([]series, error) {
	all := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(all)
	out := make([]series, len(subjects))
	counts := make([]int, len(subjects))
	for i, u := range subjects {
		n, size, err := s.calibrate(u, all)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.name, err)
		}
		counts[i] = n
		out[i] = series{Name: u.name, Size: size}
	}
	for round := range s.rounds {
		for i := range subjects {
			i = (i + round) % len(subjects)
			p, err := visit(subjects[i], counts[i], all)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", subjects[i].name, err)
			}
			out[i].Points = append(out[i].Points, p)
		}
	}
	return out, nil
}

// calibrate finds how many operations fit in a visit. What an implementation
// does only once, it does here.
func (s schedule) calibrate(u subject, all int) (n, size int, err error) {
	runtime.GOMAXPROCS(or(u.cores, all))
	const tries = 3
	var fastest time.Duration
	for range tries {
		if u.prepare != nil {
			if err := u.prepare(1); err != nil {
				return 0, 0, err
			}
		}
		start := time.Now()
		if size, err = u.op(); err != nil {
			return 0, 0, err
		}
		if took := time.Since(start); fastest == 0 || took < fastest {
			fastest = took
		}
	}
	length := s.visit
	if u.long {
		length *= 10
	}
	n = max(1, int(length/max(fastest, 1))) * or(u.workers, 1)
	return n, size, nil
}

// visit measures n operations. Some before them fill what the implementation keeps
// from one message to the next, which the collection has just emptied, and which a
// sync.Pool keeps for each core: as in a program that seals and opens all the time.
func visit(u subject, n, all int) (point, error) {
	cores := or(u.cores, all)
	if runtime.GOMAXPROCS(0) != cores {
		runtime.GOMAXPROCS(cores)
	}
	warmers := cores
	if u.alone {
		warmers = 1
	}
	warm := warmers * max(1, n/3)
	if u.prepare != nil {
		if err := u.prepare(warm + n); err != nil {
			return point{}, err
		}
	}
	runtime.GC()
	if err := repeat(u, warmers, warm); err != nil {
		return point{}, err
	}
	if u.beside != nil {
		defer u.beside()()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := repeat(u, or(u.workers, 1), n)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	total := float64(n * or(u.times, 1))
	return point{
		Time:   float64(took) / total,
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / total,
		Allocs: float64(after.Mallocs-before.Mallocs) / total,
	}, err
}

// repeat runs the operation n times.
func repeat(u subject, workers, n int) error {
	if workers == 1 {
		for range n {
			if _, err := u.op(); err != nil {
				return err
			}
		}
		return nil
	}
	var left atomic.Int64
	left.Store(int64(n))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for errs[i] == nil && left.Add(-1) >= 0 {
				_, errs[i] = u.op()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
