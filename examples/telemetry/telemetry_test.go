package telemetry_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/examples/telemetry"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A monitor is a program's telemetry, and what it shows.
type monitor struct {
	*telemetry.Telemetry
	metrics http.Handler
}

func newMonitor(t testing.TB, tracers trace.TracerProvider, options ...sdkmetric.Option) *monitor {
	meters, metrics, err := telemetry.Prometheus(options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = meters.Shutdown(t.Context()) })
	if tracers == nil {
		tracers = noop.NewTracerProvider()
	}
	tm, err := telemetry.New(meters, tracers)
	require.NoError(t, err)
	return &monitor{tm, metrics}
}

func (m *monitor) read(t testing.TB) string {
	w := httptest.NewRecorder()
	m.metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return string(text)
}

// series are the lines that are no comment.
func series(text string) (all []string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

func readyMade(t testing.TB, n int) *pgp.Key {
	k, err := pgp.ReadKey(bytes.NewReader(envelopetest.OpenPGPKey(t, n)))
	require.NoError(t, err)
	return k
}

func ring(t testing.TB, keys ...keyset.Key) *keyset.Ring {
	set, err := keyset.New(7, keys...)
	require.NoError(t, err)
	return keyset.NewRing(set)
}

func active(m keyset.Material) keyset.Key { return keyset.Key{Material: m, State: keyset.Active} }

var lead = keyset.Requirements{Lead: 60 * 24 * time.Hour}

// A meeting is our server, which is watched, and a partner that sends to it.
type meeting struct {
	ours      telemetry.Partner
	open      envelope.Envelope
	bank      *pgp.Key
	shop      *pgp.Key
	asPartner envelope.Envelope
}

func meet(t testing.TB, m *monitor) *meeting {
	g := &meeting{bank: readyMade(t, 0), shop: readyMade(t, 1)}
	g.ours = telemetry.Partner{Name: "shop", Format: keyset.OpenPGP, Own: ring(t, active(g.bank)), Peer: ring(t, active(g.shop.Public())), Requirements: lead}
	observe, err := m.Partner(g.ours)
	require.NoError(t, err)
	g.open, err = pgp.New(pgp.Config{Own: g.ours.Own, Peer: g.ours.Peer, Observe: observe})
	require.NoError(t, err)
	g.asPartner, err = pgp.New(pgp.Config{Own: ring(t, active(g.shop)), Peer: ring(t, active(g.bank.Public()))})
	require.NoError(t, err)
	return g
}

// from is an envelope of somebody with one key, who seals to one of ours.
func from(t testing.TB, key *pgp.Key, to *pgp.Key) envelope.Envelope {
	e, err := pgp.New(pgp.Config{Own: ring(t, active(key)), Peer: ring(t, active(to.Public()))})
	require.NoError(t, err)
	return e
}

func sealed(t testing.TB, e envelope.Envelope) []byte {
	s, err := e.Seal(t.Context(), []byte("an order"))
	require.NoError(t, err)
	return s
}

var logger = slog.New(slog.DiscardHandler)

// generate is for the example, which has no test to ask for a key.
func generate(name string) *keyset.Ring {
	key, err := pgp.GenerateKey(name, pgp.Curve25519, 365*24*time.Hour)
	if err != nil {
		panic(err)
	}
	set, err := keyset.New(1, active(key))
	if err != nil {
		panic(err)
	}
	return keyset.NewRing(set)
}
