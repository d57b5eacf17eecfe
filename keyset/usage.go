package keyset

import (
	"math"
	"sync/atomic"
	"time"
)

// Usage is the history of a key in a [Ring]. It can be stored as JSON.
type Usage struct {
	Since       time.Time `json:"since"`  // when counting began
	Sealed      uint64    `json:"sealed"` // messages
	Opened      uint64    `json:"opened"` // messages
	LastSealed  time.Time `json:"last_sealed,omitzero"`
	FirstOpened time.Time `json:"first_opened,omitzero"`
	LastOpened  time.Time `json:"last_opened,omitzero"`
}

// LastUsed returns the later of LastSealed and LastOpened. It is zero if the key
// was never used.
func (u Usage) LastUsed() time.Time {
	if u.LastSealed.After(u.LastOpened) {
		return u.LastSealed
	}
	return u.LastOpened
}

// Idle returns how long the key has been unused at the given time. A key that
// was never used counts as used when counting began, so that a restarted
// process does not mistake a busy key for an idle one. It is never negative, and
// zero for the zero Usage, of which nothing is known.
func (u Usage) Idle(at time.Time) time.Duration {
	last := u.LastUsed()
	if last.IsZero() {
		last = u.Since
	}
	if last.IsZero() {
		return 0
	}
	return max(0, at.Sub(last))
}

// counters is a Usage that is counted by many goroutines without a lock. Its
// times are nanoseconds since 1970.
type counters struct {
	sealed, opened atomic.Uint64

	// stale is the count of opened that proves nothing any more, because a
	// part of the key that seals has changed since.
	stale atomic.Uint64

	since, lastSealed, firstOpened, lastOpened atomic.Int64
}

const never = math.MinInt64

func newCounters(since time.Time) *counters {
	c := new(counters)
	c.since.Store(nanos(since))
	c.lastSealed.Store(never)
	c.firstOpened.Store(never)
	c.lastOpened.Store(never)
	return c
}

// Times are stored before counts and read after them: whoever sees the count
// of a use sees its time.

func (c *counters) recordSealed(at time.Time) {
	later(&c.lastSealed, nanos(at))
	add(&c.sealed, 1)
}

func (c *counters) recordOpened(at time.Time) {
	later(&c.lastOpened, nanos(at))
	earlier(&c.firstOpened, nanos(at))
	add(&c.opened, 1)
}

func (c *counters) merge(u Usage) {
	earlier(&c.since, nanos(u.Since))
	later(&c.lastSealed, nanos(u.LastSealed))
	earlier(&c.firstOpened, nanos(u.FirstOpened))
	later(&c.lastOpened, nanos(u.LastOpened))
	add(&c.sealed, u.Sealed)
	add(&c.opened, u.Opened)
}

func (c *counters) usage() Usage {
	sealed, opened := c.sealed.Load(), c.opened.Load()
	return Usage{
		Since:       moment(c.since.Load()),
		Sealed:      sealed,
		Opened:      opened,
		LastSealed:  moment(c.lastSealed.Load()),
		FirstOpened: moment(c.firstOpened.Load()),
		LastOpened:  moment(c.lastOpened.Load()),
	}
}

func (c *counters) hasProof() bool { return c.opened.Load() > c.stale.Load() }

func (c *counters) dropProof() { c.stale.Store(c.opened.Load()) }

// add stops at the largest count, so that no stored usage makes it small again.
func add(c *atomic.Uint64, n uint64) {
	for {
		old := c.Load()
		sum := old + n
		if sum < old {
			sum = math.MaxUint64
		}
		if c.CompareAndSwap(old, sum) {
			return
		}
	}
}

func later(t *atomic.Int64, at int64) {
	for old := t.Load(); at > old; old = t.Load() {
		if t.CompareAndSwap(old, at) {
			return
		}
	}
}

func earlier(t *atomic.Int64, at int64) {
	if at == never {
		return
	}
	for old := t.Load(); old == never || at < old; old = t.Load() {
		if t.CompareAndSwap(old, at) {
			return
		}
	}
}

var (
	firstMoment = time.Unix(0, never+1)
	lastMoment  = time.Unix(0, math.MaxInt64)
)

// nanos returns never for the zero time, and the nearest time it can count for
// times before 1678 and after 2261.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return never
	case t.Before(firstMoment):
		return never + 1
	case t.After(lastMoment):
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

func moment(n int64) time.Time {
	if n == never {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
