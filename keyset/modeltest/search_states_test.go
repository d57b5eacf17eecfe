//go:build search

package modeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// Two parties, two replicas each. Party A has the private halves, party B the public
// ones; A signs and decrypts with them, B verifies and encrypts. The operators of both
// walk their manifest through the documented procedure, in any order that the table of
// the package documentation allows. Replicas follow, restart, and crash at any time.
// One message may be under way, in either direction: whether it opens depends on no
// other. Time passes only when none is under way and every replica has followed: the
// idle time is longer than both take.
//
// After every step, each replica's ring is also tried with every step and with every
// edit of one key in its manifest: what comes out is held against promises, which
// promised lists.
//
// A key of B's own would double the states and no rule looks across the two pairs.

const idleTicks = 1

// A bound is what one search covers.
type bound struct {
	keys     []keyset.ID
	replicas int // of each party
	revoke   bool
	steps    int           // every interleaving of so many steps, however long it takes
	limit    time.Duration // and then more, until so much time has passed
}

// keyNames and bounds are those of the search under way.
var (
	keyNames []keyset.ID
	within   bound
)

func tick(n int) time.Time {
	return time.Date(2027, 1, 1, n, 0, 0, 0, time.UTC)
}

type party struct {
	doc      keyset.Manifest
	replicas []*keyset.Ring
}

type world struct {
	now     int
	parties [2]*party
	flying  [2][]keyset.ID // from A, from B: the keys that it was sealed with
	removed [2]string      // the keys that the operators removed
	retired map[keyset.ID]int
	revoked string
	born    int // how many keys A has had

	from  *world
	step  string
	depth int
}

func (w *world) clone(step string) *world {
	c := *w
	c.from, c.step, c.depth = w, step, w.depth+1
	for i, p := range w.parties {
		q := *p
		q.replicas = make([]*keyset.Ring, len(p.replicas))
		for n, r := range p.replicas {
			q.replicas[n] = keyset.Clone(r)
		}
		c.parties[i] = &q
	}
	c.retired = map[keyset.ID]int{}
	for id, at := range w.retired {
		c.retired[id] = at
	}
	return &c
}

// A part is one copy of a certificate.
func certificate(id keyset.ID, private bool, parts string) *copied {
	return &copied{key{keyset.Info{ID: id, Format: keyset.OpenPGP, Private: private, Use: keyset.Signing | keyset.Encryption}}, parts}
}

// openerOf is the opener of both parties. The source says which copy the file holds.
func openerOf(private bool) keyset.Opener {
	return func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		return certificate(k.ID, private, strings.TrimPrefix(k.Source, "file:")), nil
	}
}

func (w *world) stateOf(r *keyset.Ring, id keyset.ID) keyset.State {
	k, _ := r.Load().Lookup(id)
	return k.State
}

func (w *world) everywhere(id keyset.ID, f func(keyset.State) bool) bool {
	for _, p := range w.parties {
		for _, r := range p.replicas {
			if !f(w.stateOf(r, id)) {
				return false
			}
		}
	}
	return true
}

func sealingNow(r keyset.Source, now int) (ids []keyset.ID) {
	for k := range r.Load().Sealing(tick(now)) {
		ids = append(ids, k.ID())
	}
	slices.Sort(ids)
	return ids
}

func opens(r *keyset.Ring, ids []keyset.ID) (keyset.ID, bool) {
	for k := range r.Load().Opening() {
		if slices.Contains(ids, k.ID()) {
			return k.ID(), true
		}
	}
	return "", false
}

// operator applies a named step to the manifest of a party, as a tool does: without
// keys, and with the reports of both replicas.
func (w *world) operator(i int, step func(*keyset.Ring) error) error {
	p := w.parties[i]
	for n := range p.doc.Keys {
		p.doc.Keys[n].Use = "signing+encryption"
	}
	s, err := p.doc.Open(context.Background(), nil)
	if err != nil {
		return err
	}
	ring := keyset.NewRing(s)
	for n, r := range p.replicas {
		if err := ring.Merge(r.Report(fmt.Sprint(n))); err != nil {
			return err
		}
	}
	if err := step(ring); err != nil {
		return err
	}
	m := ring.Load().Manifest()
	for n := range m.Keys {
		m.Keys[n].Since = time.Time{}
	}
	p.doc = *m
	return nil
}

// A lost message is what must never be.
type lost struct{ what string }

