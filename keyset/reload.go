package keyset

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reload makes m the current set, as a program does that follows a file: it is
// cheap to call again and again, and reports whether anything changed.
//
// Only keys that are new, or have a new Source, are opened and self-tested; a
// copy of a key from a new Source is merged with the one that is held, as by
// [Ring.Refresh]. Revisions and revoked keys are treated as in [Ring.Replace].
// Revocations take effect even if Reload fails, whatever the revision. Every
// other change must satisfy the rules of [Ring.Promote], [Ring.Retire], and,
// with the given idle time, [Ring.Remove], the evidence in m counting as
// acknowledged, and other keys that m makes active as successors; if one does
// not, nothing else changes and the error lists all that do not.
//
// A program that was away may find that a key has gone through several states
// meanwhile, which is no error: only the way back to Pending is. Evidence that
// the ring has and m has not stays.
//
// The zero Ring takes its first manifest as NewRing takes a set: nothing is asked.
//
// A Reload that fails leaves the ring as it was, revocations apart, and can be
// tried again: [ErrBusy] and [ErrUnavailable] pass with time.
func (r *Ring) Reload(ctx context.Context, m *Manifest, idle time.Duration, open Opener) (changed bool, err error) {
	if m == nil || open == nil || idle < 0 {
		return false, errors.New("keyset: reload needs a manifest, an opener, and an idle time that is not negative")
	}
	if err := m.check(); err != nil {
		return false, err
	}
	if changed, err = r.revokeListed(m); err != nil {
		return changed, err
	}
	l := &reload{m: m, idle: idle, opened: map[ID]Material{}}
	for {
		replaced, err := l.try(r)
		if !errors.Is(err, errNotOpened) {
			return changed || replaced, err
		}
		if err := l.open(ctx, r.current(), open); err != nil {
			return changed, err
		}
	}
}

// revokeListed revokes the keys of the ring that m lists as revoked.
func (r *Ring) revokeListed(m *Manifest) (changed bool, err error) {
	cur := r.current().set
	if len(cur.keys) != 0 && (cur.format != m.Format || cur.private != m.Private) {
		return false, fmt.Errorf("keyset: the ring holds %s %s keys, and the manifest %s %s keys",
			half(cur.private), cur.format, half(m.Private), m.Format)
	}
	for _, k := range m.Keys {
		if k.State != Revoked {
			continue
		}
		if e, err := cur.entry(k.ID); err == nil && e.State != Revoked {
			changed = true
			if err := r.Revoke(k.ID); err != nil && !errors.Is(err, ErrNotFound) {
				return true, err
			}
		}
	}
	return changed, nil
}

// A reload is one call of Reload.
type reload struct {
	m      *Manifest
	idle   time.Duration
	opened map[ID]Material
}

var errNotOpened = errors.New("keyset: a key has to be opened first")

// try replaces the set if everything that is needed has been opened.
func (l *reload) try(r *Ring) (changed bool, err error) {
	err = r.change(func(cur *ringState) (*ringState, error) {
		changed = false
		if g := cur.given; g != nil {
			switch same := l.m.describes(g); {
			case l.m.Revision < g.revision:
				return nil, fmt.Errorf("%w: the manifest has %d, and %d is in force", ErrStale, l.m.Revision, g.revision)
			case l.m.Revision == g.revision && !same:
				return nil, fmt.Errorf("%w: revision %d; raise it with every change", ErrConflict, l.m.Revision)
			case l.m.Revision == g.revision:
				return cur, nil
			}
		}
		next, err := l.next(cur)
		if err != nil {
			return nil, err
		}
		changed = true
		return next, nil
	})
	return changed && err == nil, err
}

// describes reports whether m says what the set g did that was last given. Names
// and uses are for people, and not compared.
func (m *Manifest) describes(g *Set) bool {
	if len(m.Keys) != len(g.keys) {
		return false
	}
	for n, k := range m.Keys {
		e := g.keys[n]
		if k.ID != e.info.ID || k.State != e.State || k.Source != e.Source || k.Evidence != e.Evidence || k.Note != e.Note ||
			!k.NotBefore.Equal(e.NotBefore) || !k.NotAfter.Equal(e.NotAfter) ||
			!k.Since.IsZero() && !e.Since.IsZero() && !k.Since.Equal(e.Since) {
			return false
		}
	}
	return true
}

