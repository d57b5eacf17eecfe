package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A party is one side of the relationship: its keys, its server, its client.
type party struct {
	name    string
	partner string // its name
	format  *format
	account *account

	own  *keyset.Ring // our private keys
	peer *keyset.Ring // the public keys of the partner

	asServer, asClient envelope.Envelope
	listener           net.Listener
	server             *http.Server
	client             *http.Client
	url                string // of the partner's echo endpoint
}

// An echo is what the parties say to each other. The reply repeats the request,
// so that it can be no other's: Open does not bind the two.
type echo struct {
	Number   uint64 `json:"number"`
	From     string `json:"from"`
	Answered string `json:"answered_by,omitempty"`
}

// newParty starts a server on a port that the system chooses.
func newParty(f *format, name, partner string, own, peer *keyset.Ring, a *account) (*party, error) {
	p := &party{name: name, partner: partner, format: f, account: a, own: own, peer: peer}
	var err error
	if p.asServer, err = p.envelope(own, peer, "reply", "request"); err != nil {
		return nil, err
	}
	if p.asClient, err = p.envelope(own, peer, "request", "reply"); err != nil {
		return nil, err
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", p.answer)
	p.server = &http.Server{Handler: mux, ReadTimeout: timeout, WriteTimeout: timeout}
	p.client = &http.Client{Timeout: timeout, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	go p.server.Serve(p.listener) // until stop
	return p, nil
}

const timeout = 30 * time.Second

func (p *party) stop() {
	p.client.CloseIdleConnections()
	_ = p.server.Close()
}

// envelope returns an envelope over two sources of keys: the rings, or probes
// of them. Envelopes load the current set for each message, so that they are
// made once and see every step of a rotation.
func (p *party) envelope(own, peer keyset.Source, seal, open string) (envelope.Envelope, error) {
	return p.format.newEnvelope(conversation{
		own: own, peer: peer, self: p.name, partner: p.partner,
		seal: seal, open: open, observe: p.account.observer(p),
	})
}

// answer is the echo endpoint.
func (p *party) answer(w http.ResponseWriter, r *http.Request) {
	sealed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*maxSize))
	if err != nil {
		http.Error(w, "cannot read the request", http.StatusBadRequest)
		return
	}
	request, err := p.asServer.Open(r.Context(), sealed)
	switch {
	case errors.Is(err, envelope.ErrRejected):
		// The sender learns no more than that. The observer knows why.
		http.Error(w, envelope.ErrRejected.Error(), http.StatusBadRequest)
		return
	case err != nil:
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	// An endpoint that moves money sets Replays in its Config. This one does not: the
	// story replays what it recorded, and wants to see that revoked keys reject it.
	var e echo
	if err := json.Unmarshal(request.Payload, &e); err != nil {
		http.Error(w, "not an echo", http.StatusBadRequest)
		return
	}
	e.Answered = p.name
	payload, err := json.Marshal(e)
	if err != nil {
		http.Error(w, "cannot answer", http.StatusInternalServerError)
		return
	}
	reply, err := p.asServer.Seal(r.Context(), payload)
	if err != nil { // an endpoint that moves money has moved it by now
		http.Error(w, "no reply", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", p.asServer.ContentType())
	_, _ = w.Write(reply)
}

// ask sends an echo to the partner through e, and returns an error unless the
// answer is the answer to it.
func (p *party) ask(ctx context.Context, e envelope.Envelope, number uint64) error {
	sealed, err := p.request(ctx, e, number)
	if err != nil {
		return err
	}
	return p.send(ctx, e, sealed, number)
}

// request seals one echo.
func (p *party) request(ctx context.Context, e envelope.Envelope, number uint64) ([]byte, error) {
	payload, err := json.Marshal(echo{Number: number, From: p.name})
	if err != nil {
		return nil, err
	}
	return e.Seal(ctx, payload)
}

// send posts a sealed echo and opens the answer.
func (p *party) send(ctx context.Context, e envelope.Envelope, sealed []byte, number uint64) error {
	status, body, err := p.post(ctx, sealed, e.ContentType())
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s answered with status %d: %s", p.partner, status, bytes.TrimSpace(body))
	}
	reply, err := e.Open(ctx, body)
	if err != nil {
		return fmt.Errorf("opening the reply: %w", err)
	}
	var got echo
	if err := json.Unmarshal(reply.Payload, &got); err != nil {
		return fmt.Errorf("reading the reply: %w", err)
	}
	if want := (echo{Number: number, From: p.name, Answered: p.partner}); got != want {
		return fmt.Errorf("the reply is not to this request: got %+v, want %+v", got, want)
	}
	return nil
}

func (p *party) post(ctx context.Context, sealed []byte, contentType string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(sealed))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := p.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, 2*maxSize))
	return response.StatusCode, body, err
}
