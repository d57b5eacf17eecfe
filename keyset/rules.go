package keyset

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A change is what happens to one key, and the ring in which it happens. The
// named steps and Reload make changes, and ask [change.allowed]. Nothing else
// decides.
type change struct {
	id      ID
	was, is *entry     // nil if the key is not there
	after   *Set       // all keys as they will be; the key itself as in is
	ring    *ringState // what was counted, and what was removed
	now     time.Time

	// idle is how long a key must have been unused before it stops to open. It is
	// zero if a person answers the questions of usage.
	idle time.Duration

	// away is set for manifests: whoever reads one may have missed others.
	away bool

	// resealed says that a part that seals is not the one of before, so that what
	// was opened before proves nothing.
	resealed bool

	// lost names what a new copy lacks.
	lost []string

	// begins says that the ring starts with the key: nothing is known of what was.
	begins bool

	// starting is set by start.
	starting bool
}

// A rule is one row of the table.
type rule struct {
	change string // which changes the rule is about
	asks   string // what it asks of them
	err    error  // what a refusal wraps

	// start says that the rule is asked of a ring that starts, too: it needs no
	// history but what the manifest tells of itself.
	start bool

	about func(*change) bool
	holds func(*change) error // nil, or why not and what to do; without err and the key
}

// rules is the table of the package documentation. A change is refused by every
// rule that it breaks.
var rules = [...]rule{
	{
		"a revoked key in another state, or gone", "never", ErrTransition, false,
		func(c *change) bool { return c.was != nil && c.was.State == Revoked && c.state() != Revoked },
		func(*change) error {
			return errors.New("it is revoked for ever, and its entry stays; use another key")
		},
	},
	{
		"another state", "a step from that state", ErrTransition, false,
		func(c *change) bool {
			return c.from() != c.state() && c.from() != Revoked
		},
		(*change).reachable,
	},
	{
		"a new copy", "all parts and revocations that the old copy has", ErrIncomplete, false,
		func(c *change) bool { return len(c.lost) != 0 },
		func(c *change) error {
			return fmt.Errorf("the new copy lacks %s; merge both copies, as Refresh does", strings.Join(c.lost, ", "))
		},
	},
	{
		"a key that has not sealed comes to seal", "evidence that the partner has it", ErrUnproven, false,
		func(c *change) bool { return c.is != nil && c.is.sealing() && (c.was == nil || !c.was.sealing()) },
		(*change).proven,
	},
	{
		"a key that seals no longer does", "another key that seals now", ErrLastActive, true,
		(*change).stopsSealing,
		func(c *change) error {
			if c.others(func(o *entry) bool { return o.sealsAt(c.now) }) {
				return nil
			}
			return errors.New("promote its successor first")
		},
	},
	{
		"a key that opens no longer does", "another key that opens now", ErrLastOpener, true,
		(*change).stopsOpening,
		func(c *change) error {
			if c.others(func(o *entry) bool { return o.opensAt(c.now) }) {
				return nil
			}
			return errors.New("add its successor first")
		},
	},
	{
		"a key goes, or no longer opens", "the key was not used for the idle time", ErrBusy, false,
		func(c *change) bool { return c.idle != 0 && (c.is == nil || c.stopsOpening()) },
		(*change).unused,
	},
	{
		"a key that opens no longer does", "another key has opened since it last did", ErrUnproven, false,
		func(c *change) bool { return c.idle != 0 && c.stopsOpening() },
		(*change).succeeded,
	},
	{
		// A key that only opens, too: active, it is handed to the partner, who seals with it.
		"a key becomes active that was pending", "in a Step, all replicas have loaded it", ErrLagging, false,
		func(c *change) bool { return c.from() == Pending && c.state() == Active },
		func(c *change) error { return c.ring.everywhere(c.id) },
	},
	{
		"a key goes, or no longer opens", "in a Step, no replica seals with it any more", ErrLagging, false,
		func(c *change) bool { return c.idle != 0 && (c.is == nil || c.stopsOpening()) },
		func(c *change) error { return c.ring.nowhereSealing(c.id) },
	},
}

// allowed returns nil, or every rule that the change breaks. If the change is none that
// can be, the rule that says so stands first, and those behind it are not asked.
func (c *change) allowed() error {
	var broken []error
	for _, r := range rules {
		if c.starting && !r.start || !r.about(c) {
			continue
		}
		if why := r.holds(c); why != nil {
			broken = append(broken, fmt.Errorf("%w: key %s: %w", r.err, c.id, why))
			if r.err == ErrTransition {
				break
			}
		}
	}
	return errors.Join(broken...)
}

// start returns the change that a manifest tells of to a ring that starts with it. A
// key that is active or retiring has been active, without the bounds that the manifest
// sets: that is all that is known of what was before.
func (c *change) start() *change {
	s := *c
	s.starting = true
	if s.was = nil; c.is.State == Active || c.is.State == Retiring {
		s.was = c.is.with(func(k *Key) { k.State, k.NotBefore, k.NotAfter = Active, time.Time{}, time.Time{} })
	}
	return &s
}

