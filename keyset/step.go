package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A StepOption changes how a [Step] works.
type StepOption func(*stepping) error

// OpenKeys gives the step the keys themselves, not only their states. It is needed for
// [Ring.Refresh], to seal with the source of [Ring.Probe], and for a manifest that does
// not say what its keys are for.
func OpenKeys(open Opener) StepOption {
	return func(s *stepping) error {
		if open == nil {
			return errors.New("keyset: a step with a nil opener")
		}
		s.open = open
		return nil
	}
}

// AskReplicas lets the step ask every replica that ever reported there, and the named
// ones, which must have reported. [ReportTo] makes a replica report.
func AskReplicas(reports Reports, must ...string) StepOption {
	return func(s *stepping) error {
		if reports == nil {
			return errors.New("keyset: a step with nil reports")
		}
		s.reports = reports
		s.fleet.must = append(s.fleet.must, must...)
		return checkReplicas(must)
	}
}

// Vouch takes a person's word that the named replicas have loaded what is in force, for
// those that cannot report, or that a person has looked at. For [Ring.Remove] the
// reports of their uses must be merged all the same.
func Vouch(replicas ...string) StepOption {
	return func(s *stepping) error {
		if len(replicas) == 0 {
			return errors.New("keyset: name the replicas that somebody vouches for")
		}
		s.fleet.vouched = append(s.fleet.vouched, replicas...)
		return checkReplicas(replicas)
	}
}

func checkReplicas(names []string) error {
	for _, name := range names {
		if err := checkReplica(name); err != nil {
			return fmt.Errorf("keyset: %w", err)
		}
	}
	return nil
}

// SingleProcess says that at most one process follows the manifest, so that the step
// needs no report. A replica that has reported is asked all the same.
func SingleProcess() StepOption {
	return func(s *stepping) error { s.fleet.single = true; return nil }
}

// ForgetAfter is for clusters in which replicas come and go under new names. The step
// does not wait for a replica that said that it ended, or was last heard of, longer than
// d ago. A replica that was cut off for longer than d still serves with its old keys, and
// messages are lost there: choose a time after which the cluster has surely ended it.
func ForgetAfter(d time.Duration) StepOption {
	return func(s *stepping) error {
		if d <= 0 {
			return fmt.Errorf("keyset: forgetting replicas after %v", d)
		}
		s.fleet.forgetful = d
		return nil
	}
}

// Step makes one step of a rotation in a store: it loads the manifest, gives it to step
// as a ring, and stores what the ring has become, if nobody else has stored anything
// meanwhile. If somebody has, all of it is done again: step may run several times, and
// must not act outside of the ring. If it returns an error, nothing is stored and Step
// returns that error. Several methods of the ring make one step, all or none:
//
//	err := keyset.Step(ctx, store, func(ring *keyset.Ring) error {
//		if err := ring.Acknowledge(id, "echo of 3 December"); err != nil {
//			return err
//		}
//		return ring.Promote(id)
//	}, keyset.AskReplicas(reports))
//
// The ring has the states of the keys, and not the keys themselves, so that a step needs
// no secret. Only [Ring.Add] is given a key, the new one. What needs the other keys as
// well asks for [OpenKeys].
//
// [Ring.Promote], [Ring.Probe], and [Ring.Remove] rely on what the replicas have loaded,
// and return [ErrLagging] unless all of them have loaded the manifest that is in force. A
// replica that has reported once counts until [Ring.Forget] names it, however long it is
// silent. If nobody has reported, the step is refused: see [AskReplicas], [Vouch], and
// [SingleProcess]. Other methods, revocations among them, ask no replica.
//
// If the bytes in the store are no manifest, the ring is empty, [Ring.Revoke] and
// [Ring.RevokeAll] work in them with whole IDs, and everything else returns the
// [*ManifestError].
//
// The error wraps [fs.ErrNotExist] if there is no manifest yet; see [Create]. After an
// error of the store other than [ErrConflict], nobody knows whether the step was stored.
// Step then reads the store again: it succeeds if the step is there, and its error says
// so if it cannot find out. It wraps [ErrRevocationLost], whatever the store, if a
// revocation would be lost.
func Step(ctx context.Context, s Store, step func(*Ring) error, opts ...StepOption) error {
	if s == nil || step == nil {
		return errors.New("keyset: a step needs a store and a function")
	}
	w := &stepping{store: s}
	for _, o := range opts {
		if err := o(w); err != nil {
			return err
		}
	}
	for try := 0; ; try++ {
		done, err := w.try(ctx, step)
		if err != nil {
			return w.undecided(err)
		}
		if done {
			return w.forget(ctx)
		}
		select { // those who lost do not meet again at once
		case <-ctx.Done():
			return w.undecided(context.Cause(ctx))
		case <-time.After(rand.N(min(time.Duration(try+1)*5*time.Millisecond, 250*time.Millisecond))):
		}
	}
}

