package keyset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
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
	if _, err := r.current().adding(e); err != nil {
		return err
	}
	if err := selfTest(ctx, e); err != nil {
		return err
	}
	return r.change(func(cur *ringState) (*ringState, error) { return cur.adding(e) })
}

func (cur *ringState) adding(e *entry) (*ringState, error) {
	if old, err := cur.set.entry(e.info.ID); err == nil && old.State != Revoked {
		return nil, fmt.Errorf("%w: key %s is %v; a newer copy of it enters with Refresh", ErrDuplicate, e.info.ID, old.State)
	}
	if cur.set.editing {
		// Such a ring has no secrets, not even that of the new key.
		edited := &tombstone{info: *e.info}
		if d, ok := e.Material.(Digester); ok {
			edited.digest = d.Digest()
		}
		e = &entry{ptr(*e.Key), e.info}
		e.Material = edited
	}
	s, err := cur.set.with(e)
	if err != nil {
		return nil, err
	}
	return cur.step(nil, e, s, 0)
}

// step returns the state with the set s, in which is stands for was, if the rules
// allow that.
func (cur *ringState) step(was, is *entry, s *Set, idle time.Duration) (*ringState, error) {
	if s.editing && is != nil && is.info.Use == 0 && is.State != Revoked {
		return nil, fmt.Errorf("keyset: key %s: what it is for is not known, so that no rule can be asked: the manifest has no \"use\" for it; open the keys for this step, which writes it", is.info.ID)
	}
	c := &change{was: was, is: is, after: s, ring: cur, now: clock(), idle: idle}
	if c.id = idOf(was, is); was != nil && is != nil && was.info != is.info {
		c.resealed = resealedCopy(was, is)
	}
	if err := c.allowed(); err != nil {
		return nil, err
	}
	return cur.next(s), nil
}

func idOf(was, is *entry) ID {
	if was != nil {
		return was.info.ID
	}
	return is.info.ID
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

// Acknowledge records evidence that the partner can use the key: the partner answered a
// message that was sealed with it, or a person confirms it. The text by says which of the
// two, and must not be empty. Evidence that was recorded before is replaced.
//
// If the partner cannot answer a probe, a person acknowledges the key: the text stays in
// the manifest, and tells later why the key was promoted.
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
			return nil, fmt.Errorf("%w: key %s is revoked, and evidence changes nothing", ErrTransition, e.info.ID)
		case e.Evidence == by:
			return cur, nil
		}
		next, err := cur.with(e, func(k *Key) { k.Evidence = by })
		if err != nil {
			return nil, err
		}
		return next.telling(e.info.ID, by), nil
	})
}

// with returns the state with a changed entry, if the rules allow it.
func (cur *ringState) with(e *entry, change func(*Key)) (*ringState, error) {
	is := e.with(change)
	s, err := cur.set.replace(is)
	if err != nil {
		return nil, err
	}
	return cur.step(e, is, s, 0)
}

// Promote makes a Pending or Retiring key Active and most preferred. Keys that
// are already Active stay so.
//
// It returns [ErrUnproven] for a Pending key that would seal, unless it has been
// acknowledged or, being an OpenPGP certificate, has already opened a message from the
// partner. A key that only opens needs no evidence, and neither does a key that was
// Active before. It returns [ErrNotFound] if there is no such key, [ErrTransition] if it
// is Active or Revoked, and in a [Step] [ErrLagging] unless all replicas have loaded the
// key, so that they open with it. A decryption key of ours in JOSE seals nothing: promote
// it, and then hand it out.
func (r *Ring) Promote(id ID) error { return r.transition(id, Active) }

// Retire makes an Active key Retiring. It returns [ErrLastActive] if the key
// seals and no other key would, at this time, [ErrNotFound] if there is no such
// key, and [ErrTransition] if it is not Active.
func (r *Ring) Retire(id ID) error { return r.transition(id, Retiring) }

func (r *Ring) transition(id ID, to State) error {
	return r.change(func(cur *ringState) (*ringState, error) {
		e, err := cur.set.entry(id)
		if err != nil {
			return nil, err
		}
		if e.State == to {
			return nil, fmt.Errorf("%w: key %s: it is %v already", ErrTransition, e.info.ID, to)
		}
		return cur.with(e, func(k *Key) {
			k.State = to
			k.Since = time.Time{} // of the time of the change, which next fills in
		})
	})
}

