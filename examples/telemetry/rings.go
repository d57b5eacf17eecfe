package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sealwax/sealwax/keyset"
)

// gauges are those of [keyset.Ring.Gauges], by their names: what each is called here, and
// what its label is. A gauge that a later release adds is left out until it is entered.
var gauges = map[string]struct{ name, unit, label, about string }{
	"revision":              {"sealwax.revision", "", "", "Revision of the manifest that the ring has loaded."},
	"refused":               {"sealwax.refused", "", "", "1 for each key whose change the ring has refused."},
	"finding":               {"sealwax.finding", "", "problem", "1 for each finding of Check."},
	"key_state":             {"sealwax.key.state", "", "state", "1 for the state that the key is in."},
	"key_expires_seconds":   {"sealwax.key.expires", "s", "", "Time until the key ends, negative after it."},
	"key_last_used_seconds": {"sealwax.key.last_used", "s", "", "Time since the key was last used."},
	"key_sealed_total":      {"sealwax.key.sealed", "", "", "Messages that were sealed with the key."},
	"key_opened_total":      {"sealwax.key.opened", "", "", "Messages that were opened with the key, signature and all."},
	"key_unsigned_total":    {"sealwax.key.unsigned", "", "", "Messages that were opened with the key, and had no signature."},
}

// counted are the gauges that only grow.
var counted = map[string]bool{"key_sealed_total": true, "key_opened_total": true, "key_unsigned_total": true}

// measure registers the gauges of both rings of a partner.
func (t *Telemetry) measure(p Partner) error {
	instruments := map[string]metric.Float64Observable{}
	var all []metric.Observable
	for name, g := range gauges {
		var err error
		if counted[name] {
			instruments[name], err = t.meter.Float64ObservableCounter(g.name, metric.WithDescription(g.about))
		} else {
			instruments[name], err = t.meter.Float64ObservableGauge(g.name, metric.WithUnit(g.unit), metric.WithDescription(g.about))
		}
		if err != nil {
			return err
		}
		all = append(all, instruments[name])
	}
	_, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for side, ring := range map[string]*keyset.Ring{"own": p.Own, "peer": p.Peer} {
			for _, g := range ring.Gauges(time.Now(), p.Requirements) {
				if i, ok := instruments[g.Name]; ok {
					o.ObserveFloat64(i, g.Value, metric.WithAttributes(labels(p, side, g)...))
				}
			}
		}
		return nil
	}, all...)
	return err
}

func labels(p Partner, side string, g keyset.Gauge) []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.String("partner", p.Name), attribute.String("ring", side)}
	if g.ID != "" {
		all = append(all, attribute.String("key", string(g.ID)))
	}
	if label := gauges[g.Name].label; label != "" {
		all = append(all, attribute.String(label, g.Label))
	}
	return all
}
