package keyset

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"
)

// A Source supplies the set to use for one operation.
//
// Load is called once per operation. It must not block, must not return nil,
// and must be safe for concurrent use. Both [*Set] and [*Ring] are Sources. A
// Source that is also a [Recorder] is told which keys were used.
type Source interface {
	Load() *Set
}

// MaxKeys is the largest number of keys in a set, revoked ones not counted.
// Together with the limits on one message, which the formats document, it
// bounds the work that a stranger can cause.
const MaxKeys = 16

// A Set is an immutable list of keys of one party: all of one [Format], and
// either all private or all public. Order is preference: the first key that
// seals is the one to use where a format carries only one signature or one
// recipient.
//
// What changes a set is a [Ring], which asks for the rules. The zero Set has no keys and revision zero.
type Set struct {
	revision uint64
	format   Format
	private  bool
	editing  bool // holds tombstones that are not revoked
	keys     []*entry
	index    map[ID]int // into keys
	traces   []Trace    // oldest first
}

// An entry is immutable and shared by the sets that are derived from each
// other. Its key lies behind two pointers: a Set cannot be a [fmt.Formatter],
// and fmt follows one pointer if the verb fits none of the fields.
type entry struct {
	*Key
	info *Info // read once; its address tells one copy of the material from another
}

func newEntry(k Key) *entry {
	i := k.Material.Info()
	return &entry{&k, &i}
}

// with returns a changed copy of e.
func (e *entry) with(change func(*Key)) *entry {
	k := *e.Key
	change(&k)
	return &entry{&k, e.info}
}

func (e *entry) sealsAt(at time.Time) bool {
	return e.State == Active && e.info.Seals() && e.validAt(*e.info, at)
}

func (e *entry) opens() bool { return e.State.opens() && e.info.Opens() }

// opensAt reports whether a message made now would open: signatures made outside
// of the validity of a key are not accepted, but decryption ignores validity.
func (e *entry) opensAt(at time.Time) bool {
	return e.opens() && (e.info.Private || e.validAt(*e.info, at))
}

// New returns a set of the given keys at the given revision.
//
// It returns an error if there are no keys or more than [MaxKeys], if two keys
// have the same ID ([ErrDuplicate]), if formats or halves are mixed, or if a key
// has no material, no printable ID, no format, no state, or reversed bounds. All
// problems are reported together, joined as by [errors.Join].
func New(revision uint64, keys ...Key) (*Set, error) {
	entries := make([]*entry, 0, len(keys))
	var problems []error
	for n, k := range keys {
		if isNil(k.Material) {
			problems = append(problems, fmt.Errorf("keyset: key number %d has no material", n+1))
			continue
		}
		entries = append(entries, newEntry(k))
	}
	if len(keys) == 0 {
		problems = append(problems, errors.New("keyset: a set needs at least one key"))
	}
	return build(revision, entries, problems...)
}

// build returns a set of entries, or every reason why they do not make one,
// found after those already known.
func build(revision uint64, entries []*entry, problems ...error) (*Set, error) {
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}
	s := &Set{revision: revision, keys: entries, index: make(map[ID]int, len(entries))}
	count, tombstones := 0, 0
	for n, e := range entries {
		i := e.info
		if !printable(i.ID) {
			problem("keyset: the ID %.64q is empty or not printable", i.ID)
		}
		if n == 0 {
			s.format, s.private = i.Format, i.Private
		}
		switch {
		case i.Format == "":
			problem("keyset: key %s has no format", i.ID)
		case i.Format != s.format:
			problem("keyset: key %s is for %s, and key %s for %s", i.ID, i.Format, entries[0].info.ID, s.format)
		}
		if i.Private != s.private {
			problem("keyset: key %s is %s, and key %s is %s", i.ID, half(i.Private), entries[0].info.ID, half(s.private))
		}
		if !e.State.valid() {
			problem("keyset: key %s has an %v", i.ID, e.State)
		}
		if !e.NotBefore.IsZero() && !e.NotAfter.IsZero() && e.NotAfter.Before(e.NotBefore) {
			problem("keyset: key %s ends at %s, before it begins at %s", i.ID, stamp(e.NotAfter), stamp(e.NotBefore))
		}
		if first, ok := s.index[i.ID]; !ok {
			s.index[i.ID] = n
		} else if entries[first].State == Revoked {
			problem("%w: key %s is revoked, and nothing replaces it", ErrDuplicate, i.ID)
		} else {
			problem("%w: key %s", ErrDuplicate, i.ID)
		}
		if e.State != Revoked {
			count++
		}
		if isTombstone(e.Material) {
			tombstones++
			s.editing = s.editing || e.State != Revoked
		}
	}
	if count > MaxKeys {
		problem("keyset: %d keys that are not revoked, at most %d make a set", count, MaxKeys)
	}
	if s.editing && tombstones != len(entries) {
		problem("keyset: a tombstone that is not revoked among keys that are none")
	}
	if len(problems) != 0 {
		return nil, errors.Join(problems...)
	}
	return s, nil
}

