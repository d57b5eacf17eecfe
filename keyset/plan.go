package keyset

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A plan is all changes of one manifest, and which of them are refused.
type plan struct {
	cur     *ringState
	m       *Manifest
	changes []*change // keys of m in its order, then those that it lacks
	refused map[ID]error
	noted   map[ID]error // what holds no change back: a copy that could not be had, a start
}

func (p *plan) add(c *change) { p.changes = append(p.changes, c) }

// note notes what is refused apart from the change of the key.
func (p *plan) note(id ID, err error) {
	if p.noted == nil {
		p.noted = map[ID]error{}
	}
	p.noted[id] = errors.Join(p.noted[id], err)
}

// errStart ends what the rules say of a start.
var errStart = errors.New("a ring that starts takes it as it is")

// start notes what the rules say of the keys that the ring starts with. It has nothing
// to go on with but what the manifest says, so that nothing is held back.
func (p *plan) start() {
	after := p.after(nil)
	for _, c := range p.changes {
		if !c.begins || p.refused[c.id] != nil {
			continue
		}
		s := c.start()
		s.after = after
		if err := s.allowed(); err != nil {
			p.note(c.id, fmt.Errorf("%w; %w", err, errStart))
		}
	}
}

// decide refuses what the rules do not allow on the ring that results, until nothing
// more is refused. Every round asks all changes about the same ring, so that the order
// of keys decides nothing.
func (p *plan) decide() {
	for first := true; ; first = false {
		after := p.after(nil)
		broken := map[ID]error{}
		for _, c := range p.changes {
			if p.refused[c.id] != nil || c.begins && c.was == nil {
				continue
			}
			c.after = after
			if err := c.allowed(); err != nil {
				if !first {
					err = p.relying(c, err)
				}
				broken[c.id] = err
			}
		}
		if len(broken) == 0 {
			return
		}
		maps.Copy(p.refused, broken)
	}
}

// fit refuses the keys that enter if there is no room for them, because others stay
// that the manifest lacks. It reports whether it did.
func (p *plan) fit() bool {
	live := 0
	for _, e := range p.entries(nil) {
		if e.State != Revoked {
			live++
		}
	}
	if live <= MaxKeys {
		return false
	}
	for _, c := range p.changes {
		if c.was == nil && c.is != nil && c.is.State != Revoked {
			p.refused[c.id] = fmt.Errorf("keyset: key %s: there is no room for it: %d keys that are not revoked, at most %d make a set, and those stay of which the removal was refused", c.id, live, MaxKeys)
		}
	}
	return true
}

// relying adds to the error of a change the refused ones that would have allowed it.
func (p *plan) relying(c *change, err error) error {
	var on []string
	for _, o := range p.changes {
		if p.refused[o.id] == nil {
			continue
		}
		c.after = p.after(o)
		if c.allowed() == nil {
			on = append(on, string(o.id))
		}
	}
	if len(on) == 0 {
		return err
	}
	slices.Sort(on)
	return fmt.Errorf("%w; it relies on key %s, of which the change was refused", err, strings.Join(on, ", "))
}

// entries returns the keys that result: those of m in its order, then those that stay
// against it. with is taken as allowed.
func (p *plan) entries(with *change) []*entry {
	var keys []*entry
	for _, c := range p.changes {
		e := c.is
		if p.refused[c.id] != nil && c != with {
			e = c.was
		}
		if e != nil {
			keys = append(keys, e)
		}
	}
	return keys
}

func (p *plan) after(with *change) *Set { return p.cur.set.derive(p.m.Revision, p.entries(with)) }

// result returns the set that the ring will hold.
func (p *plan) result() (*Set, error) {
	keys := p.entries(nil)
	if len(keys) == 0 {
		return nil, p.nothing()
	}
	return build(p.m.Revision, keys)
}

// refusals returns everything that was refused, in the order of IDs.
func (p *plan) refusals() []Refusal {
	all := maps.Clone(p.noted)
	if all == nil {
		all = map[ID]error{}
	}
	for id, err := range p.refused {
		all[id] = errors.Join(all[id], err)
	}
	var list []Refusal
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, Refusal{id, all[id]})
	}
	return list
}

// nothing is the error of a start with nothing to start with.
func (p *plan) nothing() error {
	return fmt.Errorf("keyset: no key of the manifest can be used: %w", Outcome{Refused: p.refusals()}.Err())
}
