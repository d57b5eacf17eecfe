package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Follower keeps a ring as a store says. [Follow] makes it.
type Follower struct {
	ring    *Ring
	from    Loader
	open    Opener
	reload  []ReloadOption
	observe func(Outcome, error)
	again   time.Duration
	reports *reporter // nil without reports

	telling  sync.Mutex // held while observe runs
	version  Version
	manifest *Manifest              // of that version; nil if it is none
	failed   string                 // the last error of the store
	problem  atomic.Pointer[string] // what last kept the ring from following, for the report
}

// A FollowOption changes how a [Follower] works.
type FollowOption func(*Follower) error

// OnOutcome names a function that is told what came of every reload that changed
// something, was refused something, or failed: for logs and monitors. It is called by
// Follow, by Run, and by End, never at the same time. A refusal that stays is told each time.
func OnOutcome(f func(Outcome, error)) FollowOption {
	return func(w *Follower) error { w.observe = f; return nil }
}

// ReportTo lets the follower publish what the ring has loaded, refused, and used, under a
// name that stays the same when the process is restarted, such as that of a host or of a
// pod of a StatefulSet: after each load, and every so often (zero means one minute).
// [Step] waits for all replicas that report. A replica that has not reported for three
// times as long is silent.
//
// Follow takes in the last report of the replica, so that what the process before this one
// has counted is not lost; see [Ring.Resume]. [Follower.End] publishes the last one. If
// the reports cannot be written, the follower tells it, and follows all the same.
//
// If two processes report under one name, the follower of each tells [OnOutcome] an error
// that wraps [ErrConflict]. Until one of them ends, keys count as used, and steps wait.
func ReportTo(reports Reports, replica string, every time.Duration) FollowOption {
	return func(w *Follower) error {
		if reports == nil {
			return errors.New("keyset: nil reports")
		}
		if err := checkReplica(replica); err != nil {
			return fmt.Errorf("keyset: %w", err)
		}
		if every == 0 {
			every = time.Minute
		}
		if every < 0 {
			return fmt.Errorf("keyset: reports every %v", every)
		}
		w.reports = newReporter(w, reports, replica, every)
		return nil
	}
}

// ReloadWith gives options to every [Ring.Reload].
func ReloadWith(opts ...ReloadOption) FollowOption {
	return func(w *Follower) error { w.reload = append(w.reload, opts...); return nil }
}

// TryAgain sets how long the follower waits before it tries again what was refused or has
// failed, although the store has nothing new. It is one minute without this option. After
// that time the follower also gives up a Load that still waits, and an error that Load
// returns then is not told. So d has to be longer than the store takes to notice an
// outage; the adapters say how long that is.
func TryAgain(d time.Duration) FollowOption {
	return func(w *Follower) error {
		if d <= 0 {
			return fmt.Errorf("keyset: trying again after %v", d)
		}
		w.again = d
		return nil
	}
}

// Follow loads the manifest of a store into the ring, and returns a follower that goes
// on with it. A server that listens after Follow has returned nil has keys:
//
//	follower, err := keyset.Follow(ctx, ring, keyset.File(root, "own.json"), pgp.OpenFile(root.FS(), nil))
//	if err != nil {
//		return err
//	}
//	go follower.Run(ctx)
//
// The error is that of the store, of [ReadManifest], or of [Ring.Reload]. What was
// refused is no error; see [OnOutcome] and [Ring.Outcome]. A ring has one follower.
func Follow(ctx context.Context, r *Ring, from Loader, open Opener, opts ...FollowOption) (*Follower, error) {
	if r == nil || from == nil || open == nil {
		return nil, errors.New("keyset: following needs a ring, a store, and an opener")
	}
	w := &Follower{ring: r, from: from, open: open, again: time.Minute, observe: func(Outcome, error) {}}
	for _, o := range opts {
		if err := o(w); err != nil {
			return nil, err
		}
	}
	raw, version, err := from.Load(ctx, "")
	if err != nil {
		return nil, err
	}
	if err := w.take(ctx, raw, version); err != nil {
		return nil, err
	}
	if w.reports != nil {
		w.reports.first(ctx)
	}
	return w, nil
}

// Run goes on until ctx ends, and returns its cause. Whatever is wrong with the store,
// the manifest, or a key, the ring keeps the keys that it has, and Run tries again; but
// revocations take effect, even those of a manifest that cannot be read as a whole.
func (w *Follower) Run(ctx context.Context) error {
	if w.reports != nil {
		done := make(chan struct{})
		go func() { defer close(done); w.reports.run(ctx) }()
		defer func() { <-done }()
	}
	for ctx.Err() == nil {
		pause := w.again
		if w.failed != "" {
			pause = min(pause, lookAgain) // to find out soon that the store is there again
		}
		wait, cancel := context.WithTimeout(ctx, pause)
		raw, version, err := w.from.Load(wait, w.version)
		if err != nil && wait.Err() != nil {
			version, err = w.version, nil // nothing new
		}
		cancel()
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			_ = w.take(ctx, raw, version) // which observe has been told
			continue
		}
		w.lost(err)
		select { // a store that fails at once must not be asked at once
		case <-ctx.Done():
		case <-time.After(lookAgain):
		}
	}
	return context.Cause(ctx)
}

// End publishes the last report of the process, if it reports at all. Call it when Run
// has returned and no envelope uses the ring any more. The next process of the replica
// then knows every use, and a [Step] with [ForgetAfter] need not wait for this one. ctx
// bounds it.
func (w *Follower) End(ctx context.Context) error {
	if w.reports == nil {
		return nil
	}
	return w.reports.publish(ctx, true)
}

// note keeps what keeps the ring from following, for the report.
func (w *Follower) note(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	w.problem.Store(&text)
}

// say calls observe, once at a time.
func (w *Follower) say(o Outcome, err error) {
	w.telling.Lock()
	defer w.telling.Unlock()
	w.observe(o, err)
}

// lost tells an error of the store, once for as long as it stays the same.
func (w *Follower) lost(err error) {
	if err.Error() != w.failed {
		w.failed = err.Error()
		w.note(err)
		w.say(Outcome{Revision: w.ring.Outcome().Revision}, err)
	}
}

// take brings the ring up to what the store has. The known version is tried again.
func (w *Follower) take(ctx context.Context, raw []byte, version Version) (err error) {
	w.failed = ""
	if w.reports != nil {
		defer w.reports.loaded()
	}
	if version != w.version {
		// Also if it cannot be read: the same bytes say nothing else later.
		w.version = version
		if w.manifest, err = w.read(raw); err != nil {
			return err
		}
	}
	if w.manifest == nil {
		return nil
	}
	o, err := w.ring.Reload(ctx, w.manifest, w.open, w.reload...)
	w.note(err)
	if o.Changed || len(o.Refused) != 0 || err != nil {
		w.say(o, err)
	}
	return err
}

// read reads a manifest, or takes the revocations of one that cannot be read.
func (w *Follower) read(raw []byte) (*Manifest, error) {
	m, err := ReadManifest(bytes.NewReader(raw))
	if err == nil {
		return m, nil
	}
	o := Outcome{Revision: w.ring.Outcome().Revision}
	var broken *ManifestError
	if errors.As(err, &broken) {
		o.Revoked = w.ring.RevokeAll(broken.Revoked...)
		o.Changed = len(o.Revoked) != 0
	}
	w.note(err)
	w.say(o, err)
	return nil, err
}
