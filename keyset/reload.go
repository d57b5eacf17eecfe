package keyset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// defaultIdle is how long a key must have been unused before a manifest removes it.
const defaultIdle = 7 * 24 * time.Hour

// A ReloadOption changes what a [Ring.Reload] asks.
type ReloadOption func(*reload) error

// IdleFor sets how long a key must have been unused before it may be missing from a
// manifest, or lose its use. It is seven days without this option, and never zero.
func IdleFor(d time.Duration) ReloadOption {
	return func(l *reload) error {
		if d <= 0 {
			return fmt.Errorf("keyset: an idle time of %v: a manifest removes no key that may be in use", d)
		}
		l.idle = d
		return nil
	}
}

// Reload brings the ring up to m, as a program does that follows a file. It is cheap
// to call again with the same manifest.
//
// Revocations come first, whatever else is wrong with m and whatever its revision:
// those of entries that are alone with their ID, of the format and half of the ring.
// Then every change takes effect that the rules allow. What they do not allow is in
// the outcome: it stays as it was, holds back only the changes that rely on it, and
// is tried again with the next call. The order of keys in m decides nothing about it.
//
// The keys that are new, or of which m means another copy, are opened and tested. A new
// copy replaces the copy that is held; the two are not merged. It is refused with
// [ErrIncomplete] if it lacks something that the held copy has. If a key cannot be
// opened, that change is refused as well, and the held copy stays in use.
//
// An empty ring takes its first manifest on trust, because it knows nothing of what was
// before. It asks only the rules that need no history. What those do not allow is in the
// outcome, and in force all the same. A key that cannot be opened is refused, and enters
// once it can be. It is an error if none of the keys that could be opened seals or opens.
//
// The error says that m as a whole cannot be used: m is no manifest, m is of another
// format, m has private keys where the ring has public ones or the reverse, its revision
// is old ([ErrStale]) or taken ([ErrConflict]), or ctx has ended. The ring then stays as
// it was, but for revocations, which are in the outcome.
func (r *Ring) Reload(ctx context.Context, m *Manifest, open Opener, opts ...ReloadOption) (Outcome, error) {
	if m == nil || open == nil {
		return Outcome{}, errors.New("keyset: reload needs a manifest and an opener")
	}
	l := &reload{m: m.normal(), idle: defaultIdle, opened: map[ID]*entry{}, failed: map[ID]error{}}
	for _, o := range opts {
		if err := o(l); err != nil {
			return Outcome{}, err
		}
	}
	cur := r.current().set
	if len(cur.keys) != 0 && (cur.format != m.Format || cur.private != m.Private) {
		return Outcome{Revision: cur.revision}, fmt.Errorf("keyset: the ring holds %s %s keys, and the manifest %s %s keys",
			half(cur.private), cur.format, half(m.Private), m.Format)
	}
	revoked := r.RevokeAll(l.m.revoked()...)
	o, err := l.follow(ctx, r, open)
	o.Revoked = revoked
	o.Changed = o.Changed || len(revoked) != 0
	return o, err
}

// A reload is one call of Reload.
type reload struct {
	m      *Manifest
	idle   time.Duration
	opened map[ID]*entry // by ID, with the material that its source holds
	failed map[ID]error  // why there is none
}

func (l *reload) follow(ctx context.Context, r *Ring, open Opener) (Outcome, error) {
	if err := l.m.check(); err != nil {
		return Outcome{Revision: r.Outcome().Revision}, err
	}
	for {
		cur := r.current()
		if done, err := l.settled(cur); done || err != nil {
			o := r.Outcome()
			return o, err
		}
		for _, k := range l.m.Keys {
			if l.needs(cur, k) {
				l.open(ctx, cur, k, open)
			}
		}
		if ctx.Err() != nil {
			return r.Outcome(), context.Cause(ctx)
		}
		outrun := false
		var out Outcome
		err := r.change(func(now *ringState) (*ringState, error) {
			if outrun = now != cur; outrun {
				return now, nil // another change came in between: look again
			}
			next, err := l.next(cur)
			if err != nil {
				return nil, err
			}
			out = next.outcome
			next.outcome.Changed = false
			return next, nil
		})
		if err != nil {
			return r.Outcome(), err
		}
		if !outrun {
			return out, nil
		}
	}
}

