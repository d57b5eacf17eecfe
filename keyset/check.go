package keyset

import (
	"log/slog"
	"strings"
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

	// Trace is how long a key that was removed unchecked is reported; see
	// [Ring.RemoveUnchecked].
	Trace time.Duration

	// Subkey asks every OpenPGP certificate for a subkey to encrypt to, so
	// that it can rotate on its own while the primary key identifies.
	Subkey bool

	// PostQuantumBy is from when on a key has to be post-quantum for each of its uses, if not
	// zero. A key that does not end before then and is not, is reported: long before, so that
	// the partner can be asked.
	PostQuantumBy time.Time
}

// A Problem is a kind of [Finding]. Its text is stable and fit for a metric
// label.
type Problem string

const (
	NoSealer    Problem = "no_sealer"    // nothing to seal with: Seal will fail
	NoOpener    Problem = "no_opener"    // nothing to open with: Open will fail
	Unchecked   Problem = "unchecked"    // a key was removed without asking for its usage
	Expired     Problem = "expired"      // an active or pending key is past NotAfter
	Expiring    Problem = "expiring"     // an active key passes NotAfter within the lead
	NoSuccessor Problem = "no_successor" // an expiring key has no other to take over
	NotYetValid Problem = "not_yet"      // an active key is before NotBefore
	Lingering   Problem = "lingering"    // a retiring key has been there for longer than Linger
	TooLong     Problem = "too_long"     // valid for longer than MaxLifetime, or without end
	TooShort    Problem = "too_short"    // an RSA modulus below MinRSABits
	NoSubkey    Problem = "no_subkey"    // an OpenPGP certificate without an encryption subkey
	Classical   Problem = "classical"    // good beyond PostQuantumBy, and not post-quantum for a use
)

// A checked is one key that Check looks at, and what it is held against.
type checked struct {
	*entry
	set        *Set
	at         time.Time
	begin, end time.Time
	Requirements
}

// checks are the problems of one key, in the order of their report. Each returns when
// it takes effect, and whether it is there.
var checks = [...]struct {
	problem Problem
	found   func(*checked) (time.Time, bool)
}{
	{Expired, func(k *checked) (time.Time, bool) { return k.end, k.ended() && k.State != Retiring }},
	{Expiring, func(k *checked) (time.Time, bool) { return k.end, k.ending() }},
	{NoSuccessor, func(k *checked) (time.Time, bool) { return k.end, k.ending() && !k.set.succeeded(k.entry, k.end) }},
	{NotYetValid, func(k *checked) (time.Time, bool) { return k.begin, k.State == Active && k.at.Before(k.begin) }},
	{Lingering, func(k *checked) (time.Time, bool) {
		over := k.Since.Add(k.Linger)
		return over, k.State == Retiring && k.Linger > 0 && !k.Since.IsZero() && k.at.After(over)
	}},
	{TooLong, func(k *checked) (time.Time, bool) {
		over := k.begin.Add(k.MaxLifetime)
		if k.begin.IsZero() {
			over = k.at.Add(k.MaxLifetime)
		}
		return over, k.MaxLifetime > 0 && (k.end.IsZero() || k.end.After(over))
	}},
	{TooShort, func(k *checked) (time.Time, bool) { return k.at, k.info.Bits != 0 && k.info.Bits < k.MinRSABits }},
	{NoSubkey, func(k *checked) (time.Time, bool) {
		return k.at, k.Subkey && k.info.Format == OpenPGP && !k.info.Subkey
	}},
	{Classical, func(k *checked) (time.Time, bool) {
		lasts := k.end.IsZero() || k.end.After(k.PostQuantumBy)
		return k.PostQuantumBy, !k.PostQuantumBy.IsZero() && lasts && k.info.Use&^k.info.PostQuantum != 0
	}},
}

func (k *checked) ended() bool { return !k.end.IsZero() && k.at.After(k.end) }

func (k *checked) ending() bool {
	return k.State == Active && !k.end.IsZero() && !k.ended() && k.Lead > 0 && k.end.Sub(k.at) <= k.Lead
}

// A Finding is one remark of [Set.Check].
type Finding struct {
	ID      ID // empty if the finding is about the set
	Problem Problem
	When    time.Time // when it takes or took effect; the time of the check if it has no date
}

// findingTexts are what a finding says of its key and its time.
var findingTexts = map[Problem]string{
	NoSealer:    "no active key is valid and fit to seal with",
	NoOpener:    "no key is fit to open with",
	Unchecked:   "key KEY was removed at TIME without asking for its usage; the manifest has the reason",
	Expired:     "key KEY ended at TIME",
	Expiring:    "key KEY ends at TIME",
	NoSuccessor: "no key takes over when key KEY ends at TIME",
	NotYetValid: "key KEY is active and not valid before TIME",
	Lingering:   "key KEY was to be removed by TIME",
	TooLong:     "key KEY should have ended by TIME",
	TooShort:    "key KEY has an RSA modulus below the agreed size",
	NoSubkey:    "key KEY is an OpenPGP certificate without an encryption subkey",
	Classical:   "key KEY is not post-quantum, and has to be from TIME on",
}

// String returns the finding as one line of text.
func (f Finding) String() string {
	text, ok := findingTexts[f.Problem]
	if !ok {
		text = "key KEY at TIME"
	}
	return string(f.Problem) + ": " + strings.NewReplacer("KEY", string(f.ID), "TIME", stamp(f.When)).Replace(text)
}

// LogValue implements [slog.LogValuer].
func (f Finding) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("problem", string(f.Problem)), slog.Time("when", f.When)}
	if f.ID != "" {
		attrs = append(attrs, slog.String("id", string(f.ID)))
	}
	return slog.GroupValue(attrs...)
}

// Check returns what an operator should know about s at the given time: keys that are or
// will soon be expired, nothing to seal or to open with, keys in transition, keys that
// fall short of what was agreed with the partner. It returns nil if there is nothing to
// report. Revoked keys are passed over. A decryption key of ours is reported when it
// ends, although it still decrypts: the partner may refuse to encrypt to it.
//
// What concerns the set comes first, then keys that were removed, then each key in
// order of preference, its problems in the order of the constants.
func (s *Set) Check(at time.Time, r Requirements) []Finding {
	var findings []Finding
	if !s.other(nil, func(e *entry) bool { return e.sealsAt(at) }) {
		findings = append(findings, Finding{"", NoSealer, at})
	}
	if !s.other(nil, func(e *entry) bool { return e.opensAt(at) }) {
		findings = append(findings, Finding{"", NoOpener, at})
	}
	for _, t := range s.traces {
		if t.ID != "" && at.Sub(t.At) < r.Trace {
			findings = append(findings, Finding{t.ID, Unchecked, t.At})
		}
	}
	for _, e := range s.keys {
		if e.State == Revoked {
			continue
		}
		k := &checked{entry: e, set: s, at: at, Requirements: r}
		k.begin, k.end = e.bounds(*e.info)
		for _, c := range checks {
			if when, ok := c.found(k); ok {
				findings = append(findings, Finding{e.info.ID, c.problem, when})
			}
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
