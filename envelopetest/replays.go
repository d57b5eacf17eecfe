package envelopetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwax/sealwax/envelope"
)

// TestReplays runs subtests for every promise of [envelope.Replays]. A failure quotes
// the promise.
//
// newMemory is called for each subtest and returns a memory that begins now: it has room
// for 1,000 digests, and its clock is that of the test, to the second.
func TestReplays(t *testing.T, newMemory func(t *testing.T) envelope.Replays) {
	onlyInTests(t, "TestReplays")
	hold(t, replayPromises, newMemory)
}

var replayPromises = []promise[envelope.Replays]{
	{"Fresh", "Remember reports whether all digests are new, and if so remembers them.", onceFresh},
	{"Exact", "A digest is known if all of it is.", exactDigests},
	{"Together", "If one of the digests is known, it remembers none of the others.", together},
	{"Until", "It remembers them until s.Until.", untilThen},
	{"Past", "It is an error if s.Until has passed by the clock of the memory.", past},
	{"NoDigests", "It is an error if s has no digests.", noDigests},
	{"Forgotten", "The error wraps ErrForgotten if the digests are new and the memory began after s.Made. If that is zero, a memory that began later accepts the message.", forgotten},
	{"AtOnce", "Of several calls at once with one digest in common, at most one is told that its digests are new.", atOnce},
	{"Overlapping", "Of several calls at once with one digest in common, at most one is told that its digests are new.", overlapping},
	{"Context", "It is an error if ctx has ended.", contextDone},
	{"Ownership", "Remember neither keeps nor modifies s.Digests.", ownDigests},
}

// newDigests returns digests that no other test has.
func newDigests(n int) [][32]byte {
	out := make([][32]byte, n)
	for i := range out {
		_, _ = rand.Read(out[i][:])
	}
	return out
}

// A replayReport asks a memory, and collects what is broken.
type replayReport struct {
	report
	memory envelope.Replays
}

// inAMinute is until when most of the tests have something remembered.
func inAMinute() time.Time { return time.Now().Add(time.Minute) }

func (r *replayReport) says(want bool, what string, digests ...[32]byte) {
	fresh, err := r.memory.Remember(bg, envelope.Sighting{Digests: digests, Until: inAMinute()})
	r.add(err == nil && fresh == want, "%s: fresh is %v, error %v", what, fresh, err)
}

func (r *replayReport) fails(s envelope.Sighting, what string) error {
	fresh, err := r.memory.Remember(bg, s)
	r.add(err != nil && !fresh, "%s: fresh is %v, error %v", what, fresh, err)
	return err
}

func onceFresh(m envelope.Replays) []string {
	r := replayReport{memory: m}
	d := newDigests(2 + 64)
	r.says(true, "a new digest", d[0])
	r.says(true, "another one", d[1])
	for range 3 {
		r.says(false, "the first, once more", d[0])
		r.says(false, "the second, once more", d[1])
	}
	r.says(true, "as many as a message has signatures", d[2:]...)
	for _, one := range d[2:] {
		r.says(false, "one of them", one)
	}
	r.says(true, "one digest that is given twice", append(newDigests(1), [32]byte{1, 2, 3}, [32]byte{1, 2, 3})...)
	return r.report
}

func exactDigests(m envelope.Replays) []string {
	r := replayReport{memory: m}
	d := newDigests(1)[0]
	r.says(true, "a new digest", d)
	for i := range d {
		other := d
		other[i] ^= 1
		r.says(true, fmt.Sprintf("a digest that differs in byte %d", i), other)
	}
	r.says(true, "a digest of zeros and line ends", [32]byte{0, '\r', '\n', 0})
	return r.report
}

func together(m envelope.Replays) []string {
	r := replayReport{memory: m}
	d := newDigests(5)
	r.says(true, "two digests", d[0], d[1])
	r.says(false, "one of them", d[1])
	r.says(false, "both in other order", d[1], d[0])
	r.says(false, "one that is known behind one that is new", d[2], d[1])
	r.says(false, "one that is known before one that is new", d[0], d[3])
	r.says(true, "those that were new then", d[2], d[3])
	return r.report
}

func untilThen(m envelope.Replays) []string {
	r := replayReport{memory: m}
	d := newDigests(3)
	now := time.Now()
	short, long := now.Add(3*time.Second), now.Add(time.Hour)
	for i, until := range []time.Time{long, short} {
		fresh, err := m.Remember(bg, envelope.Sighting{Digests: d[i : i+1], Until: until})
		r.add(fresh && err == nil, "a new digest: fresh is %v, error %v", fresh, err)
	}
	// What is asked for once more is not remembered for less time.
	_, _ = m.Remember(bg, envelope.Sighting{Digests: d[:1], Until: short})
	time.Sleep(time.Until(short.Add(-time.Second))) // clocks agree to the second
	r.says(false, "a digest before its time is over", d[1])
	time.Sleep(time.Until(short.Add(time.Second)))
	r.says(true, "a new digest", d[2])
	r.says(false, "a digest of which the time is not over", d[0])
	return r.report
}

