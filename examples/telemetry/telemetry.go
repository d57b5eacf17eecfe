package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// scope is what the instruments and spans of this package are filed under.
const scope = "github.com/sealwax/sealwax/examples/telemetry"

// A Telemetry holds the instruments of a program. It is safe for concurrent use.
type Telemetry struct {
	meter  metric.Meter
	tracer trace.Tracer

	messages metric.Int64Counter
	duration metric.Float64Histogram
	waived   metric.Int64Counter
}

// New returns the instruments of one program. The providers come from [Prometheus] or from
// what the program has already; go.opentelemetry.io/otel has one of each that does nothing.
// The error is that of the provider of meters.
func New(meters metric.MeterProvider, tracers trace.TracerProvider) (*Telemetry, error) {
	t := &Telemetry{meter: meters.Meter(scope), tracer: tracers.Tracer(scope)}
	var errs [3]error
	t.messages, errs[0] = t.meter.Int64Counter("sealwax.messages",
		metric.WithDescription("Calls of Seal and Open, by what they came to and why."))
	t.duration, errs[1] = t.meter.Float64Histogram("sealwax.message.duration", metric.WithUnit("s"),
		metric.WithDescription("Time of a call of Seal or Open, with the key service."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	t.waived, errs[2] = t.meter.Int64Counter("sealwax.waived",
		metric.WithDescription("Messages that passed only because of a waiver, by the waiver."))
	return t, errors.Join(errs[:]...)
}
