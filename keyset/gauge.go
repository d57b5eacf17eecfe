package keyset

import (
	"strings"
	"time"
)

// A Gauge is one number about a ring, as a monitor stores it.
type Gauge struct {
	// Name is what is measured:
	//
	//	key_expires_seconds      until NotAfter, negative after it; only for keys that end
	//	key_last_used_seconds    since the key was last used, or since counting began
	//	key_sealed_total         messages
	//	key_opened_total         messages with a good signature
	//	key_unsigned_total       messages that were opened without a signature
	//	key_state                1, for the state that the key is in
	//	finding                  1, for each finding of Check
	//	refused                  1, for each change of the last manifest that was refused
	//	revision                 of the current set
	Name  string
	ID    ID      // empty if the gauge is about the ring
	Label string  // the state or the problem; otherwise empty
	Value float64 // in seconds where the name says so
}

// String returns the gauge as name{id="…",label="…"}, for monitors that name
// series by text.
func (g Gauge) String() string {
	var labels []string
	if g.ID != "" {
		labels = append(labels, `id="`+string(g.ID)+`"`)
	}
	if g.Label != "" {
		labels = append(labels, `label="`+g.Label+`"`)
	}
	if len(labels) == 0 {
		return g.Name
	}
	return g.Name + "{" + strings.Join(labels, ",") + "}"
}

// Gauges returns what a monitor wants to know about r at the given time: for each key its
// state, its end, and its use, and every finding of [Set.Check]. A revoked key has only
// its state. It depends on no metrics library; call it whenever the monitor asks.
func (r *Ring) Gauges(at time.Time, requirements Requirements) []Gauge {
	cur := r.current()
	out := []Gauge{{Name: "revision", Value: float64(cur.set.revision)}}
	for _, e := range cur.set.keys {
		id := e.info.ID
		add := func(name, label string, value float64) {
			out = append(out, Gauge{name, id, label, value})
		}
		add("key_state", e.State.String(), 1)
		if e.State == Revoked {
			continue
		}
		if _, end := e.bounds(*e.info); !end.IsZero() {
			add("key_expires_seconds", "", end.Sub(at).Seconds())
		}
		u := cur.uses[id].usage()
		add("key_last_used_seconds", "", u.Idle(at).Seconds())
		add("key_sealed_total", "", float64(u.Sealed))
		add("key_opened_total", "", float64(u.Opened))
		add("key_unsigned_total", "", float64(u.Unsigned))
	}
	for _, r := range cur.outcome.Refused {
		out = append(out, Gauge{"refused", r.ID, "", 1})
	}
	for _, f := range cur.set.Check(at, requirements) {
		out = append(out, Gauge{"finding", f.ID, string(f.Problem), 1})
	}
	return out
}
