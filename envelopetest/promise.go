package envelopetest

import (
	"fmt"
	"sync"
	"testing"
)

// A promise is what the documentation of an interface says, and how it is seen to be
// kept by a subject that implements it.
type promise[S any] struct {
	name, text string
	check      func(subject S) (broken []string)
}

// hold runs a subtest for each promise, with a subject of its own.
func hold[S any](t *testing.T, promises []promise[S], fresh func(t *testing.T) S) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			for _, broken := range p.check(fresh(t)) {
				t.Errorf("%s\n  the promise: %s", broken, p.text)
			}
		})
	}
}

// A report collects what is broken.
type report []string

func (r *report) add(ok bool, format string, args ...any) {
	if !ok {
		*r = append(*r, fmt.Sprintf(format, args...))
	}
}

// shared is add for goroutines.
func (r *report) shared() func(ok bool, format string, args ...any) {
	var mu sync.Mutex
	return func(ok bool, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		r.add(ok, format, args...)
	}
}
