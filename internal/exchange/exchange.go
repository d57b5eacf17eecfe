// Package exchange is what every format does alike around one Seal or Open:
// it loads the sets once, judges keys and signatures by time and state, keeps
// the order of trial, bounds the work, records uses, and reports events.
//
// The formats own their grammar and their cryptography, and nothing else.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// Limits on the work that one message can cause, and on time.
const (
	MaxRecipients    = 32 // session-key packets or recipients looked at
	MaxSignatures    = 32 // signatures looked at
	MaxPrivateWork   = 64 // cost of the private-key operations to open one message
	MaxVerifyingWork = 64 // cost of the verifications to open one message
	MaxRemoteOps     = 4  // private-key operations of remote keys to open one message

	// Skew is how far the clock of the partner may differ from ours, unless the Config
	// says otherwise, which it can do between the other two.
	Skew         = 5 * time.Minute
	smallestSkew = time.Second
	largestSkew  = time.Hour

	// Grace is how long after the end of a key its signatures still count:
	// time for a message under way, not for a thief with an old key.
	Grace = 24 * time.Hour
)

// Config is the part of a format's Config that all formats share.
type Config struct {
	Format    keyset.Format
	Own, Peer keyset.Source
	AlsoTo    []keyset.Source
	MaxAge    time.Duration
	Skew      time.Duration // [Skew] if zero
	Replays   envelope.Replays
	Waive     []envelope.Waiver
	Observe   envelope.Observer
	Now       func() time.Time

	// Evidence names the waiver under which a message without a signature is
	// evidence all the same, because the transport says who the partner is.
	Evidence string

	// PostQuantum is what has to be so of every message, sealed and opened.
	PostQuantum keyset.Use

	// Unsigned names the waiver under which a message needs no signature, and
	// Forgetful the one under which a message is accepted that is older than the
	// memory of messages.
	Unsigned, Forgetful string
}

// An Exchange is the shared part of one envelope. It is safe for concurrent use.
type Exchange struct {
	c      Config
	recent atomic.Pointer[string] // the component key that opened last
}

// New returns an exchange. waivers are the names of those that the format knows.
func New(c Config, waivers ...string) (*Exchange, error) {
	x := &Exchange{c: c}
	x.c.AlsoTo = slices.Clone(c.AlsoTo)
	x.c.Waive = slices.Clone(c.Waive)
	if x.c.Now == nil {
		x.c.Now = time.Now
	}
	var errs []error
	switch {
	case c.MaxAge < 0:
		errs = append(errs, fmt.Errorf("MaxAge is negative: %v", c.MaxAge))
	case c.MaxAge != 0 && c.MaxAge < time.Second:
		// The dates of messages are in seconds. A number without a unit is the usual reason.
		errs = append(errs, fmt.Errorf("MaxAge is %v, below one second: write it with its unit, such as 5*time.Minute", c.MaxAge))
	}
	switch {
	case c.Skew == 0:
		x.c.Skew = Skew
	case c.Skew < smallestSkew || c.Skew > largestSkew:
		errs = append(errs, fmt.Errorf("Skew is %v, not between %v and %v: write it with its unit, such as 5*time.Minute", c.Skew, smallestSkew, largestSkew))
	}
	_, err := load(c.Own, c.Format, true, "Own")
	errs = append(errs, err)
	_, err = load(c.Peer, c.Format, false, "Peer")
	errs = append(errs, err)
	for i, s := range x.c.AlsoTo {
		_, err = load(s, c.Format, false, fmt.Sprintf("AlsoTo[%d]", i))
		errs = append(errs, err)
	}
	errs = append(errs, checkWaivers(x.c.Waive, waivers), x.checkReplays())
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return x, nil
}

// Now returns the time by the clock of the envelope.
func (x *Exchange) Now() time.Time { return x.c.Now() }

// maxContext is the longest context, in bytes: what a notation of OpenPGP has room for
// beside its name.
const maxContext = 1 << 10

// CheckContexts returns an error for contexts that cannot keep conversations apart.
func CheckContexts(seal, open string) error {
	for name, text := range map[string]string{"SealContext": seal, "OpenContext": open} {
		if !utf8.ValidString(text) || len(text) > maxContext {
			return fmt.Errorf("%s is not valid UTF-8 of at most %d bytes", name, maxContext)
		}
	}
	switch {
	case seal != "" && open == "":
		return errors.New("SealContext without OpenContext: what the partner answers would be accepted in every context")
	case seal != "" && seal == open:
		return errors.New("SealContext and OpenContext are the same: a message could be sent back to whoever made it")
	}
	return nil
}

// Waived reports whether the waiver of that name is in force, without using it.
func (x *Exchange) Waived(name string) bool {
	for _, w := range x.c.Waive {
		if w.Name() == name {
			return true
		}
	}
	return false
}

func checkWaivers(list []envelope.Waiver, known []string) error {
	var errs []error
	seen := map[string]bool{}
	for _, w := range list {
		switch {
		case !slices.Contains(known, w.Name()) || w.Reason() == "":
			errs = append(errs, fmt.Errorf("unknown waiver %q; make waivers with the functions named Insecure", w.Name()))
		case seen[w.Name()]:
			errs = append(errs, fmt.Errorf("waiver %s given twice", w.Name()))
		}
		seen[w.Name()] = true
	}
	return errors.Join(errs...)
}

