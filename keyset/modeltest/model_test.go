package modeltest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealwax/sealwax/keyset"
)

// counts says what the sequences did, so that a model that does nothing fails.
var counts = map[string]int{}

func TestMain(m *testing.M) {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if !set {
		n := "4000"
		if testing.Short() {
			n = "400"
		}
		_ = flag.Set("rapid.checks", n)
		_ = flag.Set("rapid.steps", "150")
	}
	os.Exit(m.Run())
}

// A key is material without cryptography: of an OpenPGP certificate, or of a
// JOSE key with one use.
type key struct{ info keyset.Info }

func (k *key) Info() keyset.Info { return k.info }

func (k *key) SelfTest(context.Context) error { return nil }

func (k *key) Public() keyset.Material {
	i := k.info
	i.Private = false
	return &key{i}
}

// A message is what sealing leaves behind: who signed, and for whom.
type message struct {
	from       int // the party
	signers    []keyset.ID
	recipients []keyset.ID
}

// A replica is one process of a party: a ring of its own keys, and one of the
// partner's. The first replica of a party is where its operator works; the
// others follow its manifests.
type replica struct{ own, peer *keyset.Ring }

func (r *replica) ring(own bool) *keyset.Ring {
	if own {
		return r.own
	}
	return r.peer
}

// seal is what an envelope does with the two sources, in OpenPGP with all keys
// that seal, in JOSE with the most preferred ones.
func (m *model) seal(party int, own, peer keyset.Source) (message, bool) {
	pick := func(s keyset.Source) (ids []keyset.ID) {
		for k := range s.Load().Sealing(time.Now()) {
			ids = append(ids, k.ID())
			if m.format == keyset.JOSE {
				break
			}
		}
		return ids
	}
	msg := message{party, pick(own), pick(peer)}
	return msg, len(msg.signers) != 0 && len(msg.recipients) != 0
}

// open is what an envelope does with what it receives.
func open(r *replica, msg message) bool {
	fits := func(ring *keyset.Ring, ids []keyset.ID) (keyset.ID, bool) {
		for k := range ring.Load().Opening() {
			if slices.Contains(ids, k.ID()) {
				return k.ID(), true
			}
		}
		return "", false
	}
	decrypter, ok := fits(r.own, msg.recipients)
	if !ok {
		return false
	}
	signer, ok := fits(r.peer, msg.signers)
	if !ok {
		return false
	}
	r.own.RecordOpened(decrypter, time.Now())
	r.peer.RecordOpened(signer, time.Now())
	return true
}

// A model is two parties with replicas, the messages between them, and what is
// known of every key.
type model struct {
	t        *rapid.T
	format   keyset.Format
	parties  [2][]*replica
	flying   []message
	born     map[keyset.ID]*key
	owner    map[keyset.ID]int
	revoked  map[keyset.ID]bool // by its owner or by the partner
	gone     map[keyset.ID]bool // removed
	old      []keyset.Source    // probes taken at some time
	oldSets  []oldSet
	sequence int
}

type oldSet struct {
	party int
	own   bool
	set   *keyset.Set
}

func newModel(t *rapid.T) *model {
	m := &model{t: t, born: map[keyset.ID]*key{}, owner: map[keyset.ID]int{}, revoked: map[keyset.ID]bool{}, gone: map[keyset.ID]bool{}}
	m.format = rapid.SampledFrom([]keyset.Format{keyset.OpenPGP, keyset.JOSE}).Draw(t, "format")
	var first [2][]*key
	for p := range first {
		if m.format == keyset.OpenPGP {
			first[p] = []*key{m.generate(p, keyset.Signing|keyset.Encryption)}
		} else {
			first[p] = []*key{m.generate(p, keyset.Signing), m.generate(p, keyset.Encryption)}
		}
	}
	for p := range m.parties {
		for range rapid.IntRange(1, 3).Draw(t, "replicas") {
			m.parties[p] = append(m.parties[p], &replica{keyset.NewRing(m.set(first[p], true)), keyset.NewRing(m.set(first[1-p], false))})
		}
	}
	return m
}

func (m *model) generate(party int, use keyset.Use) *key {
	m.sequence++
	k := &key{keyset.Info{ID: keyset.ID(fmt.Sprintf("%c%d", 'A'+party, m.sequence)), Format: m.format, Private: true, Use: use}}
	m.born[k.info.ID], m.owner[k.info.ID] = k, party
	return k
}

func (m *model) set(keys []*key, private bool) *keyset.Set {
	var all []keyset.Key
	for _, k := range keys {
		var material keyset.Material = k
		if !private {
			material = k.Public()
		}
		all = append(all, keyset.Key{Material: material, State: keyset.Active, Source: string(k.info.ID)})
	}
	s, err := keyset.New(1, all...)
	m.must(err)
	return s
}