func (l *lost) Error() string { return l.what }

// mustOpen: some key of the message is revoked by nobody.
func (w *world) mustOpen(ids []keyset.ID) bool {
	return slices.ContainsFunc(ids, func(id keyset.ID) bool { return !strings.Contains(w.revoked, string(id)) })
}

// arrive opens a message at one replica of a party, and asks whether the other could.
func (w *world) arrive(to, at int, ids []keyset.ID) error {
	for n, r := range w.parties[to].replicas {
		id, ok := opens(r, ids)
		if !ok && w.mustOpen(ids) {
			return &lost{fmt.Sprintf("replica %d of %c refuses a message sealed with %v: it has %v", n+1, 'A'+to, ids, listed(r))}
		}
		if ok && w.stateOf(r, id) == keyset.Revoked {
			return &lost{fmt.Sprintf("replica %d of %c accepts the revoked key %s", n+1, 'A'+to, id)}
		}
		if ok && n == at {
			r.RecordOpened(id, tick(w.now))
		}
	}
	return nil
}

// errDisabled says that a step is not possible in this world.
var errDisabled = errors.New("not now")

type event struct {
	name string
	do   func(*world) error
}

func events() (all []event) {
	add := func(do func(*world) error, format string, args ...any) {
		all = append(all, event{fmt.Sprintf(format, args...), do})
	}
	enabled := func(ok bool, f func() error) error {
		if !ok {
			return errDisabled
		}
		return f()
	}
	for i := range 2 {
		name := string(rune('A' + i))
		for _, id := range keyNames {
			add(func(w *world) error {
				has := func(m keyset.Manifest) bool {
					return slices.ContainsFunc(m.Keys, func(k keyset.ManifestKey) bool { return k.ID == id })
				}
				p := w.parties[i]
				// New keys are alike: the names are given in their order.
				var named bool
				if n := slices.Index(keyNames, id); i == 0 {
					named = n == 0 || w.born >= n
				} else {
					named = has(w.parties[0].doc)
				}
				return enabled(!has(p.doc) && !strings.Contains(w.removed[0]+w.removed[1], string(id)) && named, func() error {
					if i == 0 {
						w.born = max(w.born, slices.Index(keyNames, id)+1)
					}
					p.doc.Keys = append(slices.Clone(p.doc.Keys), keyset.ManifestKey{ID: id, State: keyset.Pending, Source: "file:p", Use: "signing+encryption"})
					p.doc.Revision++
					return nil
				})
			}, "the operator of %s adds %s", name, id)
			add(func(w *world) error {
				return enabled(*careless == "probe" || w.everywhere(id, known), func() error {
					source, err := w.parties[i].replicas[0].Probe(id)
					if err != nil {
						return errDisabled
					}
					for at := range within.replicas {
						if err := w.arrive(1-i, at, sealingNow(source, w.now)); err != nil {
							return err
						}
					}
					return w.operator(i, func(r *keyset.Ring) error { return r.Acknowledge(id, "echo") })
				})
			}, "the operator of %s acknowledges the echo of %s", name, id)
			add(func(w *world) error {
				return enabled(w.everywhere(id, known) && !strings.Contains(w.revoked, string(id)), func() error {
					return w.operator(i, func(r *keyset.Ring) error { return r.Promote(id) })
				})
			}, "the operator of %s promotes %s", name, id)
			add(func(w *world) error {
				return w.operator(i, func(r *keyset.Ring) error { return r.Retire(id) })
			}, "the operator of %s retires %s", name, id)
			add(func(w *world) error {
				at, ok := w.retired[id]
				return enabled(*careless == "remove" || ok && w.now-at >= idleTicks, func() error {
					w.removed[i] += string(id)
					return w.operator(i, func(r *keyset.Ring) error { return r.Remove(id, idleTicks*time.Hour) })
				})
			}, "the operator of %s removes %s", name, id)
			add(func(w *world) error {
				return enabled(within.revoke && w.revoked == "", func() error {
					w.revoked = string(id)
					return w.operator(i, func(r *keyset.Ring) error { return r.Revoke(id) })
				})
			}, "the operator of %s revokes %s", name, id)
		}
		for n := range within.replicas {
			add(func(w *world) error {
				p := w.parties[i]
				r := p.replicas[n]
				return enabled(r.Outcome().Revision != p.doc.Revision || len(r.Outcome().Refused) != 0, func() error {
					before := describeRing(r)
					_, err := r.Reload(context.Background(), &p.doc, openerOf(i == 0), keyset.IdleFor(idleTicks*time.Hour))
					if err != nil {
						return err
					}
					if before == describeRing(r) && len(r.Outcome().Refused) != 0 {
						return errDisabled
					}
					return nil
				})
			}, "replica %d of %s follows", n+1, name)
			for _, ended := range []bool{true, false} {
				how := map[bool]string{true: "restarts", false: "crashes, and starts"}[ended]
				add(func(w *world) error {
					p := w.parties[i]
					report := p.replicas[n].Report("it")
					report.Ended = ended
					fresh := new(keyset.Ring)
					if _, err := fresh.Reload(context.Background(), &p.doc, openerOf(i == 0)); err != nil {
						return errDisabled
					}
					if err := fresh.Resume(report); err != nil {
						return err
					}
					p.replicas[n] = fresh
					return nil
				}, "replica %d of %s %s", n+1, name, how)
			}
			add(func(w *world) error {
				return enabled(w.flying[0] == nil && w.flying[1] == nil, func() error {
					ids := sealingNow(w.parties[i].replicas[n], w.now)
					if len(ids) == 0 {
						if w.revoked == "" {
							return &lost{fmt.Sprintf("replica %d of %s has nothing to seal with: %v", n+1, name, listed(w.parties[i].replicas[n]))}
						}
						return errDisabled
					}
					for _, id := range ids {
						w.parties[i].replicas[n].RecordSealed(id, tick(w.now))
					}
					w.flying[i] = ids
					return nil
				})
			}, "replica %d of %s sends", n+1, name)
			add(func(w *world) error {
				return enabled(w.flying[1-i] != nil, func() error {
					ids := w.flying[1-i]
					w.flying[1-i] = nil
					return w.arrive(i, n, ids)
				})
			}, "a message arrives at replica %d of %s", n+1, name)
		}
	}
	add(func(w *world) error {
		quiet := w.flying[0] == nil && w.flying[1] == nil
		for _, p := range w.parties {
			for _, r := range p.replicas {
				quiet = quiet && r.Outcome().Revision == p.doc.Revision
			}
		}
		return enabled(quiet, func() error { w.now++; return nil })
	}, "the idle time passes")
	return all
}

