package keyset

import (
	"math"
	"sync/atomic"
	"time"
)

// Usage is the history of a key in a [Ring]. It can be stored as JSON, as part of a
// [Report].
type Usage struct {
	Since        time.Time `json:"since"`              // from when on every use is known
	Sealed       uint64    `json:"sealed"`             // messages
	Opened       uint64    `json:"opened"`             // messages with a good signature
	Unsigned     uint64    `json:"unsigned,omitempty"` // opened without a signature, under a waiver
	LastSealed   time.Time `json:"last_sealed,omitzero"`
	FirstOpened  time.Time `json:"first_opened,omitzero"`
	LastOpened   time.Time `json:"last_opened,omitzero"`
	LastUnsigned time.Time `json:"last_unsigned,omitzero"`

	// Resealed is when a part of the key that seals was last replaced. What was
	// opened before is no evidence that the partner has the part of now.
	Resealed time.Time `json:"resealed,omitzero"`
}

// LastUsed returns the latest of LastSealed, LastOpened, and LastUnsigned. It is
// zero if the key was never used.
func (u Usage) LastUsed() time.Time { return latest(u.LastSealed, u.lastTaken()) }

// lastTaken is when the key last opened anything.
func (u Usage) lastTaken() time.Time { return latest(u.LastOpened, u.LastUnsigned) }

// Idle returns how long the key is known to be unused at the given time. What
// happened before Since is not known, so that a restarted process does not mistake
// a busy key for an idle one. It is never negative, and zero for the zero Usage.
func (u Usage) Idle(at time.Time) time.Duration {
	last := latest(u.Since, u.LastUsed())
	if last.IsZero() {
		return 0
	}
	return max(0, at.Sub(last))
}

// proves reports whether the key has opened a message as it is now.
func (u Usage) proves() bool {
	return !u.LastOpened.IsZero() && (u.Resealed.IsZero() || u.LastOpened.After(u.Resealed))
}

// and returns what two replicas know together: as much as the one that knows less.
func (u Usage) and(v Usage) Usage {
	u.Since = latest(u.Since, v.Since)
	u.Sealed, u.Opened, u.Unsigned = sum(u.Sealed, v.Sealed), sum(u.Opened, v.Opened), sum(u.Unsigned, v.Unsigned)
	u.LastSealed = latest(u.LastSealed, v.LastSealed)
	u.FirstOpened = first(u.FirstOpened, v.FirstOpened)
	u.LastOpened = latest(u.LastOpened, v.LastOpened)
	u.LastUnsigned = latest(u.LastUnsigned, v.LastUnsigned)
	u.Resealed = latest(u.Resealed, v.Resealed)
	return u
}

// until returns u without times after t, which are those of a clock that is ahead.
func (u Usage) until(t time.Time) Usage {
	for _, at := range []*time.Time{&u.Since, &u.LastSealed, &u.FirstOpened, &u.LastOpened, &u.LastUnsigned, &u.Resealed} {
		if at.After(t) {
			*at = t
		}
	}
	return u
}

func latest(t, u time.Time) time.Time {
	if u.After(t) {
		return u
	}
	return t
}

// first returns the earlier time that is not zero.
func first(t, u time.Time) time.Time {
	if t.IsZero() || !u.IsZero() && u.Before(t) {
		return u
	}
	return t
}

// sum stops at the largest count, so that no stored usage makes it small again.
func sum(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}

// counters is a Usage that is counted by many goroutines without a lock. Its
// times are nanoseconds since 1970.
type counters struct {
	sealed, opened, unsigned atomic.Uint64

	since, lastSealed, firstOpened, lastOpened, lastUnsigned, resealed atomic.Int64
}

const never = math.MinInt64

func newCounters(since time.Time) *counters {
	c := new(counters)
	for _, t := range []*atomic.Int64{&c.lastSealed, &c.firstOpened, &c.lastOpened, &c.lastUnsigned, &c.resealed} {
		t.Store(never)
	}
	c.since.Store(nanos(since))
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

func (c *counters) recordUnsigned(at time.Time) {
	later(&c.lastUnsigned, nanos(at))
	add(&c.unsigned, 1)
}

// resume adds what a former process counted. Since is part of it only if that
// process counted to its end.
func (c *counters) resume(u Usage, toItsEnd bool) {
	if toItsEnd {
		earlier(&c.since, nanos(u.Since))
	}
	later(&c.lastSealed, nanos(u.LastSealed))
	earlier(&c.firstOpened, nanos(u.FirstOpened))
	later(&c.lastOpened, nanos(u.LastOpened))
	later(&c.lastUnsigned, nanos(u.LastUnsigned))
	later(&c.resealed, nanos(u.Resealed))
	add(&c.sealed, u.Sealed)
	add(&c.opened, u.Opened)
	add(&c.unsigned, u.Unsigned)
}

func (c *counters) usage() Usage {
	sealed, opened, unsigned := c.sealed.Load(), c.opened.Load(), c.unsigned.Load()
	return Usage{
		Since:        moment(c.since.Load()),
		Sealed:       sealed,
		Opened:       opened,
		Unsigned:     unsigned,
		LastSealed:   moment(c.lastSealed.Load()),
		FirstOpened:  moment(c.firstOpened.Load()),
		LastOpened:   moment(c.lastOpened.Load()),
		LastUnsigned: moment(c.lastUnsigned.Load()),
		Resealed:     moment(c.resealed.Load()),
	}
}

func (c *counters) reseal(at time.Time) { later(&c.resealed, nanos(at)) }

func add(c *atomic.Uint64, n uint64) {
	for {
		old := c.Load()
		if c.CompareAndSwap(old, sum(old, n)) {
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
