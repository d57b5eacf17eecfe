package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sealwax/sealwax/envelope"
)

// A traffic is every request of both parties.
type traffic struct {
	requests, failed atomic.Uint64 // that have ended
	numbers          atomic.Uint64
	onFailure        func(p *party, number uint64, err error)

	mu     sync.Mutex
	flying *sync.WaitGroup // the requests that began since the last call of drain
}

func newTraffic(onFailure func(*party, uint64, error)) *traffic {
	return &traffic{onFailure: onFailure, flying: new(sync.WaitGroup)}
}

// ask lets p send one request, and counts it.
func (t *traffic) ask(ctx context.Context, p *party, e envelope.Envelope) error {
	return t.count(p, func(number uint64) error { return p.ask(ctx, e, number) })
}

func (t *traffic) count(p *party, request func(number uint64) error) error {
	t.mu.Lock()
	flying := t.flying
	flying.Add(1)
	t.mu.Unlock()
	defer flying.Done()

	number := t.numbers.Add(1)
	err := request(number)
	t.requests.Add(1)
	if err != nil {
		t.failed.Add(1)
		t.onFailure(p, number, err)
	}
	return err
}

// drain waits until every request that is under way now has ended. Requests go
// on to begin. A program need not do this: it waits for longer than its longest
// timeout between two steps.
func (t *traffic) drain() {
	t.mu.Lock()
	flying := t.flying
	t.flying = new(sync.WaitGroup)
	t.mu.Unlock()
	flying.Wait()
}

// start makes workers send without pause, from each of the parties, until stop
// is called, which returns when the last request has ended.
func (t *traffic) start(workers int, parties ...*party) (stop func()) {
	var done atomic.Bool
	var all sync.WaitGroup
	for _, p := range parties {
		for range workers {
			all.Go(func() {
				for !done.Load() {
					_ = t.ask(context.Background(), p, p.asClient) // counted
				}
			})
		}
	}
	return func() {
		done.Store(true)
		all.Wait()
	}
}
