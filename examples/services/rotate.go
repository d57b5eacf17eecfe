package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// step makes a step of the operator, again if it is early: until all replicas have loaded
// what it relies on, and until a key that goes has been idle.
func (l *ledger) step(ctx context.Context, f func(*keyset.Ring) error) error {
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := keyset.Step(ctx, l.store, f, keyset.AskReplicas(l.reports, replicaNames...))
		early := errors.Is(err, keyset.ErrLagging) || errors.Is(err, keyset.ErrBusy) || errors.Is(err, keyset.ErrUnproven)
		if !early || time.Since(began) > patience {
			return err
		}
	}
}

// rotate replaces every key, and stops each service in the middle. Why the steps have this
// order, docs/rotation.md says.
func (t *tale) rotate(ctx context.Context, token, cloud service) error {
	for _, do := range []func(context.Context) error{
		t.each("the next keys are made in the services, and added: all replicas open with them, and none seals", t.add),
		func(context.Context) error { return t.stop("the token is pulled out", token) },
		t.each("their public halves are handed over, and all replicas of the partner have them", t.handOver),
		t.each("the next keys are promoted: they seal", t.promote),
		func(context.Context) error { return t.stop("local-kms is killed", cloud) },
		t.each("the old keys retire", t.retire),
		t.each("the old keys are removed, when all replicas have found them idle, and the next ones at work", t.remove),
	} {
		if err := do(ctx); err != nil {
			return err
		}
		select { // messages flow
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// each does the same on all sides at once.
func (t *tale) each(what string, do func(context.Context, *side) error) func(context.Context) error {
	return func(ctx context.Context) error {
		t.say("\n%s", what)
		errs := make([]error, len(t.sides))
		var wg sync.WaitGroup
		for n, s := range t.sides {
			wg.Go(func() {
				if err := do(ctx, s); err != nil {
					errs[n] = fmt.Errorf("%v: %w", s, err)
				}
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	}
}

func (t *tale) add(ctx context.Context, s *side) (err error) {
	if s.next, err = s.make(ctx, 2); err != nil {
		return err
	}
	for _, k := range s.next {
		if err := s.own.step(ctx, func(ring *keyset.Ring) error { return ring.Add(ctx, k.Material, k.Source) }); err != nil {
			return err
		}
		t.say("%v adds %v", s, name(k))
	}
	return s.everywhere(ctx, s.next, true)
}

func (t *tale) handOver(ctx context.Context, s *side) error {
	for _, k := range s.next {
		public, err := s.give(ctx, k)
		if err != nil {
			return err
		}
		if err := s.partner.peer.step(ctx, func(ring *keyset.Ring) error { return ring.Add(ctx, public.Material, public.Source) }); err != nil {
			return err
		}
	}
	return s.partner.everywhere(ctx, s.next, true)
}

func (t *tale) promote(ctx context.Context, s *side) error {
	return s.steps(ctx, s.next, func(ring *keyset.Ring, id keyset.ID) error {
		if err := ring.Acknowledge(id, "the fingerprint was compared by telephone"); err != nil {
			return err
		}
		return ring.Promote(id)
	})
}

func (t *tale) retire(ctx context.Context, s *side) error {
	return s.steps(ctx, s.now, (*keyset.Ring).Retire)
}

func (t *tale) remove(ctx context.Context, s *side) error {
	for _, k := range s.now {
		var sealed, opened uint64
		for _, r := range s.replicas {
			u, _ := r.own.Usage(k.ID())
			sealed, opened = sealed+u.Sealed, opened+u.Opened
		}
		remove := func(ring *keyset.Ring, id keyset.ID) error { return ring.Remove(id, idle) }
		if err := s.steps(ctx, []keyset.Key{k}, remove); err != nil {
			return err
		}
		t.say("%v removes %s: it sealed %d and opened %d messages", s, k.Material.Info().Name, sealed, opened)
	}
	for _, at := range []*side{s, s.partner} {
		if err := at.everywhere(ctx, s.now, false); err != nil {
			return err
		}
	}
	t.traffic.note(func(n *tally) { n.rotated += len(s.now) })
	return nil
}

// steps makes the same step for keys of ours, in both manifests that list them.
func (s *side) steps(ctx context.Context, keys []keyset.Key, f func(*keyset.Ring, keyset.ID) error) error {
	for _, k := range keys {
		for _, l := range []*ledger{s.own, s.partner.peer} {
			if err := l.step(ctx, func(ring *keyset.Ring) error { return f(ring, k.ID()) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// everywhere waits until all replicas of a side have loaded keys, whoever's they are, or no
// longer have them. What is sealed with a key would be rejected where it is not known.
func (s *side) everywhere(ctx context.Context, keys []keyset.Key, known bool) error {
	for began := time.Now(); time.Since(began) < patience && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		lagging := false
		for _, r := range s.replicas {
			for _, k := range keys {
				_, own := r.own.Load().Lookup(k.ID())
				_, peer := r.peer.Load().Lookup(k.ID())
				lagging = lagging || (own || peer) != known
			}
		}
		if !lagging {
			return nil
		}
	}
	return errors.New("a replica does not follow its manifest")
}

func name(k keyset.Key) string { return k.Material.Info().Name + ": " + k.Source }
