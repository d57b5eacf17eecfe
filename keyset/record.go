package keyset

import "time"

// A Recorder counts how keys are used. Envelopes call it, if their [Source] is
// one, for each key with which a message was sealed or opened; programs have no
// need to. A Source that wraps a [Ring] should pass the calls on to it.
//
// Every method counts one successful use at the given time. RecordOpened is for
// messages with at least one good signature. RecordUnsigned is for messages that a
// waiver accepts without: a stranger can make them, so that they show that a key is
// in use, and are evidence of nothing else.
//
// The methods do not block and are safe for concurrent use. A key that is not in
// the set is ignored. A time in the future counts as now, so that a clock that was
// ahead once holds back no later step.
type Recorder interface {
	RecordSealed(id ID, at time.Time)
	RecordOpened(id ID, at time.Time)
	RecordUnsigned(id ID, at time.Time)
}

// RecordSealed implements [Recorder].
func (r *Ring) RecordSealed(id ID, at time.Time) { r.record(id, at, (*counters).recordSealed) }

// RecordOpened implements [Recorder].
func (r *Ring) RecordOpened(id ID, at time.Time) { r.record(id, at, (*counters).recordOpened) }

// RecordUnsigned implements [Recorder].
func (r *Ring) RecordUnsigned(id ID, at time.Time) { r.record(id, at, (*counters).recordUnsigned) }

func (r *Ring) record(id ID, at time.Time, count func(*counters, time.Time)) {
	c, ok := r.current().uses[id]
	if !ok {
		return
	}
	if now := clock(); at.After(now) {
		at = now
	}
	count(c, at)
}

// Usage returns how the key has been used since the ring was made, or since
// the key was added if that was later, and whether there is such a key. Counts
// are those of this process alone, and of those that it resumes; see [Ring.Merge]
// for a fleet.
func (r *Ring) Usage(id ID) (Usage, bool) {
	c, ok := r.current().uses[id]
	if !ok {
		return Usage{}, false
	}
	return c.usage(), true
}

// Usages returns the Usage of every key of the ring. The map is the caller's.
func (r *Ring) Usages() map[ID]Usage {
	uses := r.current().uses
	all := make(map[ID]Usage, len(uses))
	for id, c := range uses {
		all[id] = c.usage()
	}
	return all
}