// settle notes since when nobody seals with a key.
func (w *world) settle() {
	for _, id := range keyNames {
		if !w.everywhere(id, notActive) || !w.everywhere(id, func(s keyset.State) bool { return s != 0 || strings.Contains(w.removed[0]+w.removed[1], string(id)) }) {
			delete(w.retired, id)
		} else if _, ok := w.retired[id]; !ok {
			w.retired[id] = w.now
		}
	}
}

// counted is what the rules look at of the usage of a ring: whether a key is idle, and
// which of the keys has opened last.
func counted(r *keyset.Ring, now int) string {
	var b strings.Builder
	for n, id := range keyNames {
		u, ok := r.Usage(id)
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "%t%t", u.Idle(tick(now)) >= idleTicks*time.Hour, u.LastOpened.IsZero())
		for _, other := range keyNames[:n] {
			v, _ := r.Usage(other)
			fmt.Fprintf(&b, "%d", u.LastOpened.Compare(v.LastOpened))
		}
	}
	return b.String()
}

// relied is what a later step can depend on: whether others have opened since a key did,
// and, of a pending key, whether it has opened at all. Whether a key is idle is not part
// of it: what is removed by the procedure always is, because time has passed since
// everybody retired it. The temptations below are tried on rings with busy keys too.
func relied(r *keyset.Ring, now int) string {
	var b strings.Builder
	for k := range r.Load().All() {
		u, _ := r.Usage(k.ID())
		heir := false
		for o := range r.Load().All() {
			v, _ := r.Usage(o.ID())
			heir = heir || o.ID() != k.ID() && o.State != keyset.Revoked && !v.LastOpened.IsZero() && !v.LastOpened.Before(u.LastOpened)
		}
		fmt.Fprintf(&b, "%t%t%t,", heir, u.LastOpened.Equal(tick(now)), k.State == keyset.Pending && !u.LastOpened.IsZero())
	}
	return b.String()
}

func describeRing(r *keyset.Ring) string {
	var b strings.Builder
	for k := range r.Load().All() {
		fmt.Fprintf(&b, "%s%d%q%s,", k.ID(), k.State, k.Evidence, k.Source)
	}
	return b.String()
}

