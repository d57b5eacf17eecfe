package envelope_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// post seals the payload, sends it, and opens the reply.
func post(ctx context.Context, env envelope.Envelope, url string, payload []byte) (*envelope.Message, error) {
	sealed, err := env.Seal(ctx, payload)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", env.ContentType())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the partner says %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return env.Open(ctx, body)
}

// A client: what it sends and what it gets is sealed, and a reply is never taken
// for a request, because their contexts differ.
func Example_client() {
	ours, theirs := pgpKey("Shop"), pgpKey("Bank")
	shop := must(pgp.New(pgp.Config{Own: keys(ours), Peer: keys(theirs).Public(), SealContext: "request", OpenContext: "reply"}))
	bank := must(pgp.New(pgp.Config{Own: keys(theirs), Peer: keys(ours).Public(), SealContext: "reply", OpenContext: "request"}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := must(bank.Open(r.Context(), must(io.ReadAll(r.Body))))
		_, _ = w.Write(must(bank.Seal(r.Context(), append([]byte("seen: "), m.Payload...))))
	}))
	defer server.Close()

	reply, err := post(context.Background(), shop, server.URL, []byte("order 7"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, signed by the bank: %t\n", reply.Payload, reply.SignedBy(theirs.Info().ID))
	// Output: seen: order 7, signed by the bank: true
}
