package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A story is one format: two parties, every key of them replaced, one revoked.
type story struct {
	format   *format
	workers  int
	duration time.Duration // for which messages flow, at least
	out      io.Writer
	before   func(step string, s *story)
	timeline timeline
	screen   *screen // nil where out is no terminal
	picture  *picture
	account  *account
	traffic  *traffic

	bank, shop *party
	all        []*rotation // of the planned keys
	emergency  *rotation   // of one
	recorded   int         // messages before the emergency
	captured   []*capture
	removed    []row
	proven     proven
}

func newStory(f *format, workers int, duration time.Duration, out io.Writer, before func(string, *story)) *story {
	s := &story{
		format:   f,
		workers:  workers,
		duration: duration,
		out:      out,
		before:   before,
		account:  newAccount(),
	}
	s.timeline.w, s.timeline.start = out, time.Now()
	s.traffic = newTraffic(s.failure)
	s.screen, _ = out.(*screen)
	s.picture = &picture{title: f.title, traffic: s.traffic}
	return s
}

// begin prints the name of a step, and what it is good for.
func (s *story) begin(name, why string) {
	s.picture.begin(name)
	s.timeline.step(name, why)
}

// first is the name of the step in which the parties meet.
const first = "meet"

func (s *story) say(line string, a ...any) { s.timeline.say(line, a...) }

// failure prints the first of the requests that fail.
func (s *story) failure(p *party, number uint64, err error) {
	if n := s.traffic.failed.Load(); n <= 5 {
		s.say("FAILED: request %d of %s: %v", number, p.name, err)
	}
}

// tell runs the story. It returns an error if a step was not possible, or was
// possible and must not be, or if a removed or revoked key was still accepted.
func (s *story) tell(ctx context.Context) (err error) {
	s.picture.begin(first) // the first picture has a name
	s.screen.show(s.picture.lines)
	fmt.Fprintf(s.out, "\n%s: two parties, %d workers in each direction\n%s\n%s\n", s.format.title, s.workers, s.format.note,
		"Steps differ in how many requests they see: what RSA does once, keys on curves do many times.")
	if err := s.meet(ctx); err != nil {
		return err
	}
	defer s.bank.stop()
	defer s.shop.stop()
	stop := sync.OnceFunc(s.traffic.start(s.workers, s.bank, s.shop))
	defer stop()
	if err := s.play(ctx, s.script(ctx)); err != nil {
		stop()
		s.table()
		return err
	}
	stop()
	s.begin("end", "the workers have stopped; everything recorded is replayed once more, and rejected for the same reasons")
	s.say("%s", s.count())
	err = s.again(ctx)
	s.table()
	if err == nil {
		s.show()
	}
	return err
}