// canonical spells a world so that two that behave alike are the same: times from now,
// replicas of one party in any order.
func (w *world) canonical() string {
	var b strings.Builder
	for _, p := range w.parties {
		for _, k := range p.doc.Keys {
			fmt.Fprintf(&b, "%s%d%t,", k.ID, k.State, k.Evidence != "")
		}
		var rings []string
		for _, r := range p.replicas {
			var c strings.Builder
			fmt.Fprintf(&c, "%s|%t%d|", describeRing(r), r.Outcome().Revision == p.doc.Revision, len(r.Outcome().Refused))
			c.WriteString(relied(r, w.now))
			rings = append(rings, c.String())
		}
		slices.Sort(rings)
		fmt.Fprintf(&b, "%v/", rings)
	}
	fmt.Fprintf(&b, "%v%v%s", w.flying, w.removed, w.revoked)
	for _, id := range keyNames {
		if at, ok := w.retired[id]; ok {
			fmt.Fprintf(&b, "r%s%d", id, min(idleTicks, w.now-at))
		}
	}
	return b.String()
}

func (w *world) timeline() string {
	var steps []string
	for v := w; v.from != nil; v = v.from {
		steps = append(steps, fmt.Sprintf("%02d:00  %s", v.now, v.step))
	}
	slices.Reverse(steps)
	return strings.Join(steps, "\n")
}

func first() *world {
	w := &world{retired: map[keyset.ID]int{}, born: 1}
	keyset.SetClock(tick(0))
	for i := range w.parties {
		w.parties[i] = &party{doc: keyset.Manifest{Version: 1, Revision: 1, Format: keyset.OpenPGP, Private: i == 0, Keys: []keyset.ManifestKey{
			{ID: keyNames[0], State: keyset.Active, Source: "file:p", Use: "signing+encryption"}}}}
		w.parties[i].replicas = make([]*keyset.Ring, within.replicas)
		for n := range within.replicas {
			w.parties[i].replicas[n] = new(keyset.Ring)
			if _, err := w.parties[i].replicas[n].Reload(context.Background(), &w.parties[i].doc, openerOf(i == 0)); err != nil {
				panic(err)
			}
		}
	}
	return w
}

// TestStates visits every world within the bounds.
func TestStates(t *testing.T) {
	two, three := []keyset.ID{"k1", "k2"}, []keyset.ID{"k1", "k2", "k3"}
	bounds := []bound{
		{two, 1, true, 10, 0},
		{two, 1, false, leastSteps, 0},
		{two, 2, false, 12, 0},
		{three, 2, true, 7, 0},
	}
	if *largeSearch {
		bounds = []bound{{two, 2, true, 0, 8 * time.Hour}, {three, 2, true, 0, 8 * time.Hour}}
	}
	if *careless != "" { // only whether it is found
		bounds = bounds[1:2]
	}
	for _, b := range bounds {
		keyNames, within = b.keys, b
		t.Logf("%d keys, %d replicas of each party, revocations %t: %s", len(b.keys), b.replicas, b.revoke, visit(t))
	}
}

func visit(t *testing.T) string {
	began := time.Now()
	seen, tried := map[string]bool{}, map[string]bool{}
	queue := []*world{first()}
	all := events()
	steps, tries, stopped := 0, 0, ""
	seen[queue[0].canonical()] = true
	for len(queue) != 0 {
		w := queue[0]
		queue = queue[1:]
		if w.depth > within.steps && time.Since(began) > within.limit {
			stopped = fmt.Sprintf("; every interleaving of %d steps: stopped with %d states to visit", w.depth-1, len(queue))
			break
		}
		tries += w.temptations(t, tried)
		for _, e := range all {
			next := w.clone(e.name)
			keyset.SetClock(tick(next.now))
			err := e.do(next)
			var l *lost
			if errors.As(err, &l) {
				t.Fatalf("counterexample of %d steps:\n%s\n       %s", next.depth, next.timeline(), l.what)
			}
			if err != nil {
				continue
			}
			next.settle()
			steps++
			if spelled := next.canonical(); !seen[spelled] {
				seen[spelled] = true
				queue = append(queue, next)
			}
		}
	}
	return fmt.Sprintf("%d states, %d steps between them, %d steps and edits tried on %d rings, in %v%s",
		len(seen), steps, tries, len(tried), time.Since(began).Round(time.Second), stopped)
}