func past(m envelope.Replays) []string {
	r := replayReport{memory: m}
	d := newDigests(1)
	for _, ago := range []time.Duration{2 * time.Second, time.Hour, 30 * 365 * 24 * time.Hour} {
		_ = r.fails(envelope.Sighting{Digests: d, Until: time.Now().Add(-ago)}, fmt.Sprintf("until %v ago", ago))
	}
	_ = r.fails(envelope.Sighting{Digests: d}, "until the zero time")
	r.says(true, "the digest that could not be remembered", d...)
	return r.report
}

func noDigests(m envelope.Replays) []string {
	r := replayReport{memory: m}
	_ = r.fails(envelope.Sighting{Until: inAMinute()}, "nil")
	_ = r.fails(envelope.Sighting{Until: inAMinute(), Digests: [][32]byte{}}, "an empty slice")
	return r.report
}

func forgotten(m envelope.Replays) []string {
	r := replayReport{memory: m}
	d := newDigests(3)
	r.says(true, "a new digest", d[2]) // so that a memory that begins when it is asked has begun
	for _, made := range []time.Time{time.Now().Add(-10 * time.Second), time.Unix(0, 0), time.Unix(-1, 0)} {
		err := r.fails(envelope.Sighting{Digests: d[:2], Made: made, Until: inAMinute()}, "made before the memory began")
		r.add(errors.Is(err, envelope.ErrForgotten), "made before the memory began: the error is %v", err)
	}
	r.says(true, "the same without a date", d[:2]...)
	fresh, err := m.Remember(bg, envelope.Sighting{Digests: d[:1], Made: time.Now().Add(-10 * time.Second), Until: inAMinute()})
	r.add(!fresh && err == nil, "made before the memory began, and known: fresh is %v, error %v", fresh, err)
	fresh, err = m.Remember(bg, envelope.Sighting{Digests: newDigests(1), Made: time.Now().Add(2 * time.Second), Until: inAMinute()})
	r.add(fresh && err == nil, "made after the memory began: fresh is %v, error %v", fresh, err)
	return r.report
}

func atOnce(m envelope.Replays) []string {
	r := replayReport{memory: m}
	for range 20 {
		d := newDigests(2)
		var fresh, failed atomic.Int32
		start := make(chan struct{})
		var wg sync.WaitGroup
		for w := range 64 {
			wg.Go(func() {
				asked := slices.Clone(d)
				if w%2 == 1 {
					slices.Reverse(asked)
				}
				<-start
				is, err := m.Remember(bg, envelope.Sighting{Digests: asked, Until: inAMinute()})
				if err != nil {
					failed.Add(1)
				}
				if is {
					fresh.Add(1)
				}
			})
		}
		close(start)
		wg.Wait()
		r.add(failed.Load() == 0 && fresh.Load() == 1, "64 calls at once: fresh %d times, errors %d", fresh.Load(), failed.Load())
	}
	return r.report
}

// overlapping has calls that share one digest with the next, in a ring.
func overlapping(m envelope.Replays) []string {
	r := replayReport{memory: m}
	for range 20 {
		const n = 16
		d := newDigests(n)
		var fresh [n]bool
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				<-start
				fresh[i], _ = m.Remember(bg, envelope.Sighting{Digests: [][32]byte{d[i], d[(i+1)%n]}, Until: inAMinute()})
			})
		}
		close(start)
		wg.Wait()
		for i := range n {
			r.add(!fresh[i] || !fresh[(i+1)%n], "two calls that share a digest are both fresh")
		}
		r.add(slices.Contains(fresh[:], true), "of calls at once none is fresh")
		for i := range n {
			r.says(!fresh[i] && !fresh[(i+n-1)%n], "a digest after calls at once", d[i])
		}
	}
	return r.report
}

func contextDone(m envelope.Replays) []string {
	r := replayReport{memory: m}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	fresh, err := m.Remember(ctx, envelope.Sighting{Digests: newDigests(1), Until: inAMinute()})
	r.add(!fresh && err != nil, "a context that is done: fresh is %v, error %v", fresh, err)
	return r.report
}

func ownDigests(m envelope.Replays) []string {
	r := replayReport{memory: m}
	d := newDigests(8)
	asked, want := slices.Clone(d), slices.Clone(d)
	r.says(true, "new digests", asked...)
	fresh, err := m.Remember(bg, envelope.Sighting{Digests: asked, Until: inAMinute()})
	r.add(!fresh && err == nil, "the same: fresh is %v, error %v", fresh, err)
	r.add(slices.Equal(asked, want), "the digests were modified")
	clear(asked)
	for _, one := range d {
		r.says(false, "a digest of which the caller has used the slice again", one)
	}
	return r.report
}
