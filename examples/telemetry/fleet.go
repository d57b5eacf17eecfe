package telemetry

import (
	"bytes"
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sealwax/sealwax/keyset"
)

// A Fleet is the replicas that follow one manifest.
type Fleet struct {
	Manifest string // its name, ours: a label of every series
	Store    keyset.Loader
	Reports  keyset.Reports
}

// patience is how long a reader of the metrics waits for the store.
const patience = 5 * time.Second

// Fleet measures the replicas of a manifest whenever somebody reads the metrics: what the
// store has, what each replica has loaded, who is silent, who is in trouble. A replica that
// hangs cannot say so itself, so every replica measures all of them. The error is that of
// the provider of meters.
func (t *Telemetry) Fleet(f Fleet) error {
	var all []metric.Observable
	var first error
	gauge := func(name, about string) metric.Int64ObservableGauge {
		g, err := t.meter.Int64ObservableGauge(name, metric.WithDescription(about))
		if err != nil && first == nil {
			first = err
		}
		all = append(all, g)
		return g
	}
	stored := gauge("sealwax.manifest.revision", "Revision of the manifest in the store.")
	unreadable := gauge("sealwax.store.unreadable", "1 if the manifest or the reports cannot be read.")
	revision := gauge("sealwax.replica.revision", "Revision that the replica has loaded, by its last report.")
	silent := gauge("sealwax.replica.silent", "1 if the replica has not reported in time, and did not end.")
	trouble := gauge("sealwax.replica.trouble", "1 if the replica cannot follow, has refused a change, or is two processes under one name.")
	if first != nil {
		return first
	}
	_, err := t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		manifest := attribute.String("manifest", f.Manifest)
		inForce, err := f.revision(ctx)
		if err == nil {
			o.ObserveInt64(stored, inForce, metric.WithAttributes(manifest))
		}
		reports, reportsErr := f.Reports.All(ctx)
		o.ObserveInt64(unreadable, one(err != nil || reportsErr != nil), metric.WithAttributes(manifest))
		for name, s := range reports {
			at := metric.WithAttributes(manifest, attribute.String("replica", name))
			r, err := keyset.ReadReport(bytes.NewReader(s.Data))
			if err == nil && !r.Ended { // it opens nothing, and lags behind nobody
				o.ObserveInt64(revision, int64(r.Outcome.Revision), at)
			}
			o.ObserveInt64(silent, one(s.Expired && !r.Ended), at)
			o.ObserveInt64(trouble, one(err != nil || r.Problem != "" || r.Shared || len(r.Outcome.Refused) != 0), at)
		}
		return nil // what cannot be read is a number as well
	}, all...)
	return err
}

// revision returns that of the manifest in the store.
func (f Fleet) revision(ctx context.Context) (int64, error) {
	raw, _, err := f.Store.Load(ctx, "")
	if err != nil {
		return 0, err
	}
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	return int64(m.Revision), nil
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