// Create stores the first manifest. The error wraps [ErrConflict] if there is one already.
func Create(ctx context.Context, s Store, m *Manifest) error {
	raw, err := m.encode()
	if err != nil {
		return err
	}
	_, err = s.Swap(ctx, "", raw)
	if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrReadOnly) {
		return err
	}
	if is, _, failed := s.Load(ctx, ""); failed == nil && bytes.Equal(is, raw) {
		return nil
	}
	return fmt.Errorf("keyset: the manifest may have been stored: %w", err)
}

// maxUnknown is how often a swap may end without an answer.
const maxUnknown = 3

// A stepping is one Step.
type stepping struct {
	store   Store
	open    Opener
	reports Reports
	fleet   fleet

	forgotten []string // by the last try
	written   [][]byte // what may have been stored, without an answer
	unknown   error    // of the last of them
}

func (w *stepping) try(ctx context.Context, step func(*Ring) error) (done bool, err error) {
	raw, version, err := w.store.Load(ctx, "")
	if err != nil {
		return false, err
	}
	for _, own := range w.written {
		if bytes.Equal(raw, own) {
			return true, nil
		}
	}
	ring, before, err := w.ring(ctx, raw)
	if err != nil {
		return false, err
	}
	if err := step(ring); err != nil {
		return false, err
	}
	after := ring.current()
	if after.fleet != nil {
		w.forgotten = after.fleet.forgotten
	}
	next := raw
	switch {
	case after.torn != nil:
		next = after.torn.raw
	case after.set != before:
		if next, err = after.set.Manifest().encode(); err != nil {
			return false, err
		}
	}
	if bytes.Equal(next, raw) {
		return true, nil
	}
	if err := keepsRevoked(raw, next); err != nil {
		return false, err
	}
	_, err = w.store.Swap(ctx, version, bytes.Clone(next))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, ErrConflict):
		return false, nil
	case errors.Is(err, ErrReadOnly):
		return false, err
	}
	w.written, w.unknown = append(w.written, next), err
	if len(w.written) > maxUnknown {
		return false, errors.New("the store does not answer")
	}
	return false, nil
}

// undecided returns the error of a step of which it is perhaps not known whether it was stored.
func (w *stepping) undecided(err error) error {
	if w.unknown == nil {
		return err
	}
	return fmt.Errorf("keyset: the step may have been stored; look before it is made again: %w: %w", w.unknown, err)
}

// ring returns what the step is made in, and its set.
func (w *stepping) ring(ctx context.Context, raw []byte) (*Ring, *Set, error) {
	r := new(Ring)
	m, err := ReadManifest(bytes.NewReader(raw))
	if err != nil {
		r.state.Store(&ringState{set: emptyState.set, torn: &torn{raw, err}})
		return r, emptyState.set, nil
	}
	s, err := m.Open(ctx, w.open)
	if err != nil {
		return nil, nil, err
	}
	state := *NewRing(s).current()
	f := w.fleet
	f.reports = sync.OnceValues(func() (map[string]*heard, error) {
		if w.reports == nil {
			return nil, nil
		}
		stored, err := w.reports.All(ctx)
		if err != nil {
			return nil, fmt.Errorf("the reports of the replicas cannot be read: %w", err)
		}
		return readReports(m.Format, stored), nil
	})
	state.fleet = &f
	r.state.Store(&state)
	return r, s, nil
}

// forget deletes the reports of the replicas that the step has forgotten. The trace is
// stored before.
func (w *stepping) forget(ctx context.Context) error {
	if w.reports == nil { // those that were merged are gone with the ring
		return nil
	}
	var failed []error
	for _, name := range w.forgotten {
		if err := w.reports.Forget(ctx, name); err != nil {
			failed = append(failed, fmt.Errorf("keyset: the step is stored, but the report of replica %q is still there; forget it again: %w", name, err))
		}
	}
	return errors.Join(failed...)
}
