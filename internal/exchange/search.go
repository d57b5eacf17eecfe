package exchange

import (
	"cmp"
	"context"
	"crypto/subtle"
	"runtime"
	"slices"
	"sync"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A Trial is one key of ours on one encrypted content key.
type Trial interface {
	KeyID() keyset.ID     // of the key
	Component() keyset.ID // that decrypts: what KeyUse.Subkey, or else KeyUse.ID, will be
	Named() bool          // the message names it
	Remote() bool         // its private half is elsewhere
	Cost() Cost           // of the operation
}

// A Group is the trials that together yield one candidate for the content key, or none.
// Without Select, they are all local, or all remote.
type Group[T Trial, K any] struct {
	Trials []T

	// Implicit is set for PKCS #1 v1.5, which must be no oracle: there a trial that
	// does not conform makes a random key, and if none of the group conforms, that of
	// the first reaches the content in its place.
	Implicit bool

	// Select copies found to key if conforms is 1, without a branch. If it is set,
	// every trial of the group is made, and nothing shows which one conformed.
	Select func(conforms int, key, found K)
}

// A Candidate is a content key that may be the right one.
type Candidate[T Trial, K any] struct {
	Trial    T
	Key      K
	Conforms int  // 1, or 0 for the random key in its place
	Last     bool // no candidate comes after it
}

// A Search looks for the key of ours that opens a message.
type Search[T Trial, K any] struct {
	c      *Call
	unwrap func(context.Context, T) (key K, conforms int, err error)
	ended  error // the message has had the work that it is worth

	// Tried are the keys that were tried, in order, and Outage the last error of a
	// remote one: another key may open the message all the same.
	Tried  []keyset.ID
	Outage error
}

// NewSearch returns a search. unwrap makes one trial; several of them are made at once.
// An error is that of a key service.
func NewSearch[T Trial, K any](c *Call, unwrap func(context.Context, T) (K, int, error)) *Search[T, K] {
	return &Search[T, K]{c: c, unwrap: unwrap}
}

// Sort puts trials in the order of search: what the message names, what opened last,
// the others as they come; remote keys that it does not name after all local ones,
// because each costs a call of a service.
func Sort[T Trial](c *Call, all []T) {
	rank := func(t T) int {
		switch {
		case t.Named():
			return 0
		case Unasked(t) && c.OpenedLast(t.Component()):
			return 3
		case Unasked(t):
			return 4
		case c.OpenedLast(t.Component()):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(rank(a), rank(b)) })
}

// Unasked reports whether a trial is of a remote key that the message does not name.
func Unasked(t Trial) bool { return t.Remote() && !t.Named() }

// Run offers the candidates of the groups to try, in order, until it reports that one
// opened the content, which Run returns, or returns an error. A trial is made alone if
// it is named or opened last; others are made as many at once as there are cores,
// because nothing tells them apart.
//
// An error is that of try, or the end of the work that a message is worth. Without
// one, and without a trial, nothing opened the content.
func (s *Search[T, K]) Run(groups []Group[T, K], try func(Candidate[T, K]) (opened bool, err error)) (*T, error) {
	for len(groups) != 0 {
		var batch []Group[T, K]
		batch, groups = s.next(groups)
		candidates := s.candidates(batch)
		for i, one := range candidates {
			one.Last = len(groups) == 0 && i == len(candidates)-1
			opened, err := try(one)
			if err != nil {
				return nil, err
			}
			if opened {
				return &one.Trial, nil
			}
		}
		if s.ended != nil {
			return nil, cmp.Or(s.Outage, s.ended)
		}
	}
	return nil, nil
}

// NotForUs returns the rejection of a message that no key opened: after the keys that were
// tried, it names those that the message names.
func (s *Search[T, K]) NotForUs(cause error, named []keyset.ID) error {
	ids := slices.Clone(s.Tried)
	for _, id := range named {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return envelope.Reject(envelope.NotForUs, cause, ids...)
}

// next takes the next group off the list or, of groups of one local trial each that
// nothing tells apart, several.
func (s *Search[T, K]) next(groups []Group[T, K]) (batch, rest []Group[T, K]) {
	n := 1
	if s.single(groups[0]) && !s.alone(groups[0].Trials[0]) {
		for n < min(len(groups), runtime.GOMAXPROCS(0)) && s.single(groups[n]) {
			n++
		}
	}
	return groups[:n], groups[n:]
}

func (s *Search[T, K]) single(g Group[T, K]) bool { return len(g.Trials) == 1 && !g.Trials[0].Remote() }

func (s *Search[T, K]) alone(t T) bool {
	return t.Remote() || t.Named() || s.c.OpenedLast(t.Component())
}

// may reports whether the budget of the message has room for the trial.
func (s *Search[T, K]) may(t T) bool {
	if s.ended != nil || t.Remote() && !s.c.RemoteOp() {
		return false
	}
	if s.ended = s.c.PrivateOp(t.Cost()); s.ended != nil {
		return false
	}
	if !slices.Contains(s.Tried, t.KeyID()) {
		s.Tried = append(s.Tried, t.KeyID())
	}
	return true
}

// candidates returns those of a batch.
func (s *Search[T, K]) candidates(batch []Group[T, K]) (out []Candidate[T, K]) {
	if len(batch) == 1 {
		if one := s.candidate(batch[0]); one != nil {
			out = append(out, *one)
		}
		return out
	}
	var trials []T
	var implicit []bool
	for _, g := range batch {
		trials, implicit = append(trials, g.Trials[0]), append(implicit, g.Implicit)
	}
	for i, m := range s.make(trials) {
		if m.err == nil && (m.Conforms == 1 || implicit[i]) {
			out = append(out, m.Candidate)
		}
	}
	return out
}

// candidate returns that of one group, or nil.
func (s *Search[T, K]) candidate(g Group[T, K]) *Candidate[T, K] {
	if g.Select != nil {
		return s.selected(g)
	}
	var substitute *Candidate[T, K]
	for rest := g.Trials; len(rest) != 0 && s.ended == nil; {
		n := min(len(rest), runtime.GOMAXPROCS(0))
		if s.alone(rest[0]) {
			n = 1
		}
		for _, m := range s.make(rest[:n]) {
			switch {
			case m.err != nil:
			case m.Conforms == 1:
				return &m.Candidate
			case substitute == nil && g.Implicit:
				substitute = &m.Candidate
			}
		}
		rest = rest[n:]
	}
	return substitute
}

// selected makes every trial of a group, and selects in constant time.
func (s *Search[T, K]) selected(g Group[T, K]) *Candidate[T, K] {
	var out *Candidate[T, K]
	which := 0
	for i, t := range g.Trials {
		for _, m := range s.make([]T{t}) {
			switch {
			case m.err != nil:
			case out == nil:
				out, which = &m.Candidate, i
			default:
				g.Select(m.Conforms, out.Key, m.Key)
				which = subtle.ConstantTimeSelect(m.Conforms, i, which)
			}
		}
	}
	if out != nil {
		out.Trial = g.Trials[which]
	}
	return out
}

type attempt[T Trial, K any] struct {
	Candidate[T, K]
	err error
}

// make makes the trials for which there is room, all at once.
func (s *Search[T, K]) make(trials []T) []attempt[T, K] {
	var out []attempt[T, K]
	for _, t := range trials {
		if s.may(t) {
			out = append(out, attempt[T, K]{Candidate: Candidate[T, K]{Trial: t}})
		}
	}
	one := func(a *attempt[T, K]) { a.Key, a.Conforms, a.err = s.unwrap(s.c.ctx, a.Trial) }
	if len(out) == 1 {
		one(&out[0])
	} else {
		var wg sync.WaitGroup
		for i := range out {
			wg.Go(func() { one(&out[i]) })
		}
		wg.Wait()
	}
	for _, a := range out {
		if a.err != nil {
			s.Outage = a.err
		}
	}
	return out
}