func (m *model) must(err error) {
	if err != nil {
		m.t.Fatalf("%+v", err)
	}
}

// opener opens what any manifest names, revoked or not: the ring decides.
func (m *model) opener(private bool) keyset.Opener {
	return func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		if private {
			return m.born[k.ID], nil
		}
		return m.born[k.ID].Public(), nil
	}
}

func (m *model) state(r *keyset.Ring, id keyset.ID) keyset.State {
	k, _ := r.Load().Lookup(id)
	return k.State
}

// everywhere reports whether f holds for the key in the given ring of all
// replicas of a party.
func (m *model) everywhere(party int, own bool, id keyset.ID, f func(keyset.State) bool) bool {
	for _, r := range m.parties[party] {
		if !f(m.state(r.ring(own), id)) {
			return false
		}
	}
	return true
}

func known(s keyset.State) bool { return s != 0 }

func notActive(s keyset.State) bool { return s != keyset.Active && s != keyset.Pending }

// pickKey draws a key in the operator's ring of a party.
func (m *model) pickKey(f func(keyset.Key) bool) (party int, own bool, id keyset.ID, ok bool) {
	party, own = rapid.IntRange(0, 1).Draw(m.t, "party"), rapid.Bool().Draw(m.t, "own")
	var ids []keyset.ID
	for k := range m.parties[party][0].ring(own).Load().All() {
		if f(k) {
			ids = append(ids, k.ID())
		}
	}
	if len(ids) == 0 {
		return party, own, "", false
	}
	return party, own, rapid.SampledFrom(ids).Draw(m.t, "key"), true
}

func in(states ...keyset.State) func(keyset.Key) bool {
	return func(k keyset.Key) bool { return slices.Contains(states, k.State) }
}

// TestRotationNeverDropsAMessage: while the rules are kept, no message is
// refused, and no revoked or removed key is ever accepted again.
func TestRotationNeverDropsAMessage(t *testing.T) {
	clear(counts)
	defer func() {
		t.Log(counts)
		for _, what := range []string{"acknowledged", "promoted", "retired", "removed", "revoked", "followed", "restarted", "accepted", "attacked"} {
			if counts[what] < 100 {
				t.Errorf("the sequences hardly ever %s: %d", what, counts[what])
			}
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		counts["sequences"]++
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"add":         m.add,
			"hand over":   m.handOver,
			"acknowledge": m.acknowledge,
			"promote":     m.promote,
			"retire":      m.retire,
			"undo retire": m.promote,
			"remove":      m.remove,
			"remove soon": m.remove,
			"remove once": m.remove,
			"follow all":  m.followAll,
			"all follow":  m.followAll,
			"hand on":     m.handOver,
			"echo":        m.acknowledge,
			"revoke":      m.revoke,
			"follow":      m.follow,
			"restart":     m.restart,
			"send":        m.send,
			"deliver":     m.deliver,
			"refresh":     m.refresh,
			"probe":       m.probe,
			"attack":      m.attack,
			"merge":       m.merge,
			"":            m.invariants,
		})
		m.drain()
	})
}

// follow lets one replica that is behind read the manifest as it is now.
func (m *model) follow(t *rapid.T) {
	m.t = t
	p, own := rapid.IntRange(0, 1).Draw(t, "party"), rapid.Bool().Draw(t, "own")
	r := m.parties[p][rapid.IntRange(0, len(m.parties[p])-1).Draw(t, "replica")]
	if r == m.parties[p][0] {
		return
	}
	m.reload(r.ring(own), m.parties[p][0].ring(own).Load().Manifest(), own)
}

// followAll lets every replica read the manifests, as happens when nobody hurries.
func (m *model) followAll(t *rapid.T) {
	m.t = t
	for _, replicas := range m.parties {
		for _, r := range replicas[1:] {
			for _, own := range []bool{true, false} {
				m.reload(r.ring(own), replicas[0].ring(own).Load().Manifest(), own)
			}
		}
	}
}

func (m *model) reload(r *keyset.Ring, manifest *keyset.Manifest, private bool) {
	outcome, err := r.Reload(context.Background(), manifest, m.opener(private), keyset.IdleFor(1))
	if outcome.Changed {
		counts["followed"]++
	}
	if !errors.Is(err, keyset.ErrStale) && !errors.Is(err, keyset.ErrConflict) {
		m.must(err)
	}
	for _, refused := range outcome.Refused {
		counts["refused"]++
		switch err := refused.Err; {
		case errors.Is(err, keyset.ErrLastActive), errors.Is(err, keyset.ErrLastOpener), errors.Is(err, keyset.ErrUnproven), errors.Is(err, keyset.ErrBusy):
			// As a step of the operator would be: that key stays as it was.
		default:
			m.must(err)
		}
	}
}

