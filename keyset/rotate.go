package keyset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Add adds a key in state Pending. A private key must pass its self-test first,
// so that a key that cannot work never enters; the self-test is no evidence of
// what the partner has installed. ctx bounds the self-test.
//
// It returns [ErrDuplicate] if the ring has the key already, in whatever state,
// the error of the self-test, or an error of [New].
func (r *Ring) Add(ctx context.Context, m Material, source string) error {
	if isNil(m) || isTombstone(m) {
		return errors.New("keyset: only a key can be added, neither nil nor a tombstone")
	}
	e := newEntry(Key{Material: m, State: Pending, Source: source})
	// Ask before the self-test too: it may cost a call of a key service.
	if _, err := r.Load().with(e); err != nil {
		return err
	}
	if err := selfTest(ctx, e); err != nil {
		return err
	}
	return r.change(func(cur *ringState) (*ringState, error) {
		s, err := cur.set.with(e)
		if err != nil {
			return nil, err
		}
		return cur.next(s), nil
	})
}

func selfTest(ctx context.Context, e *entry) error {
	if !e.info.Private {
		return nil
	}
	if err := e.Material.SelfTest(ctx); err != nil {
		return fmt.Errorf("keyset: key %s: self-test: %w", e.info.ID, err)
	}
	return nil
}

// Refresh replaces the material of the key with the same ID by a newer copy: a
// certificate with a new subkey, a later end, or a revocation. Both copies are
// merged, so that nothing that was revoked comes back; see [Refresher]. State,
// order, and usage stay; evidence stays unless a part that seals has changed, or,
// for material that is no Refresher, its name, use, algorithm, or size. Private
// material must pass its self-test. source becomes the Source of the key unless
// it is empty.
//
// A Revoked key can be refreshed, and stays Revoked. Refresh returns
// [ErrNotFound] if there is no such key. On error the current set stays; a copy
// that adds nothing changes nothing.
func (r *Ring) Refresh(ctx context.Context, m Material, source string) error {
	if isNil(m) || isTombstone(m) {
		return errors.New("keyset: only a key can refresh another, neither nil nor a tombstone")
	}
	id := m.Info().ID
	for {
		old, err := r.Load().entry(id)
		if err != nil {
			return err
		}
		from := source
		if from == "" {
			from = old.Source
		}
		merged, resealed, err := refreshed(old, m)
		if err != nil {
			return err
		}
		if sameMaterial(merged.Material, old.Material) && from == old.Source {
			return nil
		}
		// A revoked key is used for nothing and may no longer work at all.
		if old.State != Revoked {
			if err := selfTest(ctx, merged); err != nil {
				return err
			}
		}
		outrun := false
		err = r.change(func(cur *ringState) (*ringState, error) {
			e, err := cur.set.entry(id)
			if err != nil {
				return nil, err
			}
			if outrun = e.info != old.info; outrun {
				return cur, nil // another copy came in between: merge with that one
			}
			fresh := e.with(func(k *Key) { k.Material, k.Source = merged.Material, from })
			fresh.info = merged.info
			if resealed {
				fresh.Evidence = ""
				cur.uses[id].dropProof()
			}
			s, err := cur.set.replace(fresh)
			if err != nil {
				return nil, err
			}
			return cur.next(s), nil
		})
		if err != nil || !outrun {
			return err
		}
	}
}

// refreshed merges the material of old with a newer copy.
func refreshed(old *entry, newer Material) (merged *entry, resealed bool, err error) {
	m := newer
	refresher, ok := old.Material.(Refresher)
	if ok {
		if m, resealed, err = refresher.Refresh(newer); err != nil {
			return nil, false, fmt.Errorf("keyset: key %s: refresh: %w", old.info.ID, err)
		}
		if isNil(m) {
			return nil, false, fmt.Errorf("keyset: key %s: refresh made nothing", old.info.ID)
		}
	}
	merged = newEntry(Key{Material: m})
	was, is := old.info, merged.info
	switch {
	case is.ID != was.ID || is.Format != was.Format:
		return nil, false, fmt.Errorf("keyset: key %s: the copy is another key", was.ID)
	case is.Private != was.Private:
		return nil, false, fmt.Errorf("keyset: key %s: the copy is %s, and the ring holds %s keys", was.ID, half(is.Private), half(was.Private))
	}
	if !ok {
		resealed = is.Name != was.Name || is.Use != was.Use || is.Algorithm != was.Algorithm || is.Bits != was.Bits
	}
	return merged, resealed, nil
}

// Acknowledge records as evidence that the partner can use the key: that it
// answered a message sealed with it, or that a person confirms it. by says
// which, and must not be empty. Evidence that was recorded before is replaced.
//
// It returns [ErrNotFound] if there is no such key, and [ErrTransition] if it is
// Revoked.
func (r *Ring) Acknowledge(id ID, by string) error {
	if strings.TrimSpace(by) == "" {
		return fmt.Errorf("keyset: key %.128q: say what the evidence is", id)
	}
	return r.change(func(cur *ringState) (*ringState, error) {
		e, err := cur.set.entry(id)
		switch {
		case err != nil:
			return nil, err
		case e.State == Revoked:
			return nil, fmt.Errorf("%w: key %s is revoked, and evidence changes nothing", ErrTransition, id)
		case e.Evidence == by:
			return cur, nil
		}
		s, err := cur.set.replace(e.with(func(k *Key) { k.Evidence = by }))
		if err != nil {
			return nil, err
		}
		return cur.next(s), nil
	})
}

