package telemetry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// Every call is a span below that of the request, as long as the call, and says no more of a
// message than the metrics do.
func TestSpans(t *testing.T) {
	recorded := tracetest.NewSpanRecorder()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorded))
	m := newMonitor(t, tracers)
	g := meet(t, m)
	observe, err := m.Partner(g.ours)
	require.NoError(t, err)
	ctx, request := tracers.Tracer("test").Start(t.Context(), "POST /orders")

	_, err = g.open.Open(ctx, sealed(t, g.asPartner))
	require.NoError(t, err)
	observe(ctx, envelope.Event{Op: "open", Format: keyset.OpenPGP, Elapsed: time.Second, Err: envelope.Reject(
		envelope.RevokedSigner, nil, g.shop.Info().ID, "a stranger's")})

	spans := recorded.Ended()
	require.Len(t, spans, 2)
	for n, want := range []struct {
		status codes.Code
		keys   []string
		reason string
	}{
		{codes.Unset, []string{string(g.bank.Info().ID), string(g.shop.Info().ID)}, ""},
		{codes.Error, []string{string(g.shop.Info().ID)}, "revoked_signer"},
	} {
		s := spans[n]
		assert.Equal(t, "sealwax open", s.Name())
		assert.Equal(t, request.SpanContext().SpanID(), s.Parent().SpanID())
		assert.Equal(t, want.status, s.Status().Code)
		has := attribute.NewSet(s.Attributes()...)
		value := func(key attribute.Key) attribute.Value { v, _ := has.Value(key); return v }
		assert.Equal(t, "shop", value("sealwax.partner").AsString())
		assert.Equal(t, want.reason, value("sealwax.reason").AsString())
		assert.ElementsMatch(t, want.keys, value("sealwax.keys").AsStringSlice())
		assert.Empty(t, s.Events())
	}
	assert.Equal(t, time.Second, spans[1].EndTime().Sub(spans[1].StartTime()))
}
