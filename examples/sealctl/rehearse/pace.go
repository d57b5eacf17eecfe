package rehearse

import (
	"context"
	"time"
)

// The rate of the Standard Payments family: never faster than this.
const (
	apart  = 10 * time.Second
	window = 15 * time.Minute
	most   = 30 // messages in a window
)

// A Pace waits before each message, so that a rehearsal is no faster than the network is.
// It is for one goroutine.
type Pace struct {
	Now   func() time.Time                           // time.Now if nil
	Sleep func(context.Context, time.Duration) error // until then, or the end of ctx; nil does
	sent  []time.Time                                // the latest, oldest first
}

// Wait waits until a message may be sent, and counts it.
func (p *Pace) Wait(ctx context.Context) error {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	sleep := Sleep
	if p.Sleep != nil {
		sleep = p.Sleep
	}
	at := now()
	next := at
	if n := len(p.sent); n > 0 {
		next = later(next, p.sent[n-1].Add(apart))
	}
	if n := len(p.sent); n >= most {
		next = later(next, p.sent[n-most].Add(window))
	}
	if err := sleep(ctx, next.Sub(at)); err != nil {
		return err
	}
	p.sent = append(p.sent, now())
	p.sent = p.sent[max(0, len(p.sent)-most):]
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Sleep waits, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
