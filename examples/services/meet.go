package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/sealwax/sealwax/keyset"
)

// meet makes the first keys and the manifests of two partners, and starts their replicas,
// which follow until ctx ends.
func (t *tale) meet(ctx context.Context, dir string, f *format, bank, shop *party) error {
	a, b := &side{party: bank, format: f}, &side{party: shop, format: f}
	a.partner, b.partner = b, a
	t.sides = append(t.sides, a, b)
	for _, s := range []*side{a, b} {
		if err := s.settle(filepath.Join(dir, s.String())); err != nil {
			return err
		}
	}
	for _, s := range []*side{a, b} {
		var err error
		if s.now, err = s.make(ctx, 1); err != nil {
			return err
		}
		var given []keyset.Key
		for _, k := range s.now {
			public, err := s.give(ctx, k)
			if err != nil {
				return err
			}
			given = append(given, public)
			t.say("%v has %v", s, name(k))
		}
		for l, keys := range map[*ledger][]keyset.Key{s.own: s.now, s.partner.peer: given} {
			set, err := keyset.New(1, keys...)
			if err != nil {
				return err
			}
			if err := keyset.Create(ctx, l.store, set.Manifest()); err != nil {
				return err
			}
		}
	}
	for _, s := range []*side{a, b} {
		for _, name := range replicaNames {
			if err := s.start(ctx, name, t.say); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle makes the folder of a side.
func (s *side) settle(dir string) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if s.folder, err = os.OpenRoot(dir); err != nil {
		return err
	}
	if s.own, err = newLedger(s.folder, "own"); err != nil {
		return err
	}
	s.peer, err = newLedger(s.folder, "peer")
	return err
}

// close ends what settle and start began.
func (s *side) close() {
	for _, r := range s.replicas {
		_ = r.listener.Close()
		r.running.Wait()
	}
	if s.folder != nil {
		_ = s.folder.Close()
	}
}