// gone is the state of a key that is not there, for the table of states alone.
const gone State = 0

func (c *change) from() State { return stateOf(c.was) }

func (c *change) state() State { return stateOf(c.is) }

func stateOf(e *entry) State {
	if e == nil {
		return gone
	}
	return e.State
}

// steps are the changes of state. The value says who may make them: a step and a
// manifest, or a manifest alone, of which the reader has missed a former one.
var steps = map[[2]State]struct{ missed bool }{
	{gone, Pending}:     {},
	{gone, Active}:      {missed: true},
	{gone, Retiring}:    {missed: true},
	{gone, Revoked}:     {missed: true},
	{Pending, Active}:   {},
	{Pending, Retiring}: {missed: true},
	{Pending, Revoked}:  {},
	{Pending, gone}:     {},
	{Active, Retiring}:  {},
	{Active, Revoked}:   {},
	{Active, gone}:      {missed: true},
	{Retiring, Active}:  {},
	{Retiring, Revoked}: {},
	{Retiring, gone}:    {},
}

func (c *change) reachable() error {
	s, ok := steps[[2]State{c.from(), c.state()}]
	if ok && (c.away || !s.missed) {
		return nil
	}
	switch from, to := c.from(), c.state(); {
	case from == gone:
		return fmt.Errorf("a key enters as pending, and not as %v", to)
	case to == gone:
		return fmt.Errorf("it is %v, and only a pending or retiring key can be removed; retire it first", from)
	case from == to:
		return fmt.Errorf("it is %v already", from)
	case to == Pending:
		return fmt.Errorf("from %v to %v: a key that was in use cannot become pending again; retire it", from, to)
	case to == Retiring:
		return fmt.Errorf("from %v to %v: it has not sealed yet; remove it", from, to)
	default:
		return fmt.Errorf("from %v to %v", from, to)
	}
}

// sealing reports whether e is past the question of evidence: it seals, or has
// sealed and may again without being asked.
func (e *entry) sealing() bool {
	return (e.State == Active || e.State == Retiring) && e.info.Seals()
}

func (c *change) proven() error {
	evidence := strings.TrimSpace(c.is.Evidence)
	if old, ok := c.ring.gone[c.id]; ok && c.was == nil && evidence == strings.TrimSpace(old) {
		return errors.New("it was removed, and nothing has shown since that the partner still has it; add it as pending, and probe it again")
	}
	if evidence != "" {
		return nil
	}
	if c.was != nil && c.is.info.Format == OpenPGP && !c.resealed && c.ring.hasProof(c.id) {
		return nil // a certificate that has opened is the one that the partner encrypts to
	}
	return errors.New("it has not been acknowledged; probe it, or have the partner confirm it")
}

// stopsSealing reports whether the change takes the power to seal away: at once,
// or from a key that only waits for its time.
func (c *change) stopsSealing() bool {
	if c.was == nil || c.was.State != Active || !c.was.info.Seals() || c.state() == Revoked {
		return false
	}
	if c.is == nil || c.is.State != Active || !c.is.info.Seals() {
		return true
	}
	return c.was.sealsAt(c.now) && !c.is.bound().sealsAt(c.now)
}

// stopsOpening reports whether messages that open now would not after the change.
func (c *change) stopsOpening() bool {
	if c.was == nil || !c.was.opens() || c.state() == Revoked {
		return false
	}
	return c.is == nil || !c.is.opens() || c.was.opensAt(c.now) && !c.is.bound().opensAt(c.now)
}

// bound returns e without the end that a certificate of OpenPGP brings along: it
// may be a revocation by its owner, which nothing holds back.
func (e *entry) bound() *entry {
	if e.info.Format != OpenPGP {
		return e
	}
	i := *e.info
	i.NotBefore, i.NotAfter = time.Time{}, time.Time{}
	return &entry{e.Key, &i}
}

// others reports whether another key of the ring that results satisfies f.
func (c *change) others(f func(*entry) bool) bool {
	for _, o := range c.after.keys {
		if o.info.ID != c.id && f(o) {
			return true
		}
	}
	return false
}

func (c *change) unused() error {
	return c.ring.busy(c.id, c.now, c.idle)
}

// succeeded asks what silence alone does not prove: that another key did the work.
func (c *change) succeeded() error {
	last := c.ring.usageOf(c.id).lastTaken()
	unsigned := false
	took := func(o *entry) bool {
		if !o.opens() {
			return false
		}
		u := c.ring.usageOf(o.info.ID)
		unsigned = unsigned || u.Unsigned != 0
		return !u.LastOpened.IsZero() && !u.LastOpened.Before(last)
	}
	switch {
	case c.others(took):
		return nil
	case unsigned:
		return errors.New("since it last did, other keys have opened only messages without a signature, which a stranger can make; if you know that it is out of use, remove it unchecked, with the reason")
	}
	return errors.New("since it last did, no other key has opened a message")
}
