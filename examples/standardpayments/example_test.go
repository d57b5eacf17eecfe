package standardpayments_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sealwax/sealwax/envelope"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A ChargeRequest and a ChargeReply are a method of the partner's own.
type ChargeRequest struct {
	payments.Request
	Card        string `json:"card"`
	AmountMinor int64  `json:"amountMinor"`
}

type ChargeReply struct {
	payments.Reply
	Result string `json:"result"`
}

// charge is called with requests whose signature was verified, and that parse.
func charge(_ context.Context, r *ChargeRequest) (*ChargeReply, error) {
	switch {
	case r.Card != "card-1":
		return nil, &payments.Error{Code: payments.InvalidIdentifier, Description: "no such card"} // 404
	case r.AmountMinor > 1000:
		return &ChargeReply{Result: "DECLINED"}, nil // 200: nothing has failed
	}
	return &ChargeReply{Result: "APPROVED"}, nil
}

// endpoints serves the echo and the method under one envelope.
func endpoints(partner envelope.Envelope) http.Handler {
	c := payments.Config{Envelope: partner}
	mux := http.NewServeMux()
	mux.Handle("/echo", payments.NewHandler(c, payments.Echo("partner 1.4")))
	mux.Handle("/charge", payments.NewHandler(c, charge))
	return mux
}

// A declined transaction is an answer, and its status is 200. An identifier that there is
// not is an error, and as sealed as the answer.
func Example_declined() {
	network, partner := envelopes()
	server := httptest.NewServer(endpoints(partner))
	defer server.Close()
	client := &payments.Client{Envelope: network, URL: server.URL + "/charge"}

	for _, r := range []ChargeRequest{{Card: "card-1", AmountMinor: 999}, {Card: "card-1", AmountMinor: 5000}, {Card: "card-2", AmountMinor: 1}} {
		reply, err := payments.Call[ChargeReply](context.Background(), client, &r)
		if refusal, ok := errors.AsType[*payments.Error](err); ok {
			fmt.Println(refusal.Code.Status(), refusal.Code, refusal.Description)
			continue
		}
		fmt.Println(reply.Result, err)
	}
	// Output:
	// APPROVED <nil>
	// DECLINED <nil>
	// 404 INVALID_IDENTIFIER no such card
}

// The network has not installed our new key yet, and says nothing but 404.
func Example_notKnown() {
	_, partner := envelopes()
	stranger, _ := envelopes()
	server := httptest.NewServer(endpoints(partner))
	defer server.Close()

	client := &payments.Client{Envelope: stranger, URL: server.URL + "/echo"}
	_, err := client.Echo(context.Background(), "hello")
	fmt.Println(errors.Is(err, payments.ErrNotKnown))
	// Output: true
}

// envelopes returns those of two parties with new keys.
func envelopes() (network, partner envelope.Envelope) {
	var sets [2]*keyset.Set
	for i, name := range []string{"Network", "Partner"} {
		key, err := pgp.GenerateKey(name, pgp.Curve25519, time.Hour)
		if err != nil {
			panic(err)
		}
		if sets[i], err = keyset.New(1, keyset.Key{Material: key, State: keyset.Active}); err != nil {
			panic(err)
		}
	}
	both := [2]envelope.Envelope{}
	for i := range both {
		e, err := pgp.New(pgp.Config{Own: sets[i], Peer: sets[1-i].Public()})
		if err != nil {
			panic(err)
		}
		both[i] = e
	}
	return both[0], both[1]
}
