package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sealwax/sealwax/keyset"
)

// A stage is a step of the rotation: the change, and what is tried after it.
type stage struct {
	step   string
	change Case
	by     string // who signs what is sent while the change is under way; nobody if empty
	cases  func(*run) []Case
}

// stages are those of a rehearsal, in their order.
var stages = []stage{
	{step: "first", change: Case{Name: "rotation/first", Demand: "the endpoint trusts one key of the network", Source: ofEcho, Level: Demanded},
		cases: func(r *run) []Case {
			return append(r.unsigned(r.repliesTo("rotation/reply-to-first", "a reply is encrypted to the key that was handed over")), ofSignatures(
				Case{Name: "rotation/by-first", Demand: "a message signed by the key that was handed over is answered", Source: ofEcho, Level: Demanded, try: sends(answers, by(first))},
				Case{Name: "rotation/not-yet", Demand: "a key that has not been handed over signs nothing", Source: ofEcho, Level: Demanded, try: sends(rejects, by(second))},
			)...)
		}},
	{step: "second", by: first, change: Case{Name: "rotation/second", Demand: "a second key is trusted, and no request fails meanwhile", Source: ofEcho, Level: Demanded},
		cases: func(r *run) (c []Case) {
			for _, more := range []func(*run) []Case{keyCases, invalidCases, requestCases, replyCases, errorCases} {
				c = append(c, more(r)...)
			}
			return append(c, r.More...)
		}},
	{step: "without-first", by: second, change: Case{Name: "rotation/without-first", Demand: "the old key is removed, and no request fails meanwhile", Source: ofEcho, Level: Demanded},
		cases: afterRemoval("removed", first, second)},
	{step: "third", by: second, change: Case{Name: "rotation/third", Demand: "the next key is trusted, and no request fails meanwhile", Source: ofEcho, Level: Demanded},
		cases: func(r *run) []Case {
			return append(r.unsigned(r.repliesTo("rotation/reply-to-either", "a reply is encrypted to one of the keys that are trusted")), ofSignatures(
				Case{Name: "rotation/by-third", Demand: "a message signed by the next key is answered", Source: ofEcho, Level: Demanded, try: sends(answers, by(third), by(second))})...)
		}},
	{step: "emergency", by: third, change: Case{Name: "rotation/emergency", Demand: "a key that has leaked is revoked, and no request by another fails meanwhile", Source: ofEcho, Level: Demanded},
		cases: afterRemoval("emergency", second, third)},
}

// afterRemoval is what holds once a key is no longer trusted.
func afterRemoval(prefix, gone, stays string) func(*run) []Case {
	return func(r *run) []Case {
		c := append(r.unsigned(r.repliesTo(prefix+"/reply-not-to-it", "a reply is not encrypted to that key any more")), ofSignatures(
			Case{Name: prefix + "/by-it", Demand: "a message signed by that key alone is rejected", Source: ofEcho, Level: Demanded, try: sends(rejects, by(gone))},
			Case{Name: prefix + "/by-another", Demand: "a message signed by another key is answered", Source: ofEcho, Level: Demanded, try: sends(answers, by(stays))},
		)...)
		if r.Network.format == keyset.OpenPGP {
			to := r.onReplyTo(by(stays), "", "a reply is not encrypted to that key any more", ofPGP, toTrusted)
			to.Name = prefix + "/reply-not-to-it"
			c = append(c, to, Case{Name: prefix + "/by-both", Demand: "a message signed by that key and by another is answered", Source: ofEcho, Level: Demanded,
				try: sends(answers, by(gone, stays).as("that key first"), by(stays, gone).as("the other first"))})
		}
		return c
	}
}

// enter brings the endpoint to a stage, and counts what fails meanwhile.
func (r *run) enter(ctx context.Context, s stage, wanted bool) (results []Result, err error) {
	step := stepNamed(s.step)
	c := s.change
	c.try = func(ctx context.Context, r *run) (Outcome, string, error) {
		if err := r.between(step); err != nil {
			return "", "", err
		}
		out, saw, err := r.during(ctx, s.by, func() error { return r.Install(ctx, step) })
		if err != nil {
			return out, saw, err
		}
		return out, saw, r.at(step)
	}
	switch {
	case r.Install == nil && s.step == Standing().Name: // where it stands
		if err := r.at(step); err != nil {
			return nil, err
		}
		fallthrough
	case r.Install == nil:
		c.try = func(context.Context, *run) (Outcome, string, error) {
			return NotTried, "nobody installs keys at the endpoint while this runs", nil
		}
	case !wanted:
		if err := r.Install(ctx, step); err != nil {
			return nil, fmt.Errorf("rehearsal: step %s: %w", step.Name, err)
		}
		return nil, r.at(step)
	}
	if !wanted {
		return nil, nil
	}
	result, err := r.one(ctx, c, stage{step: r.step.Name})
	return []Result{result}, err
}

// during sends requests, which all have to be answered, while change is under way.
func (r *run) during(ctx context.Context, signer string, change func() error) (Outcome, string, error) {
	if signer == "" {
		return Held, "installed", change()
	}
	var count counter
	ask := func() error { return count.one(ctx, r, signer) }
	if err := ask(); err != nil {
		return "", "", err
	}
	var err error
	if r.Load {
		err = errors.Join(count.meanwhile(ask, change), ask())
	} else {
		err = change()
		for range 2 {
			err = errors.Join(err, ask())
		}
	}
	out, _ := verdict(count.failed == 0, "")
	return out, count.String(), err
}

// A counter counts requests.
type counter struct {
	mu            sync.Mutex
	asked, failed int
	saw           string
}

func (c *counter) one(ctx context.Context, r *run, signer string) error {
	x, err := r.exchange(ctx, newRequest("meanwhile"), letter{by: []string{signer}})
	if err != nil {
		return err
	}
	out, saw := r.answered(x)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if out != Held {
		c.failed++
		c.saw = ": " + saw
	}
	return nil
}

func (c *counter) String() string {
	return fmt.Sprintf("%d requests meanwhile, %d failed%s", c.asked, c.failed, c.saw)
}

// meanwhile asks until change has ended, four at a time, and some more.
func (c *counter) meanwhile(ask, change func() error) error {
	done := make(chan struct{})
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			for after := 0; errs[i] == nil && after < 3; {
				errs[i] = ask()
				select {
				case <-done:
					after++
				default:
				}
			}
		})
	}
	err := change()
	close(done)
	wg.Wait()
	return errors.Join(append(errs, err)...)
}
