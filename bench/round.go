package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A subject is an operation that is measured beside others.
type subject struct {
	name  string
	steps []step // one after another

	cores   int  // GOMAXPROCS; 0 is all
	workers int  // goroutines that share the operations of a visit, which is ten times as long; 0 is one, timed by steps
	alone   bool // it is not for several goroutines at once
}

// A step is a part of an operation.
type step struct {
	name string
	do   func() error
	free bool // on nobody's time
}

// A point is what one visit measured, for one operation.
type point struct {
	time, bytes float64   // in nanoseconds, and allocated
	processor   float64   // in nanoseconds, of all cores together
	steps       []float64 // in nanoseconds
}

// A schedule says how long to measure.
type schedule struct {
	rounds int
	visit  time.Duration // of one implementation in one round; at least one operation
}

// measure runs the subjects for a number of rounds.
func (s schedule) measure(subjects []subject) (measured, error) {
	all := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(all)
	out, counts := make(measured, len(subjects)), make([]int, len(subjects))
	for i, u := range subjects {
		out[i].name = u.name
		for _, part := range u.steps {
			out[i].steps = append(out[i].steps, part.name)
		}
		var err error
		if counts[i], err = s.calibrate(u, all); err != nil {
			return nil, fmt.Errorf("%s: %w", u.name, err)
		}
	}
	for round := range s.rounds {
		for i := range subjects {
			i = (i + round) % len(subjects)
			p, err := visit(subjects[i], counts[i], all)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", subjects[i].name, err)
			}
			out[i].points = append(out[i].points, p)
		}
	}
	return out, nil
}

// calibrate finds how many operations fit in a visit. What an implementation does only
// once, it does here.
func (s schedule) calibrate(u subject, all int) (int, error) {
	runtime.GOMAXPROCS(or(u.cores, all))
	const tries = 3
	var fastest time.Duration
	for range tries {
		took := make([]time.Duration, len(u.steps))
		if err := u.do(took); err != nil {
			return 0, err
		}
		if sum := total(took); fastest == 0 || sum < fastest {
			fastest = sum
		}
	}
	length := s.visit
	if u.workers != 0 {
		length *= 10 // threads need milliseconds to spread over the cores
	}
	return max(1, int(length/max(fastest, 1))) * or(u.workers, 1), nil
}

// visit measures n operations. Some before them fill what the implementation keeps from one
// message to the next, which the collection has just emptied, and which a sync.Pool keeps
// for each core: as in a program that seals and opens all the time.
func visit(u subject, n, all int) (point, error) {
	cores := or(u.cores, all)
	if runtime.GOMAXPROCS(0) != cores {
		runtime.GOMAXPROCS(cores)
	}
	warmers := cores
	if u.alone {
		warmers = 1
	}
	runtime.GC()
	if err := u.share(warmers, warmers*max(1, n/3)); err != nil {
		return point{}, err
	}
	took := make([]time.Duration, len(u.steps))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used := processorTime()
	err := u.repeat(n, took)
	used = processorTime() - used
	runtime.ReadMemStats(&after)
	p := point{
		time:      float64(total(took)) / float64(n),
		bytes:     float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
		processor: float64(used) / float64(n),
	}
	for _, t := range took {
		p.steps = append(p.steps, float64(t)/float64(n))
	}
	return p, err
}

func (u subject) repeat(n int, took []time.Duration) error {
	if u.workers > 1 {
		start := time.Now()
		err := u.share(u.workers, n)
		took[0] = time.Since(start)
		return err
	}
	for range n {
		if err := u.do(took); err != nil {
			return err
		}
	}
	return nil
}

// do runs the operation once, and adds what each step took.
func (u subject) do(took []time.Duration) error {
	last := time.Now()
	for i, part := range u.steps {
		if err := part.do(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		now := time.Now()
		if !part.free {
			took[i] += now.Sub(last)
		}
		last = now
	}
	return nil
}

// share runs the operation n times, on several goroutines.
func (u subject) share(workers, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			took := make([]time.Duration, len(u.steps))
			for left.Add(-1) >= 0 {
				if err := u.do(took); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// processorTime is what this program has used of all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it knows this process
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func total(took []time.Duration) (sum time.Duration) {
	for _, t := range took {
		sum += t
	}
	return sum
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