// Revoke makes a key Revoked, effective with the next operation and for ever.
// It works even for the last key: no longer sealing or opening is then intended.
// It returns [ErrNotFound] if there is no such key, and nil if the key is
// Revoked already. In a [Step] on bytes that are no manifest, id is the whole ID, and
// the error says why the bytes would not say clearly that the key is revoked, as they do
// not if they list it twice.
//
// What the partner has already encrypted to a revoked key of ours is lost, and
// the partner does not learn of the revocation from us. If a key is merely
// old, retire it.
func (r *Ring) Revoke(id ID) error {
	if r.current().torn != nil {
		return r.revokeTorn(id)
	}
	if _, err := r.Load().entry(id); err != nil {
		return err
	}
	r.RevokeAll(id)
	return nil
}

// RevokeAll revokes what the ring has of the listed keys, as Revoke does, and
// returns those that were not revoked before. Keys that it has not are passed over:
// the list may be that of a [ManifestError].
func (r *Ring) RevokeAll(ids ...ID) (revoked []ID) {
	if r.current().torn != nil {
		for _, id := range ids {
			if r.revokeTorn(id) == nil {
				revoked = append(revoked, id)
			}
		}
		return revoked
	}
	err := r.change(func(cur *ringState) (*ringState, error) {
		revoked = nil
		s := cur.set
		for _, id := range ids {
			e, err := s.entry(id)
			if err != nil || e.State == Revoked {
				continue
			}
			keys := make([]*entry, len(s.keys))
			copy(keys, s.keys)
			keys[s.index[e.info.ID]] = e.with(func(k *Key) { k.State, k.Since = Revoked, time.Time{} })
			revision := s.revision
			if revision != math.MaxUint64 { // no revision must keep a stolen key in use
				revision++
			}
			s = s.derive(revision, keys)
			revoked = append(revoked, e.info.ID)
		}
		if len(revoked) == 0 {
			return cur, nil
		}
		return cur.next(s), nil
	})
	if err != nil {
		panic("keyset: a revocation failed") // the function above returns no error
	}
	return revoked
}

// revokeTorn revokes a key in bytes that are no manifest. Only the goroutine of a Step
// has the ring.
func (r *Ring) revokeTorn(id ID) error {
	cur := *r.current()
	raw, err := revokeIn(cur.torn.raw, id)
	if err == nil {
		cur.torn = &torn{raw, cur.torn.err}
		r.state.Store(&cur)
	}
	return err
}

// Remove removes a Pending or Retiring key, with its usage.
//
// It refuses a key that is still needed:
//
//   - [ErrBusy]: it was used less than idle ago, as far as the least informed replica knows
//     ([Usage.Idle], [Ring.Merge]). The error says when.
//   - [ErrUnproven]: it opens, and no other key has opened a message since it last did.
//   - [ErrLastOpener]: it opens, and no other key would.
//   - [ErrLagging], in a [Step]: a replica may still seal with it.
//
// [ErrNotFound] means that there is no such key, and [ErrTransition] that it is Active or
// Revoked. The only key, and an idle that is not positive, are errors as well. If you
// know that a key is out of use, and usage cannot show it, use [Ring.RemoveUnchecked].
func (r *Ring) Remove(id ID, idle time.Duration) error {
	if idle <= 0 {
		return fmt.Errorf("keyset: key %.128q: an idle time of %v; RemoveUnchecked takes a reason instead", id, idle)
	}
	return r.remove(id, idle, "")
}

// RemoveUnchecked removes a key as Remove does, without the questions about usage:
// [ErrBusy], and that another key has opened a message since. It is for a person who
// knows that the key is out of use, and it takes back an Add. If the key was in use after
// all, messages that are under way to it are lost. reason must not be empty: it stays in
// the manifest with the time, for whoever asks later; see [Trace].
func (r *Ring) RemoveUnchecked(id ID, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return fmt.Errorf("keyset: key %.128q: say why it is removed unchecked", id)
	}
	return r.remove(id, 0, reason)
}

func (r *Ring) remove(id ID, idle time.Duration, reason string) error {
	return r.change(func(cur *ringState) (*ringState, error) {
		e, err := cur.set.entry(id)
		if err != nil {
			return nil, err
		}
		s, err := cur.set.without(e)
		if err != nil {
			return nil, err
		}
		next, err := cur.step(e, nil, s, idle)
		if err == nil && idle == 0 {
			next.leave(Trace{ID: e.info.ID, At: clock(), Reason: reason})
		}
		return next, err
	})
}

// leave adds a trace to a state that is not in force yet.
func (next *ringState) leave(trace Trace) {
	next.unchecked = append(slices.Clone(next.unchecked), trace)
	next.set = next.set.traced(trace)
}

// traced returns s with traces that it does not have.
func (s *Set) traced(traces ...Trace) *Set {
	all := slices.Clone(s.traces)
	for _, t := range traces {
		if !slices.ContainsFunc(all, t.same) {
			all = append(all, t)
		}
	}
	t := *s
	t.traces = all[max(0, len(all)-maxTraces):]
	return &t
}
