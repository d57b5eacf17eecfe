package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A tally is what came of all messages.
type tally struct {
	requests, succeeded int // right messages, each counted once however often it was sealed
	rejected            int // that must not be
	unavailable         int // answered by 503
	unsealed            int // not sealed, or their replies not opened, by the sender
	outside             int // either of them, and no service was stopped meanwhile

	bad, badRejected, badUnavailable int // messages that must be rejected

	rotated int // keys that are gone, and whose successors do their work
}

// A traffic is all messages of both parties in both formats.
type traffic struct {
	client *http.Client

	mu       sync.Mutex
	tally    tally
	outages  []time.Time // the end of each; zero until then
	failures []string
}

func (t *traffic) note(f func(n *tally)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.tally)
}

func (t *traffic) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, fmt.Sprintf(format, args...))
}

// duringOutage reports whether a service was stopped at some time since began.
func (t *traffic) duringOutage(began time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.outages, func(end time.Time) bool { return end.IsZero() || began.Before(end) })
}

var errRejected = errors.New("400")

// post sends a message. A 503 is an error that wraps [keyset.ErrUnavailable], a 400 one that
// wraps errRejected.
func (t *traffic) post(ctx context.Context, to *replica, sealed []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+to.listener.Addr().String(), bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	response, err := t.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case response.StatusCode == http.StatusServiceUnavailable:
		t.note(func(n *tally) { n.unavailable++ })
		return nil, fmt.Errorf("503: %w", keyset.ErrUnavailable)
	case response.StatusCode == http.StatusBadRequest:
		return nil, errRejected
	case err == nil && response.StatusCode != http.StatusOK:
		err = errors.New(response.Status)
	}
	return body, err
}

// patience is how long a request is sealed anew.
const patience = 30 * time.Second

// request sends a payload, and opens the answer. What could not be done while a service was
// stopped is sealed anew, until it is.
func (t *traffic) request(ctx context.Context, from, to *replica) {
	payload := []byte("payment " + rand.Text())
	t.note(func(n *tally) { n.requests++ })
	for first := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		began := time.Now()
		err := t.try(ctx, from, to, payload)
		switch {
		case err == nil:
			t.note(func(n *tally) { n.succeeded++ })
			return
		case errors.Is(err, errRejected), errors.Is(err, envelope.ErrRejected):
			t.note(func(n *tally) { n.rejected++ })
		case !errors.Is(err, keyset.ErrUnavailable):
		case !t.duringOutage(began):
			t.note(func(n *tally) { n.outside++ })
		case time.Since(first) < patience:
			continue
		}
		t.fail("%v: %v", from.side, envelope.LogAttr(err))
		return
	}
}

func (t *traffic) try(ctx context.Context, from, to *replica, payload []byte) error {
	sealed, err := from.side.seal(ctx, from.client, payload)
	if err == nil {
		var answer []byte
		if answer, err = t.post(ctx, to, sealed); err != nil {
			return err
		}
		var m *envelope.Message
		if m, err = from.side.open(ctx, from.client, answer); err == nil && !bytes.Equal(m.Payload, payload) {
			err = errors.New("the answer is to another request")
		}
	}
	if errors.Is(err, keyset.ErrUnavailable) {
		t.note(func(n *tally) { n.unsealed++ })
	}
	return err
}

// send sends right messages without a pause until ctx ends, from each replica of a side.
func (t *traffic) send(ctx context.Context, from *side) {
	var wg sync.WaitGroup
	for _, r := range from.replicas {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				t.request(context.WithoutCancel(ctx), r, from.partner.replicas[n%len(replicaNames)])
			}
		})
	}
	wg.Wait()
}

// attack sends messages that must be rejected, by turns: random bytes, a message that was
// changed on its way, and one of a stranger.
func (t *traffic) attack(until context.Context, from *side) error {
	ctx := context.WithoutCancel(until)
	stranger, err := from.format.stranger()
	if err != nil {
		return err
	}
	env, err := from.format.envelope(stranger, from.replicas[0].peer, "request", "reply")
	if err != nil {
		return err
	}
	for n := 0; until.Err() == nil; n++ {
		time.Sleep(30 * time.Millisecond)
		bad := make([]byte, 600)
		_, _ = rand.Read(bad) // which never fails
		began := time.Now()
		switch n % 3 {
		case 1:
			if bad, err = from.seal(ctx, from.replicas[0].client, []byte("payment")); err != nil {
				continue // its service is stopped
			}
			from.format.spoil(bad)
		case 2:
			if bad, err = env.Seal(ctx, []byte("payment")); err != nil {
				return err
			}
		}
		_, err := t.post(ctx, from.partner.replicas[n%len(replicaNames)], bad)
		switch {
		case errors.Is(err, errRejected):
			t.note(func(n *tally) { n.bad++; n.badRejected++ })
		case errors.Is(err, keyset.ErrUnavailable) && t.duringOutage(began):
			t.note(func(n *tally) { n.bad++; n.badUnavailable++ })
		default:
			t.note(func(n *tally) { n.bad++ })
			t.fail("%v: bad message %d is answered with %v", from, n%3, err)
		}
	}
	return nil
}
