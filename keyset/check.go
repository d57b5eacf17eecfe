package keyset

import (
	"fmt"
	"log/slog"
	"time"
)

// Requirements is what [Set.Check] holds a set against. The zero value asks
// only for what Seal and Open need today.
type Requirements struct {
	// Lead is how long before its NotAfter a key is reported as expiring.
	Lead time.Duration

	// MaxLifetime is the longest time from NotBefore to NotAfter. If not
	// zero, a key without NotAfter falls short too. Of a key without
	// NotBefore the time that is left is measured.
	MaxLifetime time.Duration

	// MinRSABits is the smallest RSA modulus, in bits.
	MinRSABits int

	// Linger is how long a key may stay Retiring before it is reported.
	Linger time.Duration

	// Subkey asks every OpenPGP certificate for a subkey to encrypt to, so
	// that it can rotate on its own while the primary key identifies.
	Subkey bool
}

// A Problem is a kind of [Finding]. Its text is stable and fit for a metric
// label.
type Problem string

const (
	NoSealer    Problem = "no_sealer"    // nothing to seal with: Seal will fail
	NoOpener    Problem = "no_opener"    // nothing to open with: Open will fail
	Expired     Problem = "expired"      // an active or pending key is past NotAfter
	Expiring    Problem = "expiring"     // an active key passes NotAfter within the lead
	NoSuccessor Problem = "no_successor" // an expiring key has no other to take over
	NotYetValid Problem = "not_yet"      // an active key is before NotBefore
	Lingering   Problem = "lingering"    // a retiring key has been there for longer than Linger
	TooLong     Problem = "too_long"     // valid for longer than MaxLifetime, or without end
	TooShort    Problem = "too_short"    // an RSA modulus below MinRSABits
	NoSubkey    Problem = "no_subkey"    // an OpenPGP certificate without an encryption subkey
)

// A Finding is one remark of [Set.Check].
type Finding struct {
	ID      ID // empty if the finding is about the set
	Problem Problem
	When    time.Time // when it takes or took effect; the time of the check if it has no date
}

// String returns the finding as one line of text.
func (f Finding) String() string {
	when := stamp(f.When)
	switch f.Problem {
	case NoSealer:
		return "no_sealer: no active key is valid and fit to seal with"
	case NoOpener:
		return "no_opener: no key is fit to open with"
	case Expired:
		return fmt.Sprintf("expired: key %s ended at %s", f.ID, when)
	case Expiring:
		return fmt.Sprintf("expiring: key %s ends at %s", f.ID, when)
	case NoSuccessor:
		return fmt.Sprintf("no_successor: no key takes over when key %s ends at %s", f.ID, when)
	case NotYetValid:
		return fmt.Sprintf("not_yet: key %s is active and not valid before %s", f.ID, when)
	case Lingering:
		return fmt.Sprintf("lingering: key %s was to be removed by %s", f.ID, when)
	case TooLong:
		return fmt.Sprintf("too_long: key %s should have ended by %s", f.ID, when)
	case TooShort:
		return fmt.Sprintf("too_short: key %s has an RSA modulus below the agreed size", f.ID)
	case NoSubkey:
		return fmt.Sprintf("no_subkey: key %s is an OpenPGP certificate without an encryption subkey", f.ID)
	default:
		return fmt.Sprintf("%s: key %s at %s", f.Problem, f.ID, when)
	}
}

// LogValue implements [slog.LogValuer].
func (f Finding) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("problem", string(f.Problem)), slog.Time("when", f.When)}
	if f.ID != "" {
		attrs = append(attrs, slog.String("id", string(f.ID)))
	}
	return slog.GroupValue(attrs...)
}

// Check returns what an operator should know about s at the given time: keys
// that are or will soon be expired, nothing to seal or to open with, keys in
// transition, keys that fall short of what was agreed with the partner. It
// returns nil if there is nothing to report. Revoked keys are not looked at.
// The end of a decryption key of ours is reported although the key goes on to
// decrypt: the partner may refuse to encrypt to it.
//
// What concerns the set comes first, then each key in order of preference, its
// problems in the order of the constants.
func (s *Set) Check(at time.Time, r Requirements) []Finding {
	var findings []Finding
	report := func(id ID, p Problem, when time.Time) {
		findings = append(findings, Finding{id, p, when})
	}
	if !s.other(nil, func(e *entry) bool { return e.sealsAt(at) }) {
		report("", NoSealer, at)
	}
	if !s.other(nil, func(e *entry) bool { return e.opensAt(at) }) {
		report("", NoOpener, at)
	}
	for _, e := range s.keys {
		if e.State == Revoked {
			continue
		}
		id := e.info.ID
		begin, end := e.bounds(*e.info)
		if expired := !end.IsZero() && at.After(end); expired && e.State != Retiring {
			report(id, Expired, end)
		} else if !end.IsZero() && !expired && e.State == Active && r.Lead > 0 && end.Sub(at) <= r.Lead {
			report(id, Expiring, end)
			if !s.succeeded(e, end) {
				report(id, NoSuccessor, end)
			}
		}
		if e.State == Active && at.Before(begin) {
			report(id, NotYetValid, begin)
		}
		if over := e.Since.Add(r.Linger); e.State == Retiring && r.Linger > 0 && !e.Since.IsZero() && at.After(over) {
			report(id, Lingering, over)
		}
		if begin.IsZero() {
			begin = at
		}
		if over := begin.Add(r.MaxLifetime); r.MaxLifetime > 0 && (end.IsZero() || end.After(over)) {
			report(id, TooLong, over)
		}
		if e.info.Bits != 0 && e.info.Bits < r.MinRSABits {
			report(id, TooShort, at)
		}
		if r.Subkey && e.info.Format == OpenPGP && !e.info.Subkey {
			report(id, NoSubkey, at)
		}
	}
	return findings
}

// succeeded reports whether, when e ends, keys that are Active or only wait to
// be promoted do what it does: perhaps one what it seals, another what it opens.
func (s *Set) succeeded(e *entry, end time.Time) bool {
	takesOver := func(o *entry) bool {
		begins, ends := o.bounds(*o.info)
		return (o.State == Active || o.State == Pending) &&
			!begins.After(end) && (ends.IsZero() || ends.After(end))
	}
	seals := s.other(e, func(o *entry) bool { return takesOver(o) && o.info.Seals() })
	opens := s.other(e, func(o *entry) bool { return takesOver(o) && o.info.Opens() })
	return (seals || !e.info.Seals()) && (opens || !e.info.Opens())
}