// derive returns s with other entries, which need no checks: those of s, changed
// in ways that keep a set valid.
func (s *Set) derive(revision uint64, entries []*entry) *Set {
	d := &Set{revision: revision, format: s.format, private: s.private, keys: entries, traces: s.traces}
	d.index = make(map[ID]int, len(entries))
	for n, e := range entries {
		d.index[e.info.ID] = n
		d.editing = d.editing || e.State != Revoked && isTombstone(e.Material)
	}
	return d
}

func (s *Set) entry(id ID) (*entry, error) {
	if n, ok := s.index[normal(s.format, id)]; ok {
		return s.keys[n], nil
	}
	return nil, fmt.Errorf("%w: %.128q", ErrNotFound, id)
}

// Load returns s, so that a Set that never changes is a [Source].
func (s *Set) Load() *Set { return s }

// Revision returns the revision of s. It grows with every change.
func (s *Set) Revision() uint64 { return s.revision }

// Format returns the format shared by all keys of s.
func (s *Set) Format() Format { return s.format }

// Private reports whether the keys of s are private.
func (s *Set) Private() bool { return s.private }

// All returns every key in order of preference, revoked ones included.
func (s *Set) All() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for _, e := range s.keys {
			if !yield(*e.Key) {
				return
			}
		}
	}
}

// Sealing returns the keys that seal at the given time: active, valid, and fit
// to seal. The first one is the most preferred.
func (s *Set) Sealing(at time.Time) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for _, e := range s.keys {
			if e.sealsAt(at) && !yield(*e.Key) {
				return
			}
		}
	}
}

// Opening returns the keys that open: those fit to open and not revoked. Their validity
// is not looked at: an envelope compares it with the date of each signature.
func (s *Set) Opening() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for _, e := range s.keys {
			if e.opens() && !yield(*e.Key) {
				return
			}
		}
	}
}

// Lookup returns the key with the given ID, in whatever state it is.
func (s *Set) Lookup(id ID) (Key, bool) {
	if e, err := s.entry(id); err == nil {
		return *e.Key, true
	}
	return Key{}, false
}

// Public returns a set of the public halves, without sources, notes, evidence, and
// traces. Revoked keys are left out; if all are revoked, the set is empty.
func (s *Set) Public() *Set {
	entries := make([]*entry, 0, len(s.keys))
	for _, e := range s.keys {
		if e.State == Revoked {
			continue
		}
		k := *e.Key
		k.Material = k.Material.Public()
		k.Evidence, k.Source, k.Note = "", "", ""
		// Better no key than a secret, should an implementation of Public be wrong.
		if p := newEntry(k); !p.info.Private {
			entries = append(entries, p)
		}
	}
	public := s.derive(s.revision, entries)
	public.private, public.traces = false, nil
	return public
}

// String returns the revision, the format, the half, and the number of keys in
// each state.
func (s *Set) String() string {
	var b strings.Builder
	if len(s.keys) == 0 {
		return fmt.Sprintf("keyset revision %d: empty", s.revision)
	}
	fmt.Fprintf(&b, "keyset revision %d: %s, %s", s.revision, s.format, half(s.private))
	for state, n := range s.count() {
		fmt.Fprintf(&b, ", %d %v", n, state)
	}
	return b.String()
}

// GoString returns the same text as String, so that %#v reveals nothing either.
func (s *Set) GoString() string { return s.String() }

// LogValue implements [slog.LogValuer] with what String returns.
func (s *Set) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Uint64("revision", s.revision),
		slog.String("format", string(s.format)),
		slog.Bool("private", s.private),
	}
	for state, n := range s.count() {
		attrs = append(attrs, slog.Int(state.String(), n))
	}
	return slog.GroupValue(attrs...)
}

// count returns how many keys there are in each state that has any, in the
// order of states.
func (s *Set) count() iter.Seq2[State, int] {
	return func(yield func(State, int) bool) {
		var counts [Revoked + 1]int
		for _, e := range s.keys {
			counts[e.State]++
		}
		for state := Pending; state <= Revoked; state++ {
			if counts[state] != 0 && !yield(state, counts[state]) {
				return
			}
		}
	}
}

func half(private bool) string {
	if private {
		return "private"
	}
	return "public"
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// printable reports whether id is graphic ASCII, as fingerprints and thumbprints
// are, so that it can stand in a log line without quotes.
func printable(id ID) bool {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return id != ""
}