// meet gives each party its first keys, and the public halves of the other's.
func (s *story) meet(ctx context.Context) error {
	s.timeline.step(first, "each side makes its keys and gives the public halves to the other")
	names := []string{"bank", "shop"}
	private := make([][]keyset.Key, len(names))
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			for _, use := range s.format.uses {
				m, err := s.format.generate(name, use, 1)
				if err != nil {
					errs[i] = err
					return
				}
				s.account.name(m)
				private[i] = append(private[i], keyset.Key{Material: m, State: keyset.Active})
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	own := make([]*keyset.Set, len(names))
	for i, name := range names {
		var err error
		if own[i], err = keyset.New(1, private[i]...); err != nil {
			return err
		}
		for _, k := range private[i] {
			s.say("%s has %s (%s, fingerprint %s): active on both sides",
				name, label(k.Material), k.Material.Info().Algorithm, short(k.ID()))
		}
	}
	parties := make([]*party, len(names))
	for i, name := range names {
		other := 1 - i
		var err error
		parties[i], err = newParty(s.format, name, names[other], keyset.NewRing(own[i]), keyset.NewRing(own[other].Public()), s.account)
		if err != nil {
			return err
		}
	}
	s.bank, s.shop = parties[0], parties[1]
	s.bank.url = "http://" + s.shop.listener.Addr().String() + "/echo"
	s.shop.url = "http://" + s.bank.listener.Addr().String() + "/echo"
	s.picture.meet(s.places())
	return nil
}

// A step is one line of the procedure.
type step struct {
	name, why string
	do        func() error
	watch     bool // let messages flow for a while, and show which keys they use
}

// script is what takes every key of both sides through the whole procedure, and then
// one more through the emergency.
func (s *story) script(ctx context.Context) []step {
	type action = func(context.Context, *rotation) error
	each := func(do action) func() error {
		return func() error {
			for _, r := range s.all {
				if err := do(ctx, r); err != nil {
					return err
				}
			}
			return nil
		}
	}
	next := func(generation int) action {
		return func(ctx context.Context, r *rotation) error { return s.add(ctx, r, generation) }
	}
	return []step{
		{"start", "the first keys do all the work", s.plan, true},
		{"add", "the next keys: each decrypts with its own from now on, and does not seal yet", each(next(2)), true},
		{"hand over", "the public halves: each verifies with the partner's from now on, and does not seal yet", each(s.handOver), true},
		{"prove", "an echo sealed with the new key alone; promoting it before is refused", each(s.prove), true},
		{"promote", "the new keys seal; retiring an old one before is refused", each(s.promote), true},
		{"record", "messages that only the old keys protect, all of them accepted now", each(s.capture), false},
		{"retire", "the old keys no longer seal, and go on to open what is under way", each(s.retire), true},
		{"remove", fmt.Sprintf("the old keys, once idle for %v and once others have opened messages since", idle), each(s.remove), true},
		{"replay", "what was recorded, with the removed keys", func() error { return s.replay(ctx, s.captured) }, false},

		{"compromise", "a private key of the bank is found where it should not be: its successor, in one go", func() error {
			s.emergency = s.rotation(s.bank, s.shop, s.format.uses[0])
			s.emergency.after, s.emergency.afterDecrypt = envelope.RevokedSigner, envelope.RevokedRecipient
			for _, do := range []action{next(3), s.handOver, s.prove, s.promote} {
				if err := do(ctx, s.emergency); err != nil {
					return err
				}
			}
			return nil
		}, true},
		{"record", "messages that only the compromised key protects, all of them accepted now", func() error {
			s.recorded = len(s.captured)
			return s.capture(ctx, s.emergency)
		}, false},
		{"revoke", "the compromised key, at once and for ever", func() error { return s.revoke(ctx, s.emergency) }, true},
		{"replay", "what was recorded, with the revoked key", func() error { return s.replay(ctx, s.captured[s.recorded:]) }, false},
	}
}

// plan says which keys are to be replaced: all of them.
func (s *story) plan() error {
	for _, use := range s.format.uses {
		s.all = append(s.all, s.rotation(s.bank, s.shop, use), s.rotation(s.shop, s.bank, use))
	}
	return nil
}

// steps is how many there are, with those to meet and to end.
func (s *story) steps() int { return 1 + len(s.script(context.Background())) + 1 }

// rotation returns the rotation of the key that a party uses now.
func (s *story) rotation(owner, partner *party, use keyset.Use) *rotation {
	r := &rotation{owner: owner, partner: partner, use: use, after: envelope.UnknownSigner, afterDecrypt: envelope.NotForUs}
	for k := range owner.own.Load().All() {
		if i := k.Material.Info(); i.Use == use && k.State == keyset.Active {
			r.old = i.ID
		}
	}
	return r
}

// play goes from one step to the next. Before the next one, the messages have
// ended that were sealed before the last one.
func (s *story) play(ctx context.Context, all []step) error {
	watched := 0
	for _, next := range all {
		if next.watch {
			watched++
		}
	}
	for _, next := range all {
		if s.before != nil {
			s.before(next.name, s)
		}
		s.begin(next.name, next.why)
		if err := next.do(); err != nil {
			return fmt.Errorf("%s: %w", next.name, err)
		}
		s.traffic.drain()
		s.account.clear()
		if next.watch {
			if err := s.watch(ctx, s.duration/time.Duration(watched)); err != nil {
				return err
			}
		}
	}
	return nil
}

// watch waits, and then says which keys were in use meanwhile.
func (s *story) watch(ctx context.Context, wait time.Duration) error {
	until := time.Now().Add(wait)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
		atBank, n := s.account.keys(s.bank)
		atShop, m := s.account.keys(s.shop)
		seen := n != 0 && m != 0 || s.traffic.failed.Load() != 0
		if seen && time.Now().After(until) {
			s.say("bank to shop: %s", atShop)
			s.say("shop to bank: %s", atBank)
			s.say("%s", s.count())
			return nil
		}
	}
}

func (s *story) count() string {
	return fmt.Sprintf("requests %d, failed %d", s.traffic.requests.Load(), s.traffic.failed.Load())
}

func (s *story) places() []place {
	return []place{
		{s.bank, s.bank.own, true}, {s.bank, s.bank.peer, false},
		{s.shop, s.shop.own, true}, {s.shop, s.shop.peer, false},
	}
}
