package keyset

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Probe returns a source for one purpose: to seal a test message with a key
// that does not seal yet. Each set that it loads is the current set of r with
// that key Active and no other key sealing; it opens as r does, and uses are
// recorded in r, for the source is a [Recorder]. If the partner answers such a
// message, [Ring.Acknowledge] records the evidence. A source whose key has since
// been revoked or removed seals nothing, and still opens.
//
// It returns [ErrNotFound] if there is no such key, [ErrTransition] if it is Revoked or
// does not seal in any state, and in a [Step] [ErrLagging] unless all replicas have loaded
// the key: the answer may reach any of them.
func (r *Ring) Probe(id ID) (Source, error) {
	cur := r.current()
	e, err := cur.set.entry(id)
	switch {
	case err != nil:
		return nil, err
	case e.State == Revoked:
		return nil, fmt.Errorf("%w: key %s is revoked", ErrTransition, id)
	case !e.info.Seals():
		return nil, fmt.Errorf("%w: key %s only opens: there is nothing to seal with it", ErrTransition, id)
	}
	if err := cur.everywhere(e.info.ID); err != nil {
		return nil, fmt.Errorf("%w: key %s: %w", ErrLagging, e.info.ID, err)
	}
	return &probe{ring: r, id: id}, nil
}

type probe struct {
	ring *Ring
	id   ID
	view atomic.Pointer[view]
}

var (
	_ Source   = (*probe)(nil)
	_ Recorder = (*probe)(nil)
)

// A view is the last set that was loaded, and the set of the ring it stands for.
type view struct{ of, set *Set }

func (p *probe) Load() *Set {
	cur := p.ring.Load()
	if v := p.view.Load(); v != nil && v.of == cur {
		return v.set
	}
	v := &view{of: cur, set: cur.probing(p.id)}
	p.view.Store(v)
	return v.set
}

func (p *probe) RecordSealed(id ID, at time.Time)   { p.ring.RecordSealed(id, at) }
func (p *probe) RecordOpened(id ID, at time.Time)   { p.ring.RecordOpened(id, at) }
func (p *probe) RecordUnsigned(id ID, at time.Time) { p.ring.RecordUnsigned(id, at) }

func (p *probe) String() string { return fmt.Sprintf("probe of key %s", p.id) }

func (p *probe) Format(f fmt.State, verb rune) { printText(f, p.String()) }

// probing returns s with no key sealing but the given one, unless that is
// revoked or gone.
func (s *Set) probing(id ID) *Set {
	keys := slices.Clone(s.keys)
	for n, e := range keys {
		if e.State == Active && e.info.Seals() && e.info.ID != id {
			keys[n] = e.with(func(k *Key) { k.State = Retiring })
		}
	}
	if n, ok := s.index[id]; ok && keys[n].State != Revoked {
		probed := keys[n].with(func(k *Key) { k.State = Active })
		keys = slices.Insert(slices.Delete(keys, n, n+1), 0, probed)
	}
	return s.derive(s.revision, keys)
}
