package keyset

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// A Ring is a [Source] whose set can be replaced while it is in use. It also
// remembers how each key has been used, across replacements.
//
// A rotation is six of its methods, in this order: [Ring.Add], [Ring.Probe],
// [Ring.Acknowledge], [Ring.Promote], [Ring.Retire], [Ring.Remove]. In an emergency there
// is one: [Ring.Revoke]. [Follow] calls [Ring.Reload] for programs that keep their
// manifest in a file or a store, and envelopes call the methods of [Recorder]. The others
// are for operators and monitors.
//
// All methods are safe for concurrent use. Readers never wait for writers. The zero Ring
// holds an empty set, and can be in an envelope before [Ring.Reload] or [Follow] fills it.
// A Ring must not be copied.
type Ring struct {
	state atomic.Pointer[ringState] // nil in the zero Ring
}

var (
	_ Source   = (*Ring)(nil)
	_ Recorder = (*Ring)(nil)
)

// A ringState is everything that a change replaces at once. It is immutable but
// for the counters, which successive states share.
type ringState struct {
	set       *Set
	given     *Manifest // what was read last; nil if nothing was
	outcome   Outcome   // of reading it
	uses      map[ID]*counters
	reports   map[string]Report // of other replicas, by name
	gone      map[ID]string     // the keys that were removed, with the evidence that they had
	told      map[ID]string     // evidence that this process was told, and no manifest has
	start     bool              // the ring began with what was given
	unchecked []Trace           // the traces that this process left
	unread    map[ID]State      // the keys that could not be opened then, nor since, as they were to be
	fleet     *fleet            // whom a Step asks; nil outside of one
	torn      *torn             // set in a Step on bytes that are no manifest
}

// A torn manifest cannot be read. It can be made to revoke a key, and nothing else.
type torn struct {
	raw []byte
	err error // of [ReadManifest]
}

func (t *torn) refuse() error {
	return fmt.Errorf("keyset: nothing but revoking a key is possible: %w", t.err)
}

var emptyState = &ringState{set: new(Set)}

// NewRing returns a ring that holds s.
//
// A Ring knows revisions and revocations only from the time it was made:
// protect the place from which s was read. NewRing asks no rules and tests no key:
// [Material.SelfTest] finds a key that cannot do its work before the first message
// does, and Reload calls it. NewRing panics if s is nil.
func NewRing(s *Set) *Ring {
	if s == nil {
		panic("keyset: NewRing called with a nil *Set")
	}
	r := new(Ring)
	if len(s.keys) != 0 {
		given := s.Manifest()
		r.state.Store(&ringState{set: s, given: given, outcome: Outcome{Revision: s.revision}, uses: emptyState.counting(s, clock())})
	}
	return r
}

// clock is the time of every change. It is without the monotonic reading, which
// would not survive being stored.
func clock() time.Time { return time.Now().UTC().Round(0) }

func (r *Ring) current() *ringState {
	if cur := r.state.Load(); cur != nil {
		return cur
	}
	return emptyState
}

// change puts what f makes of the current state in its place, and asks f again
// if another change came between. f returns cur itself to change nothing. No
// lock is held while f runs, so that it may call any method of r.
func (r *Ring) change(f func(cur *ringState) (*ringState, error)) error {
	for {
		cur := r.state.Load()
		from := cur
		if from == nil {
			from = emptyState
		}
		if from.torn != nil {
			return from.torn.refuse()
		}
		next, err := f(from)
		if err != nil || next == from {
			return err
		}
		if r.state.CompareAndSwap(cur, next) {
			return nil
		}
	}
}

// next returns the state that follows cur with the given set, its keys dated.
func (cur *ringState) next(s *Set) *ringState {
	now, next := clock(), *cur
	next.set, next.uses = s.dated(cur.set, now), cur.counting(s, now)
	for _, e := range cur.set.keys {
		if _, ok := s.index[e.info.ID]; !ok {
			next.gone = remember(next.gone, e)
			next = *next.telling(e.info.ID, "")
		}
	}
	return &next
}

// telling returns the state with evidence that this process was told, none if it is empty.
func (cur *ringState) telling(id ID, evidence string) *ringState {
	next := *cur
	next.told = maps.Clone(cur.told)
	if next.told == nil {
		next.told = map[ID]string{}
	}
	if next.told[id] = evidence; evidence == "" {
		delete(next.told, id)
	}
	return &next
}

// maxGone bounds what a ring remembers of removed keys.
const maxGone = 1024

// remember returns gone with the key of e. When there are too many, it starts over:
// a ring that has seen so many keys go has forgotten the first for good reason.
func remember(gone map[ID]string, e *entry) map[ID]string {
	if len(gone) >= maxGone {
		gone = nil
	}
	all := maps.Clone(gone)
	if all == nil {
		all = map[ID]string{}
	}
	all[e.info.ID] = e.Evidence
	return all
}

// counting returns the counters for the keys of s: those of cur for the keys
// that stay, new ones for the others.
func (cur *ringState) counting(s *Set, now time.Time) map[ID]*counters {
	uses := make(map[ID]*counters, len(s.keys))
	for _, e := range s.keys {
		c, ok := cur.uses[e.info.ID]
		if !ok {
			c = newCounters(now)
		}
		uses[e.info.ID] = c
	}
	return uses
}

// dated returns s with a Since for every key of which the state is not that in
// before. A Since that is given counts, unless it is that of the former state.
func (s *Set) dated(before *Set, now time.Time) *Set {
	keys := s.keys
	for n, e := range s.keys {
		since := e.Since
		old, err := before.entry(e.info.ID)
		switch {
		case err != nil:
			if since.IsZero() {
				since = now
			}
		case old.State == e.State:
			if since.IsZero() {
				since = old.Since
			}
		case since.IsZero() || since.Equal(old.Since):
			since = now
		}
		if since.Equal(e.Since) {
			continue
		}
		if &keys[0] == &s.keys[0] {
			keys = slices.Clone(s.keys)
		}
		keys[n] = e.with(func(k *Key) { k.Since = since })
	}
	if len(keys) == 0 || &keys[0] == &s.keys[0] {
		return s
	}
	return s.derive(s.revision, keys)
}

// Load returns the current set.
func (r *Ring) Load() *Set { return r.current().set }

// Outcome returns what the last [Ring.Reload] came to, without what it changed.
func (r *Ring) Outcome() Outcome {
	o := r.current().outcome
	o.Changed, o.Revoked, o.Refused = false, nil, slices.Clone(o.Refused)
	return o
}

// String returns the text of the current set.
func (r *Ring) String() string { return r.Load().String() }

// Format implements [fmt.Formatter]: every verb prints what String returns.
func (r *Ring) Format(f fmt.State, verb rune) { printText(f, r.String()) }

// LogValue implements [slog.LogValuer] with the text of the current set.
func (r *Ring) LogValue() slog.Value { return r.Load().LogValue() }