// settled reports whether the ring is as m says already, or why m cannot follow.
func (l *reload) settled(cur *ringState) (bool, error) {
	g := cur.given
	switch {
	case g == nil || l.m.Revision > g.Revision:
		return false, nil
	case l.m.Revision < g.Revision:
		return true, fmt.Errorf("%w: the manifest has %d, and %d is in force", ErrStale, l.m.Revision, g.Revision)
	case !l.m.says(g):
		return true, fmt.Errorf("%w: revision %d is in force with other keys; raise the revision with every change", ErrConflict, l.m.Revision)
	}
	return len(cur.outcome.Refused) == 0, nil
}

// says reports whether m and g list the same. A time or a digest that is missing in
// one of them is not compared: a manifest that a program made knows more than the one
// that it was made from.
func (m *Manifest) says(g *Manifest) bool {
	return slices.EqualFunc(m.Traces, g.Traces, Trace.same) && slices.EqualFunc(m.Keys, g.Keys, func(j, k ManifestKey) bool {
		return j.ID == k.ID && j.State == k.State && j.Source == k.Source && j.Evidence == k.Evidence && j.Note == k.Note &&
			j.NotBefore.Equal(k.NotBefore) && j.NotAfter.Equal(k.NotAfter) &&
			(j.Name == k.Name || j.Name == "" || k.Name == "") && (j.Use == k.Use || j.Use == "" || k.Use == "") &&
			(j.Digest == k.Digest || j.Digest == "" || k.Digest == "") &&
			(j.Since.Equal(k.Since) || j.Since.IsZero() || k.Since.IsZero())
	})
}

// needs reports whether the source of a key must be opened before m can follow cur.
func (l *reload) needs(cur *ringState, k ManifestKey) bool {
	if k.State == Revoked || l.opened[k.ID] != nil || l.failed[k.ID] != nil {
		return false
	}
	e, err := cur.set.entry(k.ID)
	switch {
	case err != nil || isTombstone(e.Material):
		return true
	case e.State == Revoked:
		return false
	case l.retries(cur):
		return slices.ContainsFunc(cur.outcome.Refused, func(r Refusal) bool { return r.ID == k.ID && !errors.Is(r.Err, errStart) })
	}
	d, ok := e.Material.(Digester)
	return !ok || k.Digest == "" || d.Digest() != k.Digest || k.Source != e.Source ||
		k.Name != "" && k.Name != e.info.Name || k.Use != "" && k.Use != e.info.Use.String()
}

// open opens one key, tests it, and compares it with the copy that is held.
func (l *reload) open(ctx context.Context, cur *ringState, k ManifestKey, open Opener) {
	material, err := l.m.open(ctx, k, open)
	if err != nil {
		l.failed[k.ID] = err
		return
	}
	e := newEntry(Key{Material: material})
	if err := selfTest(ctx, e); err != nil {
		l.failed[k.ID] = err
		return
	}
	if use, _ := parseUse(k.Use); use != 0 && use != e.info.Use {
		if old, err := cur.set.entry(k.ID); err == nil && old.info.Use != e.info.Use {
			l.failed[k.ID] = fmt.Errorf("%w: key %s: open %s: it is for %v, and the manifest says %v", ErrOtherCopy, k.ID, shown(k.Source), e.info.Use, use)
			return
		}
	}
	l.opened[k.ID] = e
}

