package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// orders returns an envelope that opens each order once.
func orders(own, peer keyset.Source) (*pgp.Envelope, error) {
	return pgp.New(pgp.Config{
		Own: own, Peer: peer, OpenContext: "request", SealContext: "reply",
		MaxAge:  5 * time.Minute,
		Replays: envelope.NewMemory(1_000_000), // one for each partner; 50 bytes for each signature
	})
}

// An endpoint that must not act twice: what was accepted once is rejected, with the text
// of every other rejection. Where it is not known whether it was accepted, as for what
// is older than this process, the answer is 503, and the sender seals anew.
func Example_replays() {
	ours, theirs := pgpKey("Bank"), pgpKey("Partner")
	partner := must(pgp.New(pgp.Config{Own: keys(theirs), Peer: keys(ours).Public(), OpenContext: "reply", SealContext: "request"}))
	seal := func() string { return string(must(partner.Seal(context.Background(), []byte("order 7")))) }
	early := seal()
	time.Sleep(time.Second) // dates have seconds: what is made in the first one may be from before
	bank := must(orders(keys(ours), keys(theirs).Public()))
	time.Sleep(time.Second)

	handler := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
			return
		}
		request, err := bank.Open(r.Context(), body)
		switch {
		case errors.Is(err, envelope.ErrRejected):
			http.Error(w, envelope.ErrRejected.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, "seal anew, and try again", http.StatusServiceUnavailable)
		default:
			fmt.Fprintf(w, "done: %s\n", request.Payload)
		}
	}
	send := func(body string) {
		w := httptest.NewRecorder()
		handler(w, httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(body)))
		fmt.Print(w.Code, " ", w.Body)
	}
	order := seal()
	send(order)
	send(order)
	send(early)
	send(seal())
	// Output:
	// 200 done: order 7
	// 400 envelope: message rejected
	// 503 seal anew, and try again
	// 200 done: order 7
}
