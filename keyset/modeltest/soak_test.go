package modeltest

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

var soakMessages = flag.Int("soak.messages", 0, "how many messages TestSoak sends in each format; 0 for a few")

// A party is one side of the soak: its rings, and its envelope over them.
type soakParty struct {
	own, peer *keyset.Ring
	env       envelope.Envelope
}

// A soak is two parties that send without pause while their keys rotate.
type soak struct {
	t        *testing.T
	parties  [2]*soakParty
	generate func(use keyset.Use) keyset.Material
	build    func(own, peer keyset.Source) envelope.Envelope
	uses     []keyset.Use // of one key each
	laps     [8]atomic.Uint64
	sent     atomic.Int64
	rotated  int
}

// TestSoak sends messages with 8 workers, in both formats and both directions,
// while one key after the other is replaced every 50 ms. Not one message may be
// refused, and the memory in use must not grow.
//
//	go test -race -run Soak -v -timeout 2h ./... -soak.messages 1000000
func TestSoak(t *testing.T) {
	n := *soakMessages
	if n == 0 {
		n = 20_000
		if testing.Short() {
			n = 2_000
		}
	}
	for name, s := range map[string]*soak{"pgp": pgpSoak(t), "jwe": joseSoak(t)} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.run(int64(n))
		})
	}
}

func pgpSoak(t *testing.T) *soak {
	return &soak{
		uses: []keyset.Use{keyset.Signing | keyset.Encryption},
		generate: func(keyset.Use) keyset.Material {
			k, err := pgp.GenerateKey("soak", pgp.Curve25519, time.Hour)
			check(t, err)
			return k
		},
		build: func(own, peer keyset.Source) envelope.Envelope {
			e, err := pgp.New(pgp.Config{Own: own, Peer: peer})
			check(t, err)
			return e
		},
	}
}

func joseSoak(t *testing.T) *soak {
	return &soak{
		uses: []keyset.Use{keyset.Signing, keyset.Encryption},
		generate: func(use keyset.Use) keyset.Material {
			alg := jwe.ES256
			if use == keyset.Encryption {
				alg = jwe.ECDHESA256KW
			}
			k, err := jwe.GenerateKey("", alg)
			check(t, err)
			return k
		},
		build: func(own, peer keyset.Source) envelope.Envelope {
			e, err := jwe.New(jwe.Config{Own: own, Peer: peer})
			check(t, err)
			return e
		},
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *soak) run(n int64) {
	var own [2][]keyset.Key
	for p := range own {
		for _, use := range s.uses {
			own[p] = append(own[p], keyset.Key{Material: s.generate(use), State: keyset.Active})
		}
	}
	for p := range s.parties {
		mine, err := keyset.New(1, own[p]...)
		check(s.t, err)
		theirs, err := keyset.New(1, own[1-p]...)
		check(s.t, err)
		sp := &soakParty{own: keyset.NewRing(mine), peer: keyset.NewRing(theirs.Public())}
		sp.env = s.build(sp.own, sp.peer)
		s.parties[p] = sp
	}
	ctx, stop := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	for w := range s.laps {
		workers.Go(func() { s.work(ctx, w, n) })
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()

	early, late := uint64(0), uint64(0)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-tick.C:
			s.rotate(done)
			if s.rotated == 10 {
				early = heap()
			}
			late = heap()
		}
	}
	stop()
	s.t.Logf("%d messages, %d keys replaced, 0 refused, heap %d KiB after 10 keys and %d KiB at the end", n, s.rotated, early>>10, late>>10)
	if s.rotated < 3 {
		s.t.Errorf("only %d keys were replaced", s.rotated)
	}
	if early != 0 && late > early+16<<20 {
		s.t.Errorf("the heap grew from %d to %d bytes", early, late)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// work sends messages until n have been sent by all workers together.
func (s *soak) work(ctx context.Context, w int, n int64) {
	from, to := s.parties[w%2], s.parties[1-w%2]
	for ctx.Err() == nil && s.sent.Add(1) <= n {
		payload := fmt.Appendf(nil, `{"worker":%d,"message":%d}`, w, s.laps[w].Load())
		sealed, err := from.env.Seal(ctx, payload)
		if err != nil {
			s.t.Errorf("seal: %v", err)
			return
		}
		m, err := to.env.Open(ctx, sealed)
		if err != nil {
			s.t.Errorf("open: %v", envelope.LogAttr(err))
			return
		}
		if string(m.Payload) != string(payload) {
			s.t.Error("another payload")
			return
		}
		s.laps[w].Add(1)
	}
	s.laps[w].Add(1 << 32) // waits for this worker are over
}

// landed waits until every message that is under way now has arrived.
func (s *soak) landed(done chan struct{}) {
	for w := range s.laps {
		for lap := s.laps[w].Load(); s.laps[w].Load() < lap+2; {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}
}

// rotate replaces one key of one party, as the documentation says.
func (s *soak) rotate(done chan struct{}) {
	p := s.rotated % 2
	use := s.uses[s.rotated/2%len(s.uses)]
	owner, partner := s.parties[p], s.parties[1-p]
	ctx := context.Background()
	old := s.find(owner.own, use)
	next := s.generate(use)
	id := next.Info().ID
	check(s.t, owner.own.Add(ctx, next, ""))
	check(s.t, partner.peer.Add(ctx, next.Public(), ""))
	// Whoever seals with it proves it first.
	s.prove(owner, partner, owner.own, id)
	s.prove(partner, owner, partner.peer, id)
	check(s.t, owner.own.Promote(id))
	check(s.t, partner.peer.Promote(id))
	check(s.t, owner.own.Retire(old))
	check(s.t, partner.peer.Retire(old))
	s.landed(done)
	check(s.t, owner.own.RemoveUnchecked(old, "out of use"))
	check(s.t, partner.peer.RemoveUnchecked(old, "out of use"))
	s.rotated++
}

// prove sends an echo that is sealed with the key alone.
func (s *soak) prove(from, to *soakParty, ring *keyset.Ring, id keyset.ID) {
	source, err := ring.Probe(id)
	if err != nil {
		return // it only opens
	}
	own, peer := keyset.Source(from.own), keyset.Source(from.peer)
	if ring == from.own {
		own = source
	} else {
		peer = source
	}
	sealed, err := s.build(own, peer).Seal(context.Background(), []byte("echo"))
	check(s.t, err)
	_, err = to.env.Open(context.Background(), sealed)
	check(s.t, err)
	check(s.t, ring.Acknowledge(id, "echo"))
}

func (s *soak) find(r *keyset.Ring, use keyset.Use) keyset.ID {
	for k := range r.Load().All() {
		if k.State == keyset.Active && k.Material.Info().Use == use {
			return k.ID()
		}
	}
	s.t.Fatal("no active key")
	return ""
}
