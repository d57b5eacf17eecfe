package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/text"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A Rehearsal is what is rehearsed, and how.
type Rehearsal struct {
	Network *Network
	Partner *keyset.Set // public keys of the endpoint, all that are active

	// Send sends one message. An error is an endpoint that did not answer.
	Send func(context.Context, Message) (Answer, error)

	// Install brings the endpoint to a step. It is nil if the endpoint stays as it is: at
	// the second step, where it trusts two keys.
	Install func(context.Context, Step) error

	// Pause waits before each message, for networks that count them. It may be nil.
	Pause func(context.Context) error

	// Load sends as much as the endpoint takes while a step is under way.
	Load bool

	// Payload is what is sealed, for an endpoint that does not speak the protocol of the
	// echo: any reply is then an answer. It is nil for an echo.
	Payload []byte

	Only   func(name string) bool // which cases; all if nil
	Before func(Case)             // may be nil
	After  func(Result)           // may be nil
	More   []Case                 // cases of the caller's, which are tried with two keys trusted
}

// A run is a rehearsal under way.
type run struct {
	*Rehearsal
	partner *partner
	step    Step
	replies envelope.Envelope // opens what the endpoint seals to keys that it trusts
}

// Run tries every case. An error is ours, or the end of ctx: what was tried until then is
// returned beside it.
func (h *Rehearsal) Run(ctx context.Context) (results []Result, err error) {
	r := &run{Rehearsal: h}
	if r.partner, err = readPartner(h.Partner, h.Network.profile); err != nil {
		return nil, err
	}
	planned, last := r.plan()
	for i, stage := range stages[:last+1] {
		wanted := r.Only == nil || r.Only(stage.change.Name)
		if r.Install == nil && len(planned[i]) == 0 && !wanted {
			continue
		}
		// Steps before one that is wanted are taken too: the owner installs one thing at a time.
		change, err := r.enter(ctx, stage, wanted)
		results = append(results, change...)
		if err != nil {
			return results, err
		}
		for _, c := range planned[i] {
			one, err := r.one(ctx, c, stage)
			if err != nil {
				return results, err
			}
			results = append(results, one)
		}
	}
	return results, nil
}

// plan returns the cases of each stage that are wanted, and the last stage that has any.
func (r *run) plan() (planned [][]Case, last int) {
	for i, stage := range stages {
		cases := slices.DeleteFunc(stage.cases(r), func(c Case) bool {
			return c.signing && !r.Network.profile.Signed() || r.Only != nil && !r.Only(c.Name)
		})
		planned = append(planned, cases)
		if len(cases) != 0 || r.Only == nil || r.Only(stage.change.Name) {
			last = i
		}
	}
	return planned, last
}

// one tries a case.
func (r *run) one(ctx context.Context, c Case, stage stage) (Result, error) {
	result := Result{Case: c, Began: time.Now()}
	if r.Before != nil {
		r.Before(c)
	}
	var err error
	switch {
	case c.echo && r.Payload != nil:
		result.Outcome, result.Saw = NotApplicable, "the endpoint does not speak the protocol of the echo"
	case r.step.Name != stage.step:
		result.Outcome, result.Saw = NotTried, "nobody installs keys: see the steps of the rotation"
	default:
		result.Outcome, result.Saw, err = c.try(ctx, r)
	}
	result.Took = time.Since(result.Began)
	if err != nil {
		return result, fmt.Errorf("rehearsal: %s: %w", c.Name, err)
	}
	if r.After != nil {
		r.After(result)
	}
	return result, nil
}

// at makes the run expect what an endpoint does at a step.
func (r *run) at(step Step) (err error) {
	r.step = step
	return r.opens(step.keys)
}

// between makes the run open replies to keys that are trusted before or after a change.
func (r *run) between(step Step) error {
	keys := slices.Concat(r.step.keys, step.keys)
	slices.Sort(keys)
	return r.opens(slices.Compact(keys))
}

// opens makes the run open replies to those keys. Whether they are signed, and by whom, is
// waived for a profile without signatures alone.
func (r *run) opens(names []string) error {
	own, err := r.Network.private(names...)
	if err != nil {
		return err
	}
	if own.Format() == keyset.OpenPGP {
		r.replies, err = pgp.New(pgp.Config{Own: own, Peer: r.Partner})
	} else {
		r.replies, err = jwe.New(jwe.Config{Own: own, Peer: r.Partner, Waive: r.Network.profile.waive()})
	}
	return err
}

// seal makes a message. Nobody signs where the profile has no signatures.
func (r *run) seal(l letter) (Message, error) {
	if !r.Network.profile.Signed() {
		l.by = nil
	}
	if len(l.to) == 0 {
		l.to = r.partner.opening[:1]
		if r.Network.format == keyset.OpenPGP {
			l.to = r.partner.opening
		}
	}
	if r.Network.format == keyset.OpenPGP {
		raw, err := r.Network.sealPGP(l)
		return Message{encoded(raw), contentTypePGP}, err
	}
	raw, err := r.Network.sealJOSE(l)
	return Message{raw, contentTypeJOSE}, err
}

// send waits its turn, and sends. silent says why no answer came, if none did.
func (r *run) send(ctx context.Context, m Message) (a Answer, silent, err error) {
	if r.Pause != nil {
		if err := r.Pause(ctx); err != nil {
			return a, nil, err
		}
	}
	a, silent = r.Send(ctx, m)
	if ctx.Err() != nil {
		return a, nil, context.Cause(ctx)
	}
	return a, silent, nil
}

// noAnswer says why no answer came.
func noAnswer(silent error) string {
	if u, ok := errors.AsType[*url.Error](silent); ok {
		silent = u.Err // without the address, which the report has
	}
	return "no answer came: " + text.Cut(silent.Error(), 200)
}

// why says more about a reply that does not open than its sender would learn.
func why(err error) string {
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		return fmt.Sprintf("%s: %v", oe.Reason, oe.Cause())
	}
	return err.Error()
}
