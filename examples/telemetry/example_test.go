package telemetry_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/examples/telemetry"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// watched returns an envelope whose calls and keys are measured, and the handler that shows
// them to Prometheus.
func watched(own, peer *keyset.Ring) (*pgp.Envelope, http.Handler, error) {
	meters, metrics, err := telemetry.Prometheus()
	if err != nil {
		return nil, nil, err
	}
	t, err := telemetry.New(meters, noop.NewTracerProvider()) // or the one that exports your traces
	if err != nil {
		return nil, nil, err
	}
	observe, err := t.Partner(telemetry.Partner{
		Name: "shop", Format: keyset.OpenPGP, Own: own, Peer: peer,
		Requirements: keyset.Requirements{Lead: 60 * 24 * time.Hour, MinRSABits: 2048},
	})
	if err != nil {
		return nil, nil, err
	}
	env, err := pgp.New(pgp.Config{Own: own, Peer: peer, Observe: envelope.Observers(envelope.LogTo(logger), observe)})
	return env, metrics, err
}

// A stranger sends garbage, and the shop an order. Prometheus reads what became of them.
func Example() {
	bank, shop := generate("Bank"), generate("Shop")
	env, metrics, err := watched(bank, keyset.NewRing(shop.Load().Public()))
	if err != nil {
		log.Fatal(err)
	}
	partner, err := pgp.New(pgp.Config{Own: shop, Peer: keyset.NewRing(bank.Load().Public())})
	if err != nil {
		log.Fatal(err)
	}
	order, err := partner.Seal(context.Background(), []byte("an order"))
	if err != nil {
		log.Fatal(err)
	}
	_, _ = env.Open(context.Background(), order)
	_, _ = env.Open(context.Background(), []byte("garbage"))

	server := httptest.NewServer(metrics)
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "sealwax_messages_total") && strings.HasSuffix(line, " 1\n") {
			fmt.Print(line)
		}
	}
	// Output:
	// sealwax_messages_total{format="openpgp",op="open",outcome="done",partner="shop",reason=""} 1
	// sealwax_messages_total{format="openpgp",op="open",outcome="rejected",partner="shop",reason="malformed"} 1
}
