package keyset

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A reporter publishes what one process of a replica knows.
//
// It is the only one that writes under the name of its replica. If another write came in
// between, there are two of them, or an operator has forgotten the replica, or its own
// write was stored without an answer: it looks which.
type reporter struct {
	w       *Follower
	to      Reports
	replica string
	every   time.Duration
	process string // tells this process from another of the same name
	wake    chan struct{}

	mu      sync.Mutex // one publication at a time
	known   bool       // the last report of the replica was read, and taken in
	version Version    // of the last report
	shared  time.Time  // until when another process must be reckoned with
	told    string     // the last error that was told
}

// The report of a replica that is silent for so many times the usual pause has expired.
const expiresAfter = 3

// maxConflicts bounds how often one publication looks who was first.
const maxConflicts = 3

// patience bounds how long one publication takes.
const patience = 10 * time.Second

func newReporter(w *Follower, to Reports, replica string, every time.Duration) *reporter {
	return &reporter{w: w, to: to, replica: replica, every: every, process: rand.Text(), wake: make(chan struct{}, 1)}
}

// loaded asks for a report before the next one is due.
func (r *reporter) loaded() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// first publishes before the ring is used, so that the counts of the last process are
// there. A store that does not answer delays the start, and does not prevent it.
func (r *reporter) first(ctx context.Context) {
	select {
	case <-r.wake:
	default:
	}
	r.attempt(ctx)
}

// run goes on until ctx ends.
func (r *reporter) run(ctx context.Context) {
	for pause := r.every; ; {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-time.After(pause):
		}
		if pause = r.every; !r.attempt(ctx) {
			pause = min(pause, lookAgain)
		}
	}
}

// attempt publishes, and tells what goes wrong, once for as long as it stays the same.
func (r *reporter) attempt(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := r.publish(bounded, false)
	if err == nil {
		if !r.inDoubt() {
			r.told = ""
		}
		return true
	}
	if ctx.Err() == nil && err.Error() != r.told {
		r.told = err.Error()
		r.w.say(r.w.ring.Outcome(), err)
	}
	return errors.Is(err, ErrReadOnly) || errors.Is(err, ErrConflict) // to try again soon would not help
}

// inDoubt reports whether another process must be reckoned with.
func (r *reporter) inDoubt() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return clock().Before(r.shared)
}

func (r *reporter) publish(ctx context.Context, ended bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.known {
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	lost := error(nil)
	for range maxConflicts {
		data, err := r.report(ended)
		if err != nil {
			return err
		}
		version, err := r.to.Put(ctx, r.replica, r.version, data, expiresAfter*r.every)
		if err == nil {
			r.version = version
			return lost
		}
		if !errors.Is(err, ErrConflict) {
			return fmt.Errorf("keyset: the report of replica %q is not published: %w", r.replica, err)
		}
		if lost, err = r.concede(ctx); err != nil {
			return err
		}
	}
	if lost != nil {
		return lost
	}
	return fmt.Errorf("keyset: the report of replica %q is not published: %w", r.replica, ErrConflict)
}

func (r *reporter) report(ended bool) ([]byte, error) {
	p := r.w.ring.Report(r.replica)
	p.Process, p.Shared, p.Ended = r.process, clock().Before(r.shared), ended
	if problem := r.w.problem.Load(); problem != nil {
		p.Problem = *problem
	}
	var b bytes.Buffer
	_, err := p.WriteTo(&b)
	return b.Bytes(), err
}

// last returns what the store has of the replica.
func (r *reporter) last(ctx context.Context) (Report, Version, bool, error) {
	all, err := r.to.All(ctx)
	if err != nil {
		return Report{}, "", false, fmt.Errorf("keyset: the last report of replica %q cannot be read: %w", r.replica, err)
	}
	stored, ok := all[r.replica]
	if !ok {
		return Report{}, "", false, nil
	}
	p, err := ReadReport(bytes.NewReader(stored.Data))
	if err != nil {
		// Nothing can be taken in: keys count as unused from now on only.
		p = Report{}
	}
	return p, stored.Version, true, nil
}

// look takes in the last report of the replica.
func (r *reporter) look(ctx context.Context) error {
	p, version, ok, err := r.last(ctx)
	if err != nil {
		return err
	}
	if ok && p.Replica != "" {
		if err := r.w.ring.Resume(p); err != nil {
			return err
		}
	}
	r.version, r.known = version, true
	return nil
}

// concede looks who wrote in between. The error lost tells of another process under the
// same name: what it uses keys for, this one does not know.
func (r *reporter) concede(ctx context.Context) (lost, err error) {
	p, version, ok, err := r.last(ctx)
	if err != nil {
		return nil, err
	}
	r.version = version
	if !ok || p.Process == r.process {
		return nil, nil
	}
	r.w.ring.doubt(p)
	// Of two writes in a row the second one meets nobody, and the other process lives.
	r.shared = clock().Add(expiresAfter * r.every)
	return fmt.Errorf("%w: two processes report as replica %q; give each its own name", ErrConflict, r.replica), nil
}
