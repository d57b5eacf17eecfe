package keyset

import (
	"fmt"
	"time"
)

// A Recorder counts how keys are used. Envelopes call it, if their [Source] is
// one, for each key with which a message was sealed or opened; programs have no
// need to. A Source that wraps a [Ring] should pass the calls on to it.
//
// Both methods count one successful use at the given time, the second only for
// messages with at least one good signature. They do not block and are safe for
// concurrent use. A key that is not in the set is ignored.
type Recorder interface {
	RecordSealed(id ID, at time.Time)
	RecordOpened(id ID, at time.Time)
}

// RecordSealed implements [Recorder].
func (r *Ring) RecordSealed(id ID, at time.Time) {
	if c, ok := r.current().uses[id]; ok {
		c.recordSealed(at)
	}
}

// RecordOpened implements [Recorder].
func (r *Ring) RecordOpened(id ID, at time.Time) {
	if c, ok := r.current().uses[id]; ok {
		c.recordOpened(at)
	}
}

// Usage returns how the key has been used since the ring was made, or since
// the key was added if that was later, and whether there is such a key. Counts
// are per process; see [Ring.Merge].
func (r *Ring) Usage(id ID) (Usage, bool) {
	c, ok := r.current().uses[id]
	if !ok {
		return Usage{}, false
	}
	return c.usage(), true
}

// Merge adds what an earlier process, or other replicas, counted for the key:
// counts are added, Since and FirstOpened become the earlier time, the others
// the later one. Zero times have no effect. Merging the same usage twice counts
// it twice. It returns [ErrNotFound] if there is no such key.
func (r *Ring) Merge(id ID, u Usage) error {
	c, ok := r.current().uses[id]
	if !ok {
		return fmt.Errorf("%w: %.128q", ErrNotFound, id)
	}
	c.merge(u)
	return nil
}
