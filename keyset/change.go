package keyset

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

var errLastRevision = errors.New("keyset: the revision cannot grow any further; start from a new set")

// next returns the revision that follows that of s.
func (s *Set) next() (uint64, error) {
	if s.revision == math.MaxUint64 {
		return 0, errLastRevision
	}
	return s.revision + 1, nil
}

// With returns s with k added as the least preferred key. It returns the errors
// of [New].
func (s *Set) With(k Key) (*Set, error) {
	if isNil(k.Material) {
		return nil, errors.New("keyset: a key without material cannot be added")
	}
	return s.with(newEntry(k))
}

func (s *Set) with(e *entry) (*Set, error) {
	revision, err := s.next()
	if err != nil {
		return nil, err
	}
	return build(revision, append(slices.Clone(s.keys), e))
}

// WithState returns s with one key in another state. A key that becomes Active
// also becomes the most preferred one.
//
// A Pending or Retiring key can become Active, an Active key Retiring, and every
// key Revoked. For all else WithState returns [ErrTransition], and
// [ErrNotFound] if there is no such key. It asks for no evidence; see
// [Ring.Promote]. Since becomes zero, for a [Ring] to fill in.
func (s *Set) WithState(id ID, state State) (*Set, error) {
	e, err := s.entry(id)
	if err != nil {
		return nil, err
	}
	if !e.State.mayBecome(state) {
		return nil, fmt.Errorf("%w: key %s from %v to %v", ErrTransition, id, e.State, state)
	}
	revision, err := s.next()
	if err != nil {
		return nil, err
	}
	return s.withState(revision, e, state), nil
}

func (s *Set) withState(revision uint64, e *entry, state State) *Set {
	changed := e.with(func(k *Key) {
		k.State = state
		k.Since = time.Time{} // a set has no clock; a ring fills it in
	})
	keys := slices.Clone(s.keys)
	n := s.index[e.info.ID]
	keys[n] = changed
	if state == Active {
		keys = slices.Insert(slices.Delete(keys, n, n+1), 0, changed)
	}
	return s.derive(revision, keys)
}

// Without returns s without the key. It returns [ErrNotFound] if there is no
// such key, [ErrTransition] unless the key is Pending or Retiring, and an error
// if it is the only one.
func (s *Set) Without(id ID) (*Set, error) {
	e, err := s.entry(id)
	if err != nil {
		return nil, err
	}
	if e.State != Pending && e.State != Retiring {
		return nil, fmt.Errorf("%w: key %s is %v, and only a pending or retiring key can be removed", ErrTransition, id, e.State)
	}
	if len(s.keys) == 1 {
		return nil, fmt.Errorf("keyset: key %s is the only one, and a set needs at least one key", id)
	}
	revision, err := s.next()
	if err != nil {
		return nil, err
	}
	n := s.index[id]
	return s.derive(revision, slices.Delete(slices.Clone(s.keys), n, n+1)), nil
}

// replace returns s with the entry of the same ID replaced by e.
func (s *Set) replace(e *entry) (*Set, error) {
	revision, err := s.next()
	if err != nil {
		return nil, err
	}
	keys := slices.Clone(s.keys)
	keys[s.index[e.info.ID]] = e
	return s.derive(revision, keys), nil
}
