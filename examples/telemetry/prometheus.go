package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
)

// Prometheus returns a provider of meters, and the handler that shows its metrics as
// Prometheus reads them. It is a provider of OpenTelemetry all the same: options may add
// readers that push elsewhere, or a resource. The handler belongs on a port that partners
// cannot reach. Nothing is registered anywhere else. The caller ends the provider with
// Shutdown.
func Prometheus(options ...metric.Option) (*metric.MeterProvider, http.Handler, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, nil, err
	}
	// The limit of the SDK is 2000 series of one instrument, and folds what is beyond into one:
	// some seventy partners. Here every value of a label is ours, so that no limit is needed.
	all := append([]metric.Option{metric.WithCardinalityLimit(0), metric.WithReader(reader)}, options...)
	provider := metric.NewMeterProvider(all...)
	return provider, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), nil
}
