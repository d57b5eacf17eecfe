package keyset

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// A Ring is a [Source] whose set can be replaced while it is in use. It also
// remembers how each key has been used, across replacements.
//
// All methods are safe for concurrent use. Readers never wait for writers. The
// zero Ring is ready to use and holds an empty set. A Ring must not be copied.
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
	set   *Set
	given *Set // what NewRing or Replace last got, without materials; nil if nothing
	uses  map[ID]*counters
}

var emptyState = &ringState{set: new(Set)}

// NewRing returns a ring that holds s.
//
// A Ring knows revisions and revocations only from the time it was made:
// protect the place from which s was read. NewRing panics if s is nil.
func NewRing(s *Set) *Ring {
	if s == nil {
		panic("keyset: NewRing called with a nil *Set")
	}
	r := new(Ring)
	if len(s.keys) != 0 {
		r.state.Store(&ringState{set: s, given: s.outline(), uses: emptyState.counting(s, clock())})
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
	now := clock()
	return &ringState{set: s.dated(cur.set, now), given: cur.given, uses: cur.counting(s, now)}
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

// Replace makes s the current set, without asking for evidence and without any
// self-test.
//
// The revision of s is compared with that of the last set given to NewRing or
// Replace: [ErrStale] if it is lower, [ErrConflict] if it is equal and the set
// is not, nil without effect if both are equal. Changes made by methods of r
// since then are superseded, and their revisions with them, but for one: a key
// that is Revoked in r stays so, whether s lists it otherwise or not at all.
//
// Two sets are equal if they list the same keys in the same order, with the same
// [Info], state, bounds, evidence, source, and note, and with the same Since
// where both have one.
//
// Replace returns an error if s is nil or empty, if the format differs, or if
// private keys were to replace public ones or the reverse. On error the current
// set stays.
func (r *Ring) Replace(s *Set) error {
	return r.change(func(cur *ringState) (*ringState, error) {
		admitted, err := cur.admit(s)
		if err != nil {
			return nil, err
		}
		if g := cur.given; g != nil {
			switch {
			case s.revision < g.revision:
				return nil, fmt.Errorf("%w: the set has %d, and %d is in force", ErrStale, s.revision, g.revision)
			case s.revision == g.revision && !s.equal(g):
				return nil, fmt.Errorf("%w: revision %d; raise it with every change", ErrConflict, s.revision)
			case s.revision == g.revision:
				return cur, nil
			}
		}
		next := cur.next(admitted)
		next.given = s.outline()
		return next, nil
	})
}

// Update replaces the current set with the result of f, atomically: all of the
// changes that f makes become visible together, and no other change comes
// between. f may be called more than once and must have no side effects. If f
// returns an error, Update returns it and the current set stays; if f returns
// the set that it was given, nothing changes.
//
// What Replace says of revoked keys and of formats holds here too. The revision
// grows in any case: it is that of the result, or the next one if that is not
// higher than the current one.
func (r *Ring) Update(f func(*Set) (*Set, error)) error {
	return r.change(func(cur *ringState) (*ringState, error) {
		s, err := f(cur.set)
		if err != nil {
			return nil, err
		}
		if s == cur.set {
			return cur, nil
		}
		if s, err = cur.admit(s); err != nil {
			return nil, err
		}
		revision, err := cur.set.next()
		if err != nil {
			return nil, err
		}
		if s.revision < revision {
			s = s.derive(revision, s.keys)
		}
		return cur.next(s), nil
	})
}

// admit returns s with everything that is revoked in cur revoked, or the reason
// why it cannot follow.
func (cur *ringState) admit(s *Set) (*Set, error) {
	switch was := cur.set; {
	case s == nil || len(s.keys) == 0:
		return nil, errors.New("keyset: a ring needs a set with at least one key")
	case len(was.keys) == 0:
		return s, nil
	case s.format != was.format:
		return nil, fmt.Errorf("keyset: the ring holds %s keys, and the set %s keys", was.format, s.format)
	case s.private != was.private:
		return nil, fmt.Errorf("keyset: the ring holds %s keys, and the set %s keys", half(was.private), half(s.private))
	case s.editing && !was.editing:
		return nil, errors.New("keyset: tombstones that are not revoked cannot replace keys")
	}
	return s.revoking(cur.set), nil
}

// revoking returns s with every key that is revoked in before revoked. It keeps
// the material of before, unless that is a tombstone: a copy from elsewhere may
// lack parts that are revoked with the key.
func (s *Set) revoking(before *Set) *Set {
	keys := slices.Clone(s.keys)
	changed := false
	for _, old := range before.keys {
		if old.State != Revoked {
			continue
		}
		n, ok := s.index[old.info.ID]
		if !ok {
			keys, changed = append(keys, old), true
			continue
		}
		e := keys[n].with(func(k *Key) {
			if k.State != Revoked {
				k.State, k.Since = Revoked, old.Since
			}
		})
		if !isTombstone(old.Material) {
			e.Material, e.info = old.Material, old.info
		}
		keys[n], changed = e, true
	}
	if !changed {
		return s
	}
	return s.derive(s.revision, keys)
}

// String returns the text of the current set.
func (r *Ring) String() string { return r.Load().String() }

// Format implements [fmt.Formatter]: every verb prints what String returns.
func (r *Ring) Format(f fmt.State, verb rune) { printText(f, r.String()) }

// LogValue implements [slog.LogValuer] with the text of the current set.
func (r *Ring) LogValue() slog.Value { return r.Load().LogValue() }
