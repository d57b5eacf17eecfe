package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A Partner is one pair of rings, and the envelope over them.
type Partner struct {
	Name      string // ours for it, out of the configuration: a label of every series
	Format    keyset.Format
	Own, Peer *keyset.Ring

	// Requirements are what the findings are measured by. The alerts expect a Lead of at
	// least 60 days.
	Requirements keyset.Requirements
}

// Partner measures the rings of a partner whenever somebody reads the metrics, for as long
// as the provider of meters lives. It returns the observer for the Config of the envelope,
// which counts every call and makes a span of it, below the span of the call's context.
// Call it once for each partner. The error is that of the provider.
func (t *Telemetry) Partner(p Partner) (envelope.Observer, error) {
	if err := t.measure(p); err != nil {
		return nil, err
	}
	t.begin(p)
	return func(ctx context.Context, e envelope.Event) { t.observe(ctx, p, e) }, nil
}

// begin starts every series of a partner at zero: a rate needs two samples, and would miss
// the first rejection if the series began with it.
func (t *Telemetry) begin(p Partner) {
	at := func(op, outcome, reason string) {
		t.messages.Add(context.Background(), 0, metric.WithAttributes(call(p, op, p.Format, outcome, reason)...))
	}
	for _, op := range []string{"seal", "open"} {
		at(op, done, "")
		for _, f := range failures {
			at(op, failed, f.reason)
		}
	}
	for _, reason := range rejections {
		at("open", rejected, string(reason))
	}
}

func call(p Partner, op string, format keyset.Format, outcome, reason string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("partner", p.Name), attribute.String("op", op), attribute.String("format", string(format)),
		attribute.String("outcome", outcome), attribute.String("reason", reason),
	}
}

func (t *Telemetry) observe(ctx context.Context, p Partner, e envelope.Event) {
	outcome, reason := outcome(e.Err)
	attributes := call(p, e.Op, e.Format, outcome, reason)
	t.messages.Add(ctx, 1, metric.WithAttributes(attributes...))
	t.duration.Record(ctx, e.Elapsed.Seconds(), metric.WithAttributes(attributes[:4]...)) // not by reason
	for _, w := range e.Waived {
		t.waived.Add(ctx, 1, metric.WithAttributes(attribute.String("partner", p.Name), attribute.String("waiver", w.Name())))
	}
	t.span(ctx, p, e, outcome, attributes)
}

// span records the call as a span that has ended. The text of an error is for the log: it
// may quote the message, and a trace is read by more people.
func (t *Telemetry) span(ctx context.Context, p Partner, e envelope.Event, outcome string, attributes []attribute.KeyValue) {
	end := time.Now()
	_, span := t.tracer.Start(ctx, "sealwax "+e.Op, trace.WithTimestamp(end.Add(-e.Elapsed)))
	defer span.End(trace.WithTimestamp(end))
	if !span.IsRecording() {
		return
	}
	for _, a := range attributes {
		span.SetAttributes(attribute.KeyValue{Key: "sealwax." + a.Key, Value: a.Value})
	}
	span.SetAttributes(attribute.Int64("sealwax.size", e.Size), attribute.StringSlice("sealwax.keys", p.known(e)))
	if outcome != done {
		span.SetStatus(codes.Error, outcome)
	}
}

// known are the keys of the call that are in our sets: those that were used, or those that a
// rejected message names.
func (p Partner) known(e envelope.Event) []string {
	var ids []string
	for _, id := range named(e) {
		for _, ring := range []*keyset.Ring{p.Own, p.Peer} {
			if _, ok := ring.Load().Lookup(id); ok {
				ids = append(ids, string(id))
				break
			}
		}
	}
	return ids
}
