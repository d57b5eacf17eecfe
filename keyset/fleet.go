package keyset

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A fleet says whom a [Step] asks before it relies on what others have loaded. It is
// immutable. A nil fleet is that of a ring outside of a Step, and asks nobody.
type fleet struct {
	must      []string // replicas that must answer
	vouched   []string // replicas that a person answers for
	single    bool     // there is one process, which may be silent
	forgetful time.Duration
	forgotten []string // by this step

	// reports is called at most once, and only by a step that asks: a revocation
	// does not wait for it.
	reports func() (map[string]*heard, error)
}

// A heard is what a store has of one replica.
type heard struct {
	Report
	expired bool
	err     error // why it cannot be read
}

// readReports reads what a store keeps. A report that cannot be read holds back the steps that
// ask its replica, and nothing else.
func readReports(f Format, stored map[string]StoredReport) map[string]*heard {
	all := make(map[string]*heard, len(stored))
	for name, s := range stored {
		p, err := ReadReport(bytes.NewReader(s.Data))
		if err == nil && p.Replica != name {
			err = fmt.Errorf("it is that of replica %.64q", p.Replica)
		}
		if err == nil {
			err = p.merges(clock())
		}
		all[name] = &heard{p.normal(f), s.Expired, err}
	}
	return all
}

// asked returns the replicas that count, by name: those that the store has, those of which
// the ring was told with [Ring.Merge], and those that must answer. Of the last ones there
// may be nothing.
func (cur *ringState) asked() (map[string]*heard, error) {
	f := cur.fleet
	reports, err := f.reports()
	if err != nil {
		return nil, err
	}
	all := make(map[string]*heard, len(reports)+len(cur.reports)+len(f.must))
	for _, name := range f.must {
		all[name] = nil
	}
	for name, p := range cur.reports {
		all[name] = &heard{Report: p}
	}
	for name, h := range reports {
		old := all[name]
		if f.outdated(h) || old != nil && h.err == nil && h.Made.Before(old.Made) {
			continue
		}
		all[name] = h
	}
	for _, name := range f.forgotten {
		delete(all, name)
	}
	return all, nil
}

// outdated reports whether a replica is forgotten by its age.
func (f *fleet) outdated(h *heard) bool {
	return f.forgetful != 0 && h.err == nil && (h.Ended || h.expired) && clock().Sub(h.Made) >= f.forgetful
}

// known is every report that the ring can go by.
func (cur *ringState) known() map[string]Report {
	if cur.fleet == nil {
		return cur.reports
	}
	replicas, _ := cur.asked() // what went wrong, silent and agreed say
	all := make(map[string]Report, len(replicas))
	for name, h := range replicas {
		if h != nil && h.err == nil {
			all[name] = h.Report
		}
	}
	return all
}

// silent returns an error if a replica must be asked for its uses that has said nothing
// of them that can be read.
func (cur *ringState) silent() error {
	if cur.fleet == nil {
		return nil
	}
	replicas, err := cur.asked()
	if err != nil {
		return fmt.Errorf("nothing is known of its use: %w", err)
	}
	names := slices.AppendSeq(slices.Clone(cur.fleet.vouched), maps.Keys(replicas))
	slices.Sort(names)
	for _, name := range names {
		if h := replicas[name]; (h == nil || h.err != nil) && !slices.Contains(cur.fleet.forgotten, name) {
			return fmt.Errorf("nothing is known of its use by replica %q; give its report", name)
		}
	}
	return nil
}

// everywhere returns nil if all replicas open with the key.
func (cur *ringState) everywhere(id ID) error {
	return cur.agreed(id, func(s State) string {
		if s == gone || s == Revoked {
			return "has not loaded the key: no manifest that replicas follow has it"
		}
		return ""
	})
}

// nowhereSealing returns nil if no replica seals with the key.
func (cur *ringState) nowhereSealing(id ID) error {
	return cur.agreed(id, func(s State) string {
		if e, err := cur.set.entry(id); err == nil && s == Active && e.info.Seals() {
			return "seals with the key: it is active in the manifest that replicas follow"
		}
		return ""
	})
}