// restart makes the rings of a replica anew from the manifests as they are, with
// the usage that was stored.
func (m *model) restart(t *rapid.T) {
	m.t = t
	p := rapid.IntRange(0, 1).Draw(t, "party")
	n := rapid.IntRange(0, len(m.parties[p])-1).Draw(t, "replica")
	r := m.parties[p][n]
	counts["restarted"]++
	for _, own := range []bool{true, false} {
		old := r.ring(own)
		from := m.parties[p][0].ring(own).Load().Manifest()
		s, err := from.Open(context.Background(), m.opener(own))
		m.must(err)
		fresh := keyset.NewRing(s)
		last := old.Report("this one")
		last.Ended = true
		m.must(fresh.Resume(last))
		if own {
			r.own = fresh
		} else {
			r.peer = fresh
		}
	}
}

func (m *model) send(t *rapid.T) {
	m.t = t
	p := rapid.IntRange(0, 1).Draw(t, "party")
	r := m.parties[p][rapid.IntRange(0, len(m.parties[p])-1).Draw(t, "replica")]
	if msg, ok := m.seal(p, r.own, r.peer); ok {
		m.flying = append(m.flying, msg)
	}
}

// mustOpen reports whether the message has a signer and a recipient that nobody
// has revoked: only then is it the promise that it opens.
func (m *model) mustOpen(msg message) bool {
	alive := func(ids []keyset.ID) bool {
		return slices.ContainsFunc(ids, func(id keyset.ID) bool { return !m.revoked[id] })
	}
	return alive(msg.signers) && alive(msg.recipients)
}

// deliver opens a message that is under way at every replica: any of them may
// be the one that it reaches.
func (m *model) deliver(t *rapid.T) {
	m.t = t
	if len(m.flying) == 0 {
		return
	}
	n := rapid.IntRange(0, len(m.flying)-1).Draw(t, "message")
	msg := m.flying[n]
	m.flying = slices.Delete(m.flying, n, n+1)
	m.arrive(msg)
}

func (m *model) arrive(msg message) {
	for i, r := range m.parties[1-msg.from] {
		accepted := open(r, msg)
		if accepted {
			counts["accepted"]++
		}
		if !accepted && m.mustOpen(msg) {
			m.t.Fatalf("replica %d of party %d refuses %+v\nown %v\npeer %v", i, 1-msg.from, msg, listed(r.own), listed(r.peer))
		}
		// Where it is revoked, it never counts.
		if accepted && m.all(r.own, msg.recipients, keyset.Revoked) || accepted && m.all(r.peer, msg.signers, keyset.Revoked) {
			m.t.Fatalf("replica %d accepts %+v by revoked keys", i, msg)
		}
	}
}

func (m *model) all(r *keyset.Ring, ids []keyset.ID, s keyset.State) bool {
	return !slices.ContainsFunc(ids, func(id keyset.ID) bool { return m.state(r, id) != s })
}

func (m *model) drain() {
	for _, msg := range m.flying {
		m.arrive(msg)
	}
	m.flying = nil
}

func listed(r *keyset.Ring) (out []string) {
	for k := range r.Load().All() {
		out = append(out, k.String())
	}
	return out
}

func (m *model) merge(t *rapid.T) {
	m.t = t
	p, own := rapid.IntRange(0, 1).Draw(t, "party"), rapid.Bool().Draw(t, "own")
	for n, r := range m.parties[p][1:] {
		m.must(m.parties[p][0].ring(own).Merge(r.ring(own).Report(fmt.Sprint("replica ", n))))
	}
}

// invariants hold after every step.
func (m *model) invariants(t *rapid.T) {
	for p, replicas := range m.parties {
		for i, r := range replicas {
			for _, ring := range []*keyset.Ring{r.own, r.peer} {
				s := ring.Load()
				for k := range s.Sealing(time.Now()) {
					if k.State != keyset.Active {
						t.Fatalf("replica %d of party %d seals with %s", i, p, k)
					}
				}
				for k := range s.Opening() {
					if k.State == keyset.Revoked {
						t.Fatalf("replica %d of party %d opens with %s", i, p, k)
					}
				}
			}
		}
	}
	// A probe that was taken before never seals with a key that its ring has
	// revoked since.
	for _, source := range m.old {
		for k := range source.Load().Sealing(time.Now()) {
			if k.State == keyset.Revoked {
				t.Fatalf("a probe seals with the revoked key %s", k)
			}
		}
	}
}