// needs reports whether a key must be opened before it can enter cur.
func (l *reload) needs(cur *ringState, k ManifestKey) bool {
	if k.State == Revoked || l.opened[k.ID] != nil {
		return false
	}
	e, err := cur.set.entry(k.ID)
	return err != nil || e.State != Revoked && (e.Source != k.Source || isTombstone(e.Material))
}

// open opens and self-tests what cur lacks.
func (l *reload) open(ctx context.Context, cur *ringState, open Opener) error {
	var problems []error
	for _, k := range l.m.Keys {
		if !l.needs(cur, k) {
			continue
		}
		material, err := l.m.open(ctx, k, open)
		if err == nil {
			err = selfTest(ctx, newEntry(Key{Material: material}))
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		l.opened[k.ID] = material
	}
	return errors.Join(problems...)
}

// next returns the state that m leads to, or every rule that it breaks.
func (l *reload) next(cur *ringState) (*ringState, error) {
	keys := make([]Key, 0, len(l.m.Keys))
	resealed := map[ID]bool{}
	for _, k := range l.m.Keys {
		if l.needs(cur, k) {
			return nil, errNotOpened
		}
		material, changed, err := l.material(cur, k)
		if err != nil {
			return nil, err
		}
		resealed[k.ID] = changed
		key := k.key(material)
		if e, err := cur.set.entry(k.ID); err == nil && key.Evidence == "" && !changed {
			key.Evidence = e.Evidence
		}
		keys = append(keys, key)
	}
	s, err := New(l.m.Revision, keys...)
	if err != nil {
		return nil, err
	}
	admitted, err := cur.admit(s)
	if err != nil {
		return nil, err
	}
	if len(cur.set.keys) != 0 { // the first manifest of an empty ring is where trust begins
		if err := l.gates(cur, admitted, resealed); err != nil {
			return nil, err
		}
	}
	next := cur.next(admitted)
	next.given = s.outline()
	// Evidence that the ring had is not what the manifest gave.
	for n, k := range l.m.Keys {
		next.given.keys[n].Evidence = k.Evidence
	}
	for id, changed := range resealed {
		if c, ok := next.uses[id]; ok && changed {
			c.dropProof()
		}
	}
	return next, nil
}

// material returns what a key of m is made of, and whether a part of it that
// seals differs from what cur has.
func (l *reload) material(cur *ringState, k ManifestKey) (Material, bool, error) {
	old, err := cur.set.entry(k.ID)
	fresh := l.opened[k.ID]
	switch {
	case err != nil && k.State == Revoked:
		return Tombstone(l.m.info(k)), false, nil
	case err != nil:
		return fresh, false, nil
	case fresh == nil || old.State == Revoked:
		return old.Material, false, nil
	case isTombstone(old.Material):
		return fresh, false, nil
	}
	merged, resealed, err := refreshed(old, fresh)
	if err != nil {
		return nil, false, err
	}
	return merged.Material, resealed, nil
}

// gates holds each change against the rules.
func (l *reload) gates(cur *ringState, next *Set, resealed map[ID]bool) error {
	now := clock()
	sealers := next.other(nil, func(o *entry) bool { return o.sealsAt(now) })
	var problems []error
	problem := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	for _, e := range next.keys {
		old, err := cur.set.entry(e.info.ID)
		if err != nil {
			if e.State == Active {
				problem(cur.proven(e, Pending, false))
			}
			continue
		}
		switch was := old.State; {
		case e.State == Revoked:
		case e.State == Pending && was != Pending:
			problem(fmt.Errorf("%w: key %s from %v to %v", ErrTransition, e.info.ID, was, e.State))
		case e.State == Active && was == Pending:
			problem(cur.proven(e, was, resealed[e.info.ID]))
		case e.State == Retiring && was == Active && old.info.Seals() && !sealers:
			problem(fmt.Errorf("%w: key %s; promote its successor first", ErrLastActive, e.info.ID))
		}
	}
	for _, old := range cur.set.keys {
		if _, err := next.entry(old.info.ID); err == nil {
			continue
		}
		if old.State == Active && old.info.Seals() && !sealers {
			problem(fmt.Errorf("%w: key %s; promote its successor first", ErrLastActive, old.info.ID))
			continue
		}
		problem(cur.removable(next, old, l.idle))
	}
	return errors.Join(problems...)
}
