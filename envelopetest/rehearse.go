package envelopetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/keyset"
)

// Rehearse plays the network that tests an endpoint before its launch: what sealctl
// rehearse does to an address, it does to a handler, without the cases that need a network.
// It sends messages to each of the keys of own, by one key of the network, by several, and
// by strangers; messages that are damaged, weak, or not strict; it replaces its own keys,
// and revokes one. Each case is a subtest: it fails if a demand does not hold, or cannot be
// tried. Advice is logged.
//
//	envelopetest.Rehearse(t, own, nil, func(network *keyset.Set) func([]byte) ([]byte, int) {
//		return handler(own, network).ServeBytes // the program's own
//	})
//
// own are the keys of the endpoint; only public halves are used. To show that it decrypts
// with each of several keys, give it two that are active. serve makes the endpoint, which
// trusts the keys of network: it is called anew for each step of the rotation, and what it
// returns gets a sealed request, and returns a sealed reply and a status of HTTP. It is
// called from several goroutines at once.
//
// payload is what each request says; every reply that opens is then an answer. It is nil
// for an endpoint that speaks the echo of the Standard Payments family (see
// examples/standardpayments), of which much more is demanded.
//
// The keys of the network are made on the spot, of the algorithms that own has, and are
// good for a week. Nothing is waived: an endpoint of the older JOSE profile, with RSA1_5
// and without a JWS, is refused. There the transport authenticates, which takes a network:
// sealctl rehearse -profile standard-payments-older.
func Rehearse(t *testing.T, own *keyset.Set, payload []byte, serve func(network *keyset.Set) func(body []byte) (reply []byte, status int)) {
	t.Helper()
	network, err := rehearsal.NewNetwork(own.Public(), rehearsal.StandardPayments)
	if err != nil {
		t.Fatalf("envelopetest: %v", err)
	}
	var endpoint atomic.Pointer[func([]byte) ([]byte, int)]
	h := rehearsal.Rehearsal{
		Network: network, Partner: own.Public(), Payload: payload, Load: true,
		Send: func(_ context.Context, m rehearsal.Message) (rehearsal.Answer, error) {
			reply, status := (*endpoint.Load())(m.Body)
			return rehearsal.Answer{Status: status, Body: reply}, nil
		},
		Install: func(_ context.Context, s rehearsal.Step) error {
			trusted, err := network.Trusted(s)
			if err == nil {
				next := serve(trusted)
				endpoint.Store(&next)
			}
			return err
		},
		// How long answers take, a unit test does not show.
		Only:  func(name string) bool { return name != "errors/timing" },
		After: func(r rehearsal.Result) { t.Run(r.Name, func(t *testing.T) { tell(t, r) }) },
	}
	if _, err := h.Run(t.Context()); err != nil {
		t.Fatalf("envelopetest: %v", err)
	}
}

// tell says what came of a case.
func tell(t *testing.T, r rehearsal.Result) {
	text := fmt.Sprintf("%s: %s\n%s (%s, %s)", r.Outcome, r.Saw, r.Demand, r.Level, r.Source)
	if r.Blocks() {
		t.Error(text)
		return
	}
	t.Log(text)
}
