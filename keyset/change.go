package keyset

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

var errLastRevision = errors.New("keyset: the revision cannot grow any further; start from a new set")

// next returns the revision that follows that of s.
func (s *Set) next() (uint64, error) {
	if s.revision == math.MaxUint64 {
		return 0, errLastRevision
	}
	return s.revision + 1, nil
}

func (s *Set) with(e *entry) (*Set, error) {
	revision, err := s.next()
	if err != nil {
		return nil, err
	}
	t, err := build(revision, append(slices.Clone(s.keys), e))
	if err == nil {
		t.traces = s.traces
	}
	return t, err
}

// without returns s without e.
func (s *Set) without(e *entry) (*Set, error) {
	if len(s.keys) == 1 {
		return nil, fmt.Errorf("keyset: key %s is the only one, and a set needs at least one key", e.info.ID)
	}
	revision, err := s.next()
	if err != nil {
		return nil, err
	}
	n := s.index[e.info.ID]
	return s.derive(revision, slices.Delete(slices.Clone(s.keys), n, n+1)), nil
}

// replace returns s with the entry of the same ID replaced by e. A key that becomes
// Active becomes the most preferred one.
func (s *Set) replace(e *entry) (*Set, error) {
	revision, err := s.next()
	if err != nil {
		return nil, err
	}
	keys, n := slices.Clone(s.keys), s.index[e.info.ID]
	was := keys[n].State
	keys[n] = e
	if e.State == Active && was != Active {
		keys = slices.Insert(slices.Delete(keys, n, n+1), 0, e)
	}
	return s.derive(revision, keys), nil
}

// other reports whether a key of s other than e satisfies f.
func (s *Set) other(e *entry, f func(*entry) bool) bool {
	for _, o := range s.keys {
		if o != e && f(o) {
			return true
		}
	}
	return false
}
