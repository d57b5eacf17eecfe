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
	"github.com/sealwax/sealwax/pgp"
)

// A handler on net/http: open, act, seal. The sender of a message that is
// rejected learns just that; package examples/stacks has the same on other
// servers.
func Example_handler() {
	ours, theirs := pgpKey("Bank"), pgpKey("Partner")
	bank := must(pgp.New(pgp.Config{Own: keys(ours), Peer: keys(theirs).Public(), OpenContext: "request", SealContext: "reply", MaxAge: 5 * time.Minute}))
	partner := must(pgp.New(pgp.Config{Own: keys(theirs), Peer: keys(ours).Public(), OpenContext: "reply", SealContext: "request"}))

	handler := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
			return
		}
		request, err := bank.Open(r.Context(), body)
		if err != nil {
			status, text := http.StatusServiceUnavailable, "try again" // our side
			if errors.Is(err, envelope.ErrRejected) {
				status, text = http.StatusBadRequest, envelope.ErrRejected.Error()
			}
			http.Error(w, text, status) // log envelope.LogAttr(err) too: it says why
			return
		}
		reply, err := bank.Seal(r.Context(), append([]byte("done: "), request.Payload...))
		if err != nil {
			http.Error(w, "no reply", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", bank.ContentType())
		_, _ = w.Write(reply)
	}

	send := func(body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler(w, httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(body)))
		return w
	}
	good := send(string(must(partner.Seal(context.Background(), []byte("order 7")))))
	reply := must(partner.Open(context.Background(), good.Body.Bytes()))
	fmt.Printf("%d %s\n", good.Code, reply.Payload)
	bad := send("no message at all")
	fmt.Print(bad.Code, " ", bad.Body)
	// Output:
	// 200 done: order 7
	// 400 envelope: message rejected
}
