package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// idle is how long an old key must have been unused before it is removed. In
// production it is weeks: longer than any queue, retry, or backup of a partner.
const idle = 300 * time.Millisecond

// A rotation replaces one key of one party by the next. A key is in two rings:
// the private half among the own keys of its owner, the public half among the
// peer keys of the partner. On each side the ring decides for itself.
type rotation struct {
	owner, partner *party
	use            keyset.Use
	old, next      keyset.ID
	made           keyset.Material // the next key, with its private half
	after          envelope.Reason // why what only the old key signed is rejected in the end
	afterDecrypt   envelope.Reason // why what only the old key decrypts is
}

// A place is one of the two rings.
type place struct {
	party *party
	ring  *keyset.Ring
	own   bool
}

func (p place) String() string {
	if p.own {
		return p.party.name + ", own"
	}
	return p.party.name + ", peer"
}

func (r *rotation) places() [2]place {
	return [2]place{{r.owner, r.owner.own, true}, {r.partner, r.partner.peer, false}}
}

// seals reports whether the key has a part in sealing there: our certificates
// and the partner's do, and of JOSE keys our signing key and the partner's
// encryption key.
func (p place) seals(id keyset.ID) bool {
	k, ok := p.ring.Load().Lookup(id)
	return ok && k.Material.Info().Seals()
}

// add generates the next key. Its owner decrypts with it from now on, before
// anybody else knows that it exists.
func (s *story) add(ctx context.Context, r *rotation, generation int) error {
	var err error
	if r.made, err = s.format.generate(r.owner.name, r.use, generation); err != nil {
		return err
	}
	if err := r.owner.own.Add(ctx, r.made, fmt.Sprint("generated, ", generation)); err != nil {
		return err
	}
	r.next = r.made.Info().ID
	s.account.name(r.made)
	s.say("%s adds %s (%s): pending", r.owner.name, label(r.made), r.made.Info().Algorithm)
	return nil
}

// handOver gives the public half to the partner, who accepts its signatures
// from now on. Whoever can hand over a key is trusted: so the two compare its
// fingerprint over another channel first.
func (s *story) handOver(ctx context.Context, r *rotation) error {
	document, err := s.format.handOver(r.made)
	if err != nil {
		return err
	}
	received, err := s.format.receive(document)
	if err != nil {
		return err
	}
	if id := received.Info().ID; id != r.next {
		return fmt.Errorf("%s received key %s, and %s speaks of %s: somebody has exchanged it", r.partner.name, id, r.owner.name, r.next)
	}
	if err := r.partner.peer.Add(ctx, received, "from "+r.owner.name); err != nil {
		return err
	}
	s.say("%s adds %s, fingerprint %s compared: pending", r.partner.name, label(received), short(r.next))
	return nil
}

// prove sends an echo that is sealed with the next key alone, from each side on
// which it seals. That the partner answers is the evidence without which
// Promote refuses.
func (s *story) prove(ctx context.Context, r *rotation) error {
	for _, p := range r.places() {
		if p.seals(r.next) {
			if err := s.refuses(p.ring.Promote(r.next), keyset.ErrUnproven); err != nil {
				return err
			}
		}
	}
	for _, p := range r.places() {
		if !p.seals(r.next) {
			continue
		}
		e, err := s.probe(p, r.next)
		if err != nil {
			return err
		}
		if err := s.traffic.ask(ctx, p.party, e); err != nil {
			return fmt.Errorf("the probe of %s failed: %w", s.account.label(r.next), err)
		}
		if err := p.ring.Acknowledge(r.next, "echo answered "+time.Now().UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		does := "signs an echo with"
		if !p.own {
			does = "encrypts an echo to"
		}
		s.proven.echoes++
		s.say("%s %s %s alone, %s answers it: acknowledged", p.party.name, does, s.account.label(r.next), p.party.partner)
	}
	return nil
}

// probe returns an envelope in which no key of that ring seals but the one.
func (s *story) probe(p place, id keyset.ID) (envelope.Envelope, error) {
	source, err := p.ring.Probe(id)
	if err != nil {
		return nil, err
	}
	if p.own {
		return p.party.envelope(source, p.party.peer, "request", "reply")
	}
	return p.party.envelope(p.party.own, source, "request", "reply")
}

// promote lets the next key seal. In OpenPGP it does so beside the old one; a
// compact JOSE message has room for one key, and changes over.
func (s *story) promote(_ context.Context, r *rotation) error {
	for _, p := range r.places() {
		if p.seals(r.old) {
			if err := s.refuses(p.ring.Retire(r.old), keyset.ErrLastActive); err != nil {
				return err
			}
		}
		if err := p.ring.Promote(r.next); err != nil {
			return err
		}
		s.say("%s promotes %s: active", p.party.name, s.account.label(r.next))
	}
	return nil
}

// retire stops the old key from sealing. It goes on to open what is under way.
func (s *story) retire(_ context.Context, r *rotation) error {
	for _, p := range r.places() {
		if err := p.ring.Retire(r.old); err != nil {
			return err
		}
		s.say("%s retires %s", p.party.name, s.account.label(r.old))
	}
	return nil
}

// remove waits until the old key has been idle, which Remove asks of the ring,
// and takes it out.
func (s *story) remove(ctx context.Context, r *rotation) error {
	for _, p := range r.places() {
		for {
			last := p.row(r.old)
			err := p.ring.Remove(r.old, idle)
			if err == nil {
				last.state = "removed"
				s.removed = append(s.removed, last)
				s.say("%s removes %s, idle for %v", p.party.name, last.label, last.usage.Idle(time.Now()).Round(time.Millisecond))
				break
			}
			if !errors.Is(err, keyset.ErrBusy) && !errors.Is(err, keyset.ErrUnproven) {
				return err
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("%w: %w", context.Cause(ctx), err)
			}
		}
	}
	return nil
}

// revoke ends a key that is compromised, at once and for ever, on both sides.
// Its successor seals already and no message is under way that only the old
// key opens, so that nothing is lost. Where there is no successor yet, revoke
// all the same.
func (s *story) revoke(ctx context.Context, r *rotation) error {
	for _, p := range r.places() {
		k, _ := p.ring.Load().Lookup(r.old)
		if err := p.ring.Revoke(r.old); err != nil {
			return err
		}
		if err := s.refuses(p.ring.Promote(r.old), keyset.ErrTransition); err != nil {
			return err
		}
		if err := s.refuses(p.ring.Add(ctx, k.Material, "again"), keyset.ErrDuplicate); err != nil {
			return err
		}
		s.say("%s revokes %s: nothing brings it back", p.party.name, s.account.label(r.old))
	}
	return nil
}

func short(id keyset.ID) string { return string(id[:8]) }
