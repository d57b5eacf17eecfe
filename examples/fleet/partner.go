package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// The partner is one process with keys of its own. It sends to whichever replica answers,
// as a load balancer would.
type partner struct {
	own, peer *keyset.Ring
	env       *jwe.Envelope
	fleet     *fleet
	client    *http.Client
	next      atomic.Int64 // where to send the next request

	requests, failed, replayed, accepted atomic.Int64

	mu       sync.Mutex
	failures []string
}

func newPartner(own, peer *keyset.Ring, f *fleet) (*partner, error) {
	// It needs no memory: an answer counts for the request that waits for it.
	env, err := jwe.New(jwe.Config{Own: own, Peer: peer, MaxAge: maxAge})
	if err != nil {
		return nil, err
	}
	return &partner{own: own, peer: peer, env: env, fleet: f, client: &http.Client{Timeout: 10 * time.Second}}, nil
}

// senders is how many requests are under way at once.
const senders = 3

// send sends without a pause until ctx ends.
func (p *partner) send(ctx context.Context) {
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for ctx.Err() == nil {
				p.request(context.WithoutCancel(ctx))
			}
		})
	}
	wg.Wait()
}

// maxTries is how often a request is made anew, until it counts as failed.
const maxTries = 200

// request sends one message and opens the answer. Whoever got no answer does not know
// whether the message was accepted: it is sealed anew.
func (p *partner) request(ctx context.Context) {
	n := p.requests.Add(1)
	payload := fmt.Appendf(nil, "payment %d of %s", n, time.Now().Format(time.RFC3339Nano))
	var last error
	for range maxTries {
		sealed, err := p.env.Seal(ctx, payload)
		if err != nil {
			last = err
			break
		}
		to := int(p.next.Add(1))
		status, body, err := p.post(ctx, to, sealed)
		if err == nil && status == http.StatusOK {
			m, err := p.env.Open(ctx, body)
			if err != nil || !bytes.Equal(m.Payload, payload) {
				last = fmt.Errorf("the answer of %s: %v", p.fleet.name(to), envelope.LogAttr(err))
				break
			}
			if n%10 == 0 {
				p.replay(ctx, to, sealed)
			}
			return
		}
		if last = err; err == nil {
			last = fmt.Errorf("%s answers %d", p.fleet.name(to), status)
			if status == http.StatusBadRequest {
				break // it will not be accepted later either
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.failed.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = append(p.failures, fmt.Sprintf("request %d: %v", n, last))
}

// replay sends bytes once more that were accepted: to another replica if they share a
// memory, and else to the same.
func (p *partner) replay(ctx context.Context, accepted int, sealed []byte) {
	to := accepted
	if p.fleet.shared {
		to++
	}
	status, _, err := p.post(ctx, to, sealed)
	if err != nil {
		return // it is being killed
	}
	p.replayed.Add(1)
	if status == http.StatusOK {
		p.accepted.Add(1)
	}
}

func (p *partner) post(ctx context.Context, to int, sealed []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.fleet.address(to)+"/messages", bytes.NewReader(sealed))
	if err != nil {
		return 0, nil, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, body, err
}

// echo seals to every replica with what the sources say, and opens each answer.
func (p *partner) echo(ctx context.Context, own, peer keyset.Source) error {
	env, err := jwe.New(jwe.Config{Own: own, Peer: peer, MaxAge: maxAge})
	if err != nil {
		return err
	}
	for n, name := range replicaNames {
		for tries := 0; ; tries++ {
			payload := fmt.Appendf(nil, "echo to %s at %s", name, time.Now().Format(time.RFC3339Nano))
			sealed, err := env.Seal(ctx, payload)
			if err != nil {
				return err
			}
			status, body, err := p.post(ctx, n, sealed)
			if err == nil && status == http.StatusOK {
				m, err := p.env.Open(ctx, body)
				if err != nil || !bytes.Equal(m.Payload, payload) {
					return fmt.Errorf("the echo of %s: %v", name, envelope.LogAttr(err))
				}
				break
			}
			if err == nil && status == http.StatusBadRequest || tries == maxTries {
				return fmt.Errorf("%s answers the echo with %d, %v", name, status, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}