// load returns the current set of a source if it is one that the format can use.
// An empty set is of every format: that of a ring before its first manifest.
func load(s keyset.Source, f keyset.Format, private bool, name string) (*keyset.Set, error) {
	if s == nil {
		return nil, fmt.Errorf("%s is nil", name)
	}
	if isNil(s) {
		return nil, fmt.Errorf("%s is a nil %T", name, s)
	}
	set := s.Load()
	switch {
	case set == nil:
		return nil, fmt.Errorf("%s loads no set", name)
	case set.Format() == "":
		return set, nil
	case set.Format() != f:
		return nil, fmt.Errorf("%s holds keys of format %q, not %q", name, set.Format(), f)
	case set.Private() && !private:
		return nil, fmt.Errorf("%s holds private keys; it takes the public keys of the partner", name)
	case !set.Private() && private:
		return nil, fmt.Errorf("%s holds public keys; it takes our private keys", name)
	}
	return set, nil
}

// isNil reports whether an interface that is not nil holds a nil all the same.
func isNil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return r.IsNil()
	}
	return false
}

// Seal runs f as one Seal: the keys that f names in [Call.Sealed] are recorded
// if it succeeds, and the observer is told.
func (x *Exchange) Seal(ctx context.Context, f func(*Call) ([]byte, error)) ([]byte, error) {
	start := time.Now()
	c, err := x.begin(ctx)
	var out []byte
	if err == nil {
		err = c.loaded(envelope.ErrNoKey)
	}
	if err == nil {
		out, err = f(c)
	}
	e := envelope.Event{Op: "seal", Format: x.c.Format, Err: err}
	if c != nil {
		e.Waived = c.waived
	}
	if err != nil {
		out = nil
	} else {
		e.Size = max(int64(len(out)), c.size)
		e.Keys = make([]envelope.KeyUse, 0, len(c.sealed))
		for _, s := range c.sealed {
			if r, ok := s.source.(keyset.Recorder); ok {
				r.RecordSealed(s.use.ID, c.At)
			}
			e.Keys = append(e.Keys, s.use)
		}
		e.PostQuantum = worth(e.Keys)
	}
	x.observe(ctx, e, start)
	return out, err
}

// Ready runs f, which chooses the keys of a Seal and enters them into the account as
// [Call.SealedOwn] and the others do. It returns them, and records nothing.
func (x *Exchange) Ready(ctx context.Context, f func(*Call) error) ([]envelope.KeyUse, error) {
	c, err := x.begin(ctx)
	if err == nil {
		err = c.loaded(envelope.ErrNoKey)
	}
	if err == nil {
		err = f(c)
	}
	if err != nil {
		return nil, err
	}
	uses := make([]envelope.KeyUse, 0, len(c.sealed))
	for _, s := range c.sealed {
		uses = append(uses, s.use)
	}
	return uses, nil
}

// Open runs f as one Open of a message of the given size: f fills in the
// Message but for its times, waivers, and format; uses are recorded if the
// message is accepted with at least one signature, and the observer is told. A message
// that was accepted before is rejected last; see [Call.Admit].
func (x *Exchange) Open(ctx context.Context, size int64, f func(*Call) (*envelope.Message, error)) (*envelope.Message, error) {
	start := time.Now()
	c, err := x.begin(ctx)
	var m *envelope.Message
	if err == nil {
		err = c.loaded(keyset.ErrUnavailable)
	}
	if err == nil {
		m, err = f(c)
	}
	if err == nil {
		err = c.Admit(m)
	}
	e := envelope.Event{Op: "open", Format: x.c.Format, Size: size, Err: err}
	if c != nil {
		e.Waived, e.Size = c.waived, max(size, c.size)
	}
	if err != nil {
		m = nil
	} else {
		evidence := len(m.Signers) != 0 || c.Waive(x.c.Evidence)
		m.SealedAs, m.Waived, m.Opened = x.c.Format, c.waived, x.c.Now()
		if m.Decrypter.ID != "" {
			e.Keys = append(e.Keys, m.Decrypter)
		}
		e.Keys = append(e.Keys, m.Signers...)
		e.Waived = c.waived
		e.PostQuantum = m.PostQuantum
		x.record(m, c.At, evidence)
	}
	x.observe(ctx, e, start)
	return m, err
}

// record counts an opened message once for each key. A message that nobody whom we
// trust signed shows that the key which decrypted it is in use. It is evidence of
// nothing else, because a stranger can make it.
func (x *Exchange) record(m *envelope.Message, at time.Time, evidence bool) {
	if own, ok := x.c.Own.(keyset.Recorder); ok {
		if evidence {
			own.RecordOpened(m.Decrypter.ID, at)
		} else {
			own.RecordUnsigned(m.Decrypter.ID, at)
		}
	}
	if len(m.Signers) == 0 {
		return
	}
	component := string(m.Decrypter.Subkey)
	if component == "" {
		component = string(m.Decrypter.ID)
	}
	if last := x.recent.Load(); last == nil || *last != component {
		x.recent.Store(&component)
	}
	if r, ok := x.c.Peer.(keyset.Recorder); ok {
		counted := make(map[keyset.ID]bool, len(m.Signers))
		for _, u := range m.Signers {
			if !counted[u.ID] {
				counted[u.ID] = true
				r.RecordOpened(u.ID, at)
			}
		}
	}
}

func (x *Exchange) observe(ctx context.Context, e envelope.Event, start time.Time) {
	if x.c.Observe != nil {
		e.Elapsed = time.Since(start)
		x.c.Observe(ctx, e)
	}
}