// next returns the state that m leads to.
func (l *reload) next(cur *ringState) (*ringState, error) {
	fresh := len(cur.set.keys) == 0
	p := &plan{cur: cur, m: l.m, refused: map[ID]error{}}
	for _, k := range l.m.Keys {
		p.add(l.change(cur, k, p.note))
	}
	for _, e := range cur.set.keys {
		if !slices.ContainsFunc(l.m.Keys, func(k ManifestKey) bool { return k.ID == e.info.ID }) {
			p.add(&change{id: e.info.ID, was: e})
		}
	}
	for _, c := range p.changes {
		c.ring, c.now, c.idle, c.away = cur, clock(), l.idle, true
		c.begins = l.begins(cur, c)
	}
	p.decide()
	if p.fit() {
		p.decide()
	}
	p.start()
	s, err := p.result()
	if err != nil {
		return nil, err
	}
	s.traces = l.m.Traces
	s = s.traced(cur.unchecked...)
	unread := map[ID]State{}
	for _, k := range l.m.Keys {
		if _, err := s.entry(k.ID); err != nil && (fresh || cur.unread[k.ID] != 0) {
			unread[k.ID] = cmp.Or(cur.unread[k.ID], k.State)
		}
	}
	if fresh && len(unread) != 0 && !s.other(nil, func(e *entry) bool { return e.opens() || e.State == Active && e.info.Seals() }) {
		return nil, p.nothing()
	}
	refused := p.refusals()
	next := cur.next(s)
	next.given, next.unread = l.m, unread
	next.start = fresh || l.retries(cur) && cur.start
	next.outcome = Outcome{Revision: l.m.Revision, Changed: true, Refused: refused}
	if l.retries(cur) && next.set.same(cur.set) {
		next.set, next.outcome.Changed = cur.set, false
	}
	for _, k := range l.m.Keys {
		if k.Evidence != "" && p.refused[k.ID] == nil {
			next = next.telling(k.ID, "")
		}
	}
	for _, c := range p.changes {
		if uses := next.uses[c.id]; uses != nil && c.resealed && p.refused[c.id] == nil {
			uses.reseal(c.now)
			next = next.telling(c.id, "")
		}
	}
	return next, nil
}

// retries reports whether the ring follows m already, but for what was refused.
func (l *reload) retries(cur *ringState) bool {
	return cur.given != nil && cur.given.Revision == l.m.Revision
}

// begins reports whether the ring starts with the key as m says it: its first manifest
// does, and one that is tried again, and a key that could not be opened at the start.
func (l *reload) begins(cur *ringState, c *change) bool {
	switch {
	case c.is == nil || c.is.State == Revoked:
		return false
	case c.was != nil:
		return cur.start && l.retries(cur) && c.was.State == c.is.State
	case len(cur.set.keys) == 0:
		return true
	}
	_, removed := cur.gone[c.id]
	at := cur.unread[c.id]
	return !removed && (at == Active || at == Retiring)
}

// same reports whether both sets hold the same entries.
func (s *Set) same(t *Set) bool {
	return slices.EqualFunc(s.traces, t.traces, Trace.same) && slices.EqualFunc(s.keys, t.keys, func(e, f *entry) bool {
		return e.info == f.info && e.State == f.State && e.Evidence == f.Evidence && e.Note == f.Note && e.Source == f.Source &&
			e.NotBefore.Equal(f.NotBefore) && e.NotAfter.Equal(f.NotAfter) && e.Since.Equal(f.Since)
	})
}

// change returns what m does to one key. A copy that cannot be had is refused apart,
// so that a lost file does not hold back what else m says of the key.
func (l *reload) change(cur *ringState, k ManifestKey, note func(ID, error)) *change {
	c := &change{id: k.ID}
	old, err := cur.set.entry(k.ID)
	held := err == nil
	if held {
		c.was = old
	}
	fresh, problem := l.opened[k.ID], l.failed[k.ID]
	if held && fresh != nil && !isTombstone(old.Material) {
		var lost []string
		err := sameKey(old.info, fresh.info)
		if comparer, ok := old.Material.(Comparer); ok && err == nil {
			lost = comparer.Lacks(fresh.Material)
		}
		if len(lost) != 0 {
			err = (&change{id: k.ID, was: old, is: old, lost: lost, ring: cur}).allowed()
		}
		if err != nil {
			fresh, problem = nil, err
		}
	}
	if problem != nil {
		note(k.ID, problem)
	}
	switch {
	case fresh != nil:
		c.is = &entry{ptr(k.key(fresh.Material)), fresh.info}
		c.resealed = held && resealedCopy(old, c.is)
	case held:
		key := k.key(old.Material)
		if problem != nil {
			key.Source = old.Source
		}
		c.is = &entry{&key, old.info}
	case k.State == Revoked:
		c.is = newEntry(k.key(l.m.tombstone(k)))
	}
	if c.is == nil || !held {
		return c
	}
	// What this process was told itself is not in the manifest, and stays until a
	// part that seals changes.
	if c.is.Evidence == "" && !c.resealed {
		c.is.Evidence = cur.told[k.ID]
	}
	if old.State == Revoked && c.is.State == Revoked {
		c.is.Since = cmp.Or(c.is.Since, old.Since)
	}
	return c
}

func ptr(k Key) *Key { return &k }