// agreed returns nil if all replicas have loaded the manifest that the step began with,
// in which the key has a state that will do. Why it will not do is why all of them lag.
func (cur *ringState) agreed(id ID, unfit func(State) string) error {
	f := cur.fleet
	if f == nil {
		return nil
	}
	is := &LaggingError{Revision: cur.given.Revision}
	replicas, err := cur.asked()
	if err != nil {
		is.Err = err
		return is
	}
	if len(replicas) == 0 && len(f.vouched) == 0 {
		if f.single {
			return nil
		}
		is.Err = errors.New("no replica has reported; let them report where the step finds it, name those that a person answers for, or say that there is a single process")
		return is
	}
	state := gone
	for _, k := range cur.given.Keys {
		if k.ID == id {
			state = k.State
		}
	}
	because := unfit(state)
	for _, name := range slices.Sorted(maps.Keys(replicas)) {
		why := because
		if why == "" && !slices.Contains(f.vouched, name) {
			why = replicas[name].lags(id, is.Revision)
		}
		if why != "" {
			is.Replicas = append(is.Replicas, Lag{name, why})
		}
	}
	if because != "" && len(is.Replicas) == 0 {
		for _, name := range f.vouched {
			is.Replicas = append(is.Replicas, Lag{name, because})
		}
	}
	if len(is.Replicas) == 0 {
		return nil
	}
	return is
}

// lags returns why the replica is not ready, nothing if it is.
func (h *heard) lags(id ID, revision uint64) string {
	switch {
	case h == nil:
		return "has not reported"
	case h.err != nil:
		return fmt.Sprintf("cannot be understood: its report: %v", h.err)
	case h.Shared:
		return "is two processes that report under one name; give each its own"
	case h.expired && h.Ended:
		return "ended at " + stamp(h.Made)
	case h.expired:
		return "is silent since " + stamp(h.Made) + ", and may serve all the same"
	case h.Outcome.Revision < revision:
		why := fmt.Sprintf("has loaded revision %d", h.Outcome.Revision)
		if h.Problem != "" {
			why += fmt.Sprintf(", for %.256q", h.Problem)
		}
		return why
	case h.Problem != "":
		// Also with a higher revision: a store that was put back has other revisions.
		return fmt.Sprintf("does not follow: %.256q", h.Problem)
	}
	for _, r := range h.Outcome.Refused {
		if r.ID == id {
			return fmt.Sprintf("refused the key: %.256q", r.Err.Error())
		}
	}
	return ""
}

// Forget says that a replica which has reported is gone for good: no [Step] waits for it
// any more. It leaves a [Trace] in the manifest, and Step deletes the report of the
// replica. Do not forget a replica that is only cut off: it still serves with the keys
// that it has. If a forgotten replica lives, it reports again and counts again. reason
// must not be empty. Outside of a Step there is nobody to forget, and Forget returns an
// error.
func (r *Ring) Forget(replica, reason string) error {
	if err := checkReplica(replica); err != nil {
		return fmt.Errorf("keyset: %w", err)
	}
	if strings.TrimSpace(reason) == "" {
		return fmt.Errorf("keyset: replica %q: say why it is forgotten", replica)
	}
	return r.change(func(cur *ringState) (*ringState, error) {
		if cur.fleet == nil {
			return nil, fmt.Errorf("keyset: replica %q: only a Step waits for replicas, and can forget one", replica)
		}
		replicas, err := cur.asked()
		if err != nil {
			return nil, fmt.Errorf("keyset: replica %q: %w", replica, err)
		}
		if _, ok := replicas[replica]; !ok {
			return nil, fmt.Errorf("%w: no replica %q has reported", ErrNotFound, replica)
		}
		revision, err := cur.set.next()
		if err != nil {
			return nil, err
		}
		next := *cur
		next.set = cur.set.derive(revision, cur.set.keys)
		next.leave(Trace{Replica: replica, At: clock(), Reason: reason})
		f := *cur.fleet
		f.forgotten = append(slices.Clone(f.forgotten), replica)
		next.fleet = &f
		return &next, nil
	})
}
