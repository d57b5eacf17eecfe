package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// rotateAll replaces all four keys, one after the other, while traffic flows.
func (t *tale) rotateAll(ctx context.Context) error {
	for _, chapter := range []struct {
		title string
		tell  func(context.Context) error
	}{
		{"two operators at once each add a key of ours", t.twoOperators},
		{"the key that the partner encrypts to", t.ourDecryptionKey},
		{"the key that we sign with, while replica-2 is cut off from its store for ten seconds", t.ourSigningKey},
		{"the key that the partner signs with, while etcd is killed and started again", t.theirSigningKey},
		{"the key that we encrypt to", t.theirDecryptionKey},
	} {
		t.say("\n%s", chapter.title)
		if err := chapter.tell(ctx); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
	}
	return nil
}

// in does what needs no word.
func in(steps ...func() error) error {
	for _, s := range steps {
		if err := s(); err != nil {
			return err
		}
	}
	return nil
}

func (t *tale) twoOperators(ctx context.Context) error {
	for name, a := range map[string]jwe.Algorithm{"sign-2": jwe.ES256, "read-2": jwe.ECDHESA256KW} {
		if _, err := t.newKey(name, a, true); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for n, key := range []string{"sign-2", "read-2"} {
		wg.Go(func() { _, errs[n] = t.operate(ctx, "add", "own.json", key, "") })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// public reads the public half of a key, as it is handed to the other party.
func (t *tale) public(name string) (keyset.Material, error) {
	o, err := newKeys(t.keys)
	if err != nil {
		return nil, err
	}
	return o.read(name, false)
}

func (t *tale) ourDecryptionKey(ctx context.Context) error {
	next, err := t.public("read-2")
	if err != nil {
		return err
	}
	old, id := t.partner.find(t.partner.peer, "read-1"), next.Info().ID
	return in(
		// Active, it is handed out: all replicas have it.
		func() error { return t.step(ctx, "promote", "own.json", "read-2", "") },
		func() error { return t.partner.peer.Add(ctx, next, "") },
		func() error {
			probe, err := t.partner.peer.Probe(id)
			if err != nil {
				return err
			}
			return t.partner.echo(ctx, t.partner.own, probe)
		},
		func() error { return t.partner.peer.Acknowledge(id, "an echo of each replica") },
		func() error { return t.partner.peer.Promote(id) },
		func() error { return t.partner.peer.Retire(old) },
		func() error { return t.step(ctx, "retire", "own.json", "read-1", "") },
		func() error { return t.step(ctx, "remove", "own.json", "read-1", "") },
		func() error { return t.partner.peer.Remove(old, idle) },
	)
}

func (t *tale) ourSigningKey(ctx context.Context) error {
	next, err := t.public("sign-2")
	if err != nil {
		return err
	}
	old, id := t.partner.find(t.partner.peer, "sign-1"), next.Info().ID
	return in(
		func() error { return t.partner.peer.Add(ctx, next, "") },
		func() error { return t.fleet.cut(1, 10*time.Second) },
		// A change that the replica which is cut off cannot load.
		func() error { return t.step(ctx, "acknowledge", "own.json", "sign-2", "asked for on the telephone") },
		func() error { return t.prove(ctx, "own.json", "sign-2") },
		func() error { return t.step(ctx, "promote", "own.json", "sign-2", "") },
		func() error { return t.partner.peer.Promote(id) },
		func() error { return t.step(ctx, "retire", "own.json", "sign-1", "") },
		func() error { return t.step(ctx, "remove", "own.json", "sign-1", "") },
		func() error { return t.partner.peer.Retire(old) },
		func() error { return t.removed(func() error { return t.partner.peer.Remove(old, idle) }) },
	)
}

func (t *tale) theirSigningKey(ctx context.Context) error {
	next, err := t.newKey("bank-sign-2", jwe.ES256, false)
	if err != nil {
		return err
	}
	p := t.partner
	old, id := p.find(p.own, "bank-sign-1"), next.Info().ID
	return in(
		func() error { return p.own.Add(ctx, next, "") },
		func() error { return t.step(ctx, "add", "peer.json", "bank-sign-2", "") },
		func() error {
			if t.etcd == nil {
				return nil
			}
			t.say("  etcd is killed")
			t.etcd.kill()
			time.Sleep(2 * time.Second)
			return t.etcd.start(ctx)
		},
		// What the new key signs is accepted by all replicas: the partner may use it.
		func() error { return t.step(ctx, "promote", "peer.json", "bank-sign-2", "") },
		func() error {
			probe, err := p.own.Probe(id)
			if err != nil {
				return err
			}
			return p.echo(ctx, probe, p.peer)
		},
		func() error { return p.own.Acknowledge(id, "an echo of each replica") },
		func() error { return p.own.Promote(id) },
		func() error { return p.own.Retire(old) },
		func() error { return t.step(ctx, "retire", "peer.json", "bank-sign-1", "") },
		func() error { return t.step(ctx, "remove", "peer.json", "bank-sign-1", "") },
		func() error { return t.removed(func() error { return p.own.Remove(old, idle) }) },
	)
}

func (t *tale) theirDecryptionKey(ctx context.Context) error {
	next, err := t.newKey("bank-read-2", jwe.ECDHESA256KW, false)
	if err != nil {
		return err
	}
	p := t.partner
	old := p.find(p.own, "bank-read-1")
	return in(
		func() error { return p.own.Add(ctx, next, "") },
		func() error { return t.step(ctx, "add", "peer.json", "bank-read-2", "") },
		func() error { return t.prove(ctx, "peer.json", "bank-read-2") },
		func() error { return t.step(ctx, "promote", "peer.json", "bank-read-2", "") },
		func() error { return t.step(ctx, "retire", "peer.json", "bank-read-1", "") },
		func() error { return t.step(ctx, "remove", "peer.json", "bank-read-1", "") },
		func() error { return p.own.Retire(old) },
		func() error { return t.removed(func() error { return p.own.Remove(old, idle) }) },
	)
}

// prove seals an echo with the new key alone, lets the partner open it, and records that.
func (t *tale) prove(ctx context.Context, manifest, key string) error {
	sealed, err := t.operate(ctx, "probe", manifest, key, "echo of "+key)
	if err != nil {
		return err
	}
	text, err := evidence(ctx, t.partner.env, sealed)
	if err != nil {
		return err
	}
	_, err = t.operate(ctx, "acknowledge", manifest, key, text)
	return err
}

// removed tries to remove a key of the partner until it is idle.
func (t *tale) removed(remove func() error) error {
	for began := time.Now(); ; time.Sleep(300 * time.Millisecond) {
		err := remove()
		if !errors.Is(err, keyset.ErrBusy) || time.Since(began) > time.Minute {
			return err
		}
	}
}

// find returns the ID of the key of that name.
func (p *partner) find(ring *keyset.Ring, name string) keyset.ID {
	k, _ := ring.Load().Find(name)
	if k.Material == nil {
		return ""
	}
	return k.ID()
}
