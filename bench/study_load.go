package main

import (
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Names of what is measured under load.
const (
	atRest  = "sealwax, keys at rest"
	swapped = "sealwax, keys replaced a thousand times a second"

	lookups = 10_000 // in one call
)

func onCores(name string, cores int) string {
	if cores == 1 {
		return name + ", one core"
	}
	return name + ", all cores"
}

// loads are the cases in which several goroutines share an envelope, or a ring
// is replaced while they do.
func loads() []scenario {
	var out []scenario
	for _, part := range []struct{ name, profile string }{{partParallel1, joseRSA}, {partParallel2, pgpRSA}} {
		for _, size := range []int{16 << 10, 1 << 20} {
			for _, op := range []string{"Seal", "Open"} {
				out = append(out, scenario{part.name, op, size, 0, 0, func() ([]subject, error) { return parallelStudy(part.profile, op, size) }})
			}
		}
	}
	for _, op := range []string{"Seal", "Open"} {
		out = append(out, scenario{partSwap, op, keysSize, 2, 0, func() ([]subject, error) { return swapStudy(op) }})
	}
	return append(out, scenario{partLookup, "Lookup", 0, mostKeys, 0, lookupStudy})
}

// parallelStudy runs one message at a time on one core, and one on each core. The
// limit is not asked: it has one set of buffers.
func parallelStudy(id, op string, size int) ([]subject, error) {
	p, err := profileOf(id)
	if err != nil {
		return nil, err
	}
	subjects, err := p.subjects(op, payload(size))
	if err != nil {
		return nil, err
	}
	all := runtime.GOMAXPROCS(0)
	if all == 1 {
		return nil, errors.New("this needs more than one core")
	}
	var out []subject
	for _, s := range subjects[1:3] { // us and the first of the peers
		for _, cores := range []int{1, all} {
			c := s
			c.name, c.cores, c.workers, c.long = onCores(s.name, cores), cores, cores, true
			out = append(out, c)
		}
	}
	return out, nil
}

// swapStudy seals or opens on all cores while the ring of the party that does so
// is replaced. It has two keys, of which the second seals only half of the time.
func swapStudy(op string) ([]subject, error) {
	k, err := joseECKeys()
	if err != nil {
		return nil, err
	}
	sign, err := generate(2, jwe.ES256)
	if err != nil {
		return nil, err
	}
	decrypt, err := generate(2, jwe.ECDHESA256KW)
	if err != nil {
		return nil, err
	}
	sender, from, err := k.party(sign, decrypt)
	if err != nil {
		return nil, err
	}
	receiver, to, err := k.party(decrypt, sign)
	if err != nil {
		return nil, err
	}
	toggled, id := sender, sign[1].Info().ID
	if op == "Open" {
		toggled, id = receiver, decrypt[1].Info().ID
	}
	s, err := ours(from, to).subject(op, payload(keysSize))
	if err != nil {
		return nil, err
	}
	s.workers = runtime.GOMAXPROCS(0)
	rest, busy := s, s
	rest.name, busy.name = atRest, swapped
	busy.beside = func() func() { return toggling(toggled, id) }
	return []subject{rest, busy}, nil
}

// party returns the ring of the private keys, and an envelope with it.
func (k joseKeys) party(private, public []*jwe.Key) (*keyset.Ring, *jwe.Envelope, error) {
	own, err := ring(private...)
	if err != nil {
		return nil, nil, err
	}
	peer, err := ring(public[0].Public(), public[1].Public())
	if err != nil {
		return nil, nil, err
	}
	e, err := jwe.New(k.config(keysSize, own, peer))
	return own, e, err
}

func generate(n int, alg jwe.Algorithm) ([]*jwe.Key, error) {
	return onAllCores(n, func(int) (*jwe.Key, error) { return jwe.GenerateKey("", alg) })
}

// toggling replaces the set of a ring a thousand times a second, until the
// function that it returns is called: one key is active, then retiring, and so on.
func toggling(r *keyset.Ring, id keyset.ID) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if err := toggle(r, id); err != nil {
					panic(err) // nothing refuses this change
				}
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func toggle(r *keyset.Ring, id keyset.ID) error {
	if k, _ := r.Load().Lookup(id); k.State == keyset.Active {
		return r.Retire(id)
	}
	return r.Promote(id)
}

// lookupStudy is what every message costs first: one load of the set, and one key
// by its ID.
func lookupStudy() ([]subject, error) {
	keys, err := generate(mostKeys, jwe.ES256)
	if err != nil {
		return nil, err
	}
	r, err := ring(keys...)
	if err != nil {
		return nil, err
	}
	id := keys[mostKeys-1].Info().ID
	rest := subject{name: atRest, times: lookups, op: func() (int, error) {
		for range lookups {
			if _, ok := r.Load().Lookup(id); !ok {
				return 0, keyset.ErrNotFound
			}
		}
		return 0, nil
	}}
	busy := rest
	busy.name = swapped
	busy.beside = func() func() { return toggling(r, id) }
	return []subject{rest, busy}, nil
}
