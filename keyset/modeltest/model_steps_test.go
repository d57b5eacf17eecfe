package modeltest

import (
	"context"
	"errors"

	"pgregory.net/rapid"

	"github.com/sealwax/sealwax/keyset"
)

func (m *model) add(t *rapid.T) {
	m.t = t
	p := rapid.IntRange(0, 1).Draw(t, "party")
	ring := m.parties[p][0].own
	live := 0
	for k := range ring.Load().All() {
		if k.State != keyset.Revoked {
			live++
		}
	}
	if live >= 6 {
		return
	}
	use := keyset.Signing | keyset.Encryption
	if m.format == keyset.JOSE {
		use = rapid.SampledFrom([]keyset.Use{keyset.Signing, keyset.Encryption}).Draw(t, "use")
	}
	k := m.generate(p, use)
	m.must(ring.Add(context.Background(), k, string(k.info.ID)))
}

// handOver adds a key of one party to the ring of the other.
func (m *model) handOver(t *rapid.T) {
	m.t = t
	p, own, id, ok := m.pickKey(in(keyset.Pending))
	if !ok || !own || m.revoked[id] {
		return
	}
	err := m.parties[1-p][0].peer.Add(context.Background(), m.born[id].Public(), string(id))
	if err != nil && !errors.Is(err, keyset.ErrDuplicate) {
		m.must(err)
	}
}

// ready: everybody opens with a key before anybody seals with it.
func (m *model) ready(id keyset.ID) bool {
	p := m.owner[id]
	return m.everywhere(p, true, id, known) && m.everywhere(1-p, false, id, known)
}

// acknowledge probes a key with an echo that every replica could answer.
func (m *model) acknowledge(t *rapid.T) {
	m.t = t
	p, own, id, ok := m.pickKey(in(keyset.Pending))
	if !ok || !m.ready(id) {
		return
	}
	r := m.parties[p][0]
	source, err := r.ring(own).Probe(id)
	if errors.Is(err, keyset.ErrTransition) {
		return // a key that only opens
	}
	m.must(err)
	m.old = append(m.old, source)
	ownSource, peerSource := keyset.Source(r.own), keyset.Source(r.peer)
	if own {
		ownSource = source
	} else {
		peerSource = source
	}
	echo, ok := m.seal(p, ownSource, peerSource)
	if !ok {
		return
	}
	if !m.mustOpen(echo) {
		return
	}
	for _, q := range m.parties[1-p] {
		if !open(q, echo) {
			t.Fatalf("a replica refuses the echo %v of %s", echo, id)
		}
	}
	m.must(r.ring(own).Acknowledge(id, "echo"))
	counts["acknowledged"]++
}

func (m *model) promote(t *rapid.T) {
	m.t = t
	p, own, id, ok := m.pickKey(in(keyset.Pending, keyset.Retiring))
	if !ok || !m.ready(id) {
		return
	}
	err := m.parties[p][0].ring(own).Promote(id)
	if errors.Is(err, keyset.ErrUnproven) {
		return
	}
	m.must(err)
	counts["promoted"]++
}

func (m *model) retire(t *rapid.T) {
	m.t = t
	p, own, id, ok := m.pickKey(in(keyset.Active))
	if !ok {
		return
	}
	err := m.parties[p][0].ring(own).Retire(id)
	if errors.Is(err, keyset.ErrLastActive) {
		return
	}
	m.must(err)
	counts["retired"]++
}

// remove: nobody seals with the key any more, on either side, and what was
// sealed with it has arrived.
func (m *model) remove(t *rapid.T) {
	m.t = t
	p, own, id, ok := m.pickKey(in(keyset.Retiring))
	if !ok {
		return
	}
	o := m.owner[id]
	if !m.everywhere(o, true, id, notActive) || !m.everywhere(1-o, false, id, notActive) {
		return
	}
	m.drain()
	err := m.parties[p][0].ring(own).RemoveUnchecked(id, "out of use")
	if errors.Is(err, keyset.ErrLastOpener) {
		return
	}
	m.must(err)
	m.gone[id] = true
	counts["removed"]++
	// The other side has no use for it either: it must not be promoted again.
	if other := m.parties[1-p][0].ring(!own); m.state(other, id) == keyset.Retiring {
		if err := other.RemoveUnchecked(id, "out of use"); err != nil && !errors.Is(err, keyset.ErrLastOpener) {
			m.must(err)
		}
	}
}

func (m *model) revoke(t *rapid.T) {
	m.t = t
	if rapid.IntRange(0, 19).Draw(t, "really") != 0 {
		return
	}
	p, own, id, ok := m.pickKey(in(keyset.Pending, keyset.Active, keyset.Retiring))
	if !ok {
		return
	}
	m.must(m.parties[p][0].ring(own).Revoke(id))
	m.revoked[id] = true
	counts["revoked"]++
}

// refresh brings another copy of a key.
func (m *model) refresh(t *rapid.T) {
	m.t = t
	p, own, id, ok := m.pickKey(func(keyset.Key) bool { return true })
	if !ok {
		return
	}
	copied := keyset.Material(&key{m.born[id].info})
	if !own {
		copied = copied.Public()
	}
	m.must(m.parties[p][0].ring(own).Refresh(context.Background(), copied, ""))
}

// probe takes a source, to be used at any time later.
func (m *model) probe(t *rapid.T) {
	m.t = t
	p, own, id, ok := m.pickKey(func(keyset.Key) bool { return true })
	if !ok {
		return
	}
	if s, err := m.parties[p][0].ring(own).Probe(id); err == nil {
		m.old = append(m.old, s)
	}
	m.oldSets = append(m.oldSets, oldSet{p, own, m.parties[p][0].ring(own).Load()})
}

// attack brings back what is old: sets, manifests, keys that were removed or
// revoked. It works on a copy; what it looks for is a revoked key that comes to life.
func (m *model) attack(t *rapid.T) {
	m.t = t
	if len(m.oldSets) == 0 {
		return
	}
	o := rapid.SampledFrom(m.oldSets).Draw(t, "old set")
	now := m.parties[o.party][0].ring(o.own).Load()
	r := keyset.NewRing(now)
	counts["attacked"]++
	manifest := o.set.Manifest()
	switch rapid.IntRange(0, 2).Draw(t, "way") {
	case 0:
		manifest.Revision = now.Revision() + 1
		_, _ = r.Reload(context.Background(), manifest, m.opener(o.own), keyset.IdleFor(1))
	case 1:
		for k := range o.set.All() {
			_ = r.Add(context.Background(), k.Material, "again")
			_ = r.Refresh(context.Background(), k.Material, "again")
			_ = r.Promote(k.ID())
		}
	case 2:
		for n := range manifest.Keys {
			if manifest.Keys[n].State == keyset.Revoked {
				manifest.Keys[n].State = keyset.Active
			}
		}
		manifest.Revision = now.Revision() + 7
		_, _ = r.Reload(context.Background(), manifest, m.opener(o.own), keyset.IdleFor(1))
	}
	for k := range now.All() {
		if k.State == keyset.Revoked && m.state(r, k.ID()) != keyset.Revoked {
			t.Fatalf("revoked key %s is %v again", k.ID(), m.state(r, k.ID()))
		}
	}
}