// Promote makes a Pending or Retiring key Active and most preferred. Keys that
// are already Active stay so.
//
// It returns [ErrUnproven] for a Pending key that would seal, unless it has
// been acknowledged or, being an OpenPGP certificate, has already opened a
// message from the partner. A key that only opens needs no evidence, and
// neither does one that was Active before. It returns [ErrNotFound] if there is
// no such key, and [ErrTransition] if it is Active or Revoked.
func (r *Ring) Promote(id ID) error {
	return r.transition(id, Active, func(cur *ringState, e *entry) error { return cur.proven(e, e.State, false) })
}

// proven is the rule of Promote for a key that becomes Active: e is the key with
// its evidence, was its state before. Traffic is no proof if a part that seals
// has been replaced.
func (cur *ringState) proven(e *entry, was State, resealed bool) error {
	if was != Pending || !e.info.Seals() || e.Evidence != "" {
		return nil
	}
	if c, ok := cur.uses[e.info.ID]; ok && e.info.Format == OpenPGP && c.hasProof() && !resealed {
		return nil
	}
	return fmt.Errorf("%w: key %s has not been acknowledged; probe it, or have the partner confirm it", ErrUnproven, e.info.ID)
}

// Retire makes an Active key Retiring. It returns [ErrLastActive] if the key
// seals and no other key would, at this time, [ErrNotFound] if there is no such
// key, and [ErrTransition] if it is not Active.
func (r *Ring) Retire(id ID) error {
	return r.transition(id, Retiring, func(cur *ringState, e *entry) error {
		if !e.info.Seals() {
			return nil
		}
		now := clock()
		if cur.set.other(e, func(o *entry) bool { return o.sealsAt(now) }) {
			return nil
		}
		return fmt.Errorf("%w: key %s; promote its successor first", ErrLastActive, id)
	})
}

// transition changes the state of a key if gate returns nil.
func (r *Ring) transition(id ID, to State, gate func(*ringState, *entry) error) error {
	return r.change(func(cur *ringState) (*ringState, error) {
		e, err := cur.set.entry(id)
		if err != nil {
			return nil, err
		}
		s, err := cur.set.WithState(id, to)
		if err != nil {
			return nil, err
		}
		if err := gate(cur, e); err != nil {
			return nil, err
		}
		return cur.next(s), nil
	})
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

// Revoke makes a key Revoked, effective with the next operation and for ever.
// It works even for the last key: no longer sealing or opening is then intended.
// It returns [ErrNotFound] if there is no such key, and nil if the key is
// Revoked already.
//
// What the partner has already encrypted to a revoked key of ours is lost, and
// the partner does not learn of the revocation from us. If a key is merely
// old, retire it.
func (r *Ring) Revoke(id ID) error {
	return r.change(func(cur *ringState) (*ringState, error) {
		e, err := cur.set.entry(id)
		switch {
		case err != nil:
			return nil, err
		case e.State == Revoked:
			return cur, nil
		}
		revision := cur.set.revision
		if revision != math.MaxUint64 { // no revision must keep a stolen key in use
			revision++
		}
		return cur.next(cur.set.withState(revision, e, Revoked)), nil
	})
}

// Remove removes a Pending or Retiring key, with its usage.
//
// It returns [ErrBusy] unless the key has been idle for at least the given time
// (see [Usage.Idle]; the error says when it was last used), [ErrUnproven] if no
// other key has opened a message since this one last did, and [ErrLastOpener]
// if none could. An idle time of zero skips the first two questions. A key that
// has no part in opening is not asked the last two. The clock is [time.Now], so
// envelopes that record by another one make keys look idle, or busy, by the
// difference.
//
// It returns [ErrNotFound] if there is no such key, [ErrTransition] if it is
// Active or Revoked, and an error if it is the only key or idle is negative.
func (r *Ring) Remove(id ID, idle time.Duration) error {
	if idle < 0 {
		return fmt.Errorf("keyset: key %.128q: an idle time of %v", id, idle)
	}
	return r.change(func(cur *ringState) (*ringState, error) {
		e, err := cur.set.entry(id)
		if err != nil {
			return nil, err
		}
		s, err := cur.set.Without(id)
		if err != nil {
			return nil, err
		}
		if err := cur.removable(s, e, idle); err != nil {
			return nil, err
		}
		return cur.next(s), nil
	})
}

// removable is the rule of Remove for a key that rest does not have any more.
func (cur *ringState) removable(rest *Set, e *entry, idle time.Duration) error {
	now, id := clock(), e.info.ID
	if e.info.Opens() && !rest.other(e, func(o *entry) bool { return o.opensAt(now) }) {
		return fmt.Errorf("%w: key %s; add its successor first", ErrLastOpener, id)
	}
	if idle == 0 {
		return nil
	}
	u := cur.uses[id].usage()
	if unused := u.Idle(now); unused < idle {
		when := "last used at " + stamp(u.LastUsed())
		if u.LastUsed().IsZero() {
			when = "not used since counting began at " + stamp(u.Since)
		}
		return fmt.Errorf("%w: key %s was %s, %v ago; it must be idle for %v", ErrBusy, id, when, unused.Truncate(time.Second), idle)
	}
	// Silence alone proves nothing: the successor must have done the work.
	took := func(o *entry) bool {
		c, ok := cur.uses[o.info.ID]
		if !ok || !o.opens() {
			return false
		}
		last := c.usage().LastOpened
		return !last.IsZero() && !last.Before(u.LastOpened)
	}
	if e.info.Opens() && !rest.other(e, took) {
		return fmt.Errorf("%w: since key %s last did, no other key has opened a message", ErrUnproven, id)
	}
	return nil
}
