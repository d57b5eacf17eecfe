package keyset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// A Report is what one replica says of itself: a process that follows a manifest
// beside others. [Ring.Report] makes it, [Report.WriteTo] stores it as JSON, and
// [Ring.Merge] tells it to a ring that removes keys.
type Report struct {
	Replica string    `json:"replica"`          // a name that stays the same when the process is restarted
	Made    time.Time `json:"made"`             // when; the newest report of a replica counts
	Outcome Outcome   `json:"outcome,omitzero"` // of the last Reload

	// Ended says that the process opens and seals nothing after this report. The
	// next process of the replica then knows all uses since those of this one
	// began; see [Ring.Resume].
	Ended bool `json:"ended,omitempty"`

	// Process tells one process of a replica from another, and Shared says that two
	// report under one name: neither knows what the other does. Problem is what last
	// kept the replica from following. [Follower] fills them in.
	Process string `json:"process,omitempty"`
	Shared  bool   `json:"shared,omitempty"`
	Problem string `json:"problem,omitempty"`

	Usage map[ID]Usage `json:"usage"`
}

// checkReplica returns an error unless name can be that of a replica.
func checkReplica(name string) error {
	if name == "" || len(name) > 256 {
		return errors.New("the replica has no name of at most 256 bytes")
	}
	return nil
}

// maxReport is the size of a report in bytes.
const maxReport = 4 << 20

// maxAhead is how far the clocks of replicas may differ.
const maxAhead = 5 * time.Minute

// Report returns what this process knows now, under the name of its replica. For
// the last report, when no envelope uses the ring any more, set Ended.
func (r *Ring) Report(replica string) Report {
	return Report{Replica: replica, Made: clock(), Outcome: r.Outcome(), Usage: r.Usages()}
}

// WriteTo writes the report as one line of JSON.
func (p Report) WriteTo(w io.Writer) (int64, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return 0, fmt.Errorf("keyset: report: %w", err)
	}
	n, err := w.Write(append(raw, '\n'))
	return int64(n), err
}

// ReadReport reads one report of at most 4 MiB. It is as strict as [ReadManifest]:
// a member that is unknown, misspelled, or repeated is an error, because a count
// that is passed over makes a key look idle.
func ReadReport(r io.Reader) (Report, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return Report{}, fmt.Errorf("keyset: report: %w", err)
	}
	if len(raw) > maxReport {
		return Report{}, fmt.Errorf("keyset: report: larger than %d bytes", maxReport)
	}
	d := &decoder{raw: raw, Decoder: json.NewDecoder(bytes.NewReader(raw))}
	var p Report
	err = d.file(&p, "report")
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Report{}, fmt.Errorf("keyset: report: line %d: %w", d.line(), err)
	}
	return p, nil
}

func (p *Report) check() error {
	switch {
	case checkReplica(p.Replica) != nil:
		return checkReplica(p.Replica)
	case p.Made.IsZero():
		return errors.New("it does not say when it was made")
	case p.Usage == nil:
		return errors.New("it has no usage")
	}
	for id, u := range p.Usage {
		if !printable(id) {
			return fmt.Errorf("the ID %.64q is empty or not printable", id)
		}
		if u.Since.IsZero() {
			return fmt.Errorf("key %s: it does not say since when uses are counted", id)
		}
	}
	return nil
}

// merges returns an error unless the report can stand beside others.
func (p *Report) merges(now time.Time) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.Made.After(now.Add(maxAhead)) {
		return fmt.Errorf("made at %s, and it is %s here; set the clocks", stamp(p.Made), stamp(now))
	}
	return nil
}

// Merge tells the ring what other replicas know, for [Ring.Remove] and Reload: a key is
// idle only for as long as the least informed replica knows that it is, and a replica
// knows nothing of the time after its report. The newest report of a replica replaces its
// older ones, so that merging the same one again changes nothing. What this process has
// counted itself counts as well, unless the ring was opened only to edit states; see
// [Manifest.Open].
//
// It returns an error, and takes in none, if a report has no name or no time, is more
// than five minutes ahead of our clock, or differs from another of the same replica and the
// same time. Times in it that are ahead of its own are cut to that.
func (r *Ring) Merge(reports ...Report) error {
	for _, p := range reports {
		if err := p.merges(clock()); err != nil {
			return fmt.Errorf("keyset: report of replica %.64q: %w", p.Replica, err)
		}
	}
	return r.change(func(cur *ringState) (*ringState, error) {
		all := maps.Clone(cur.reports)
		if all == nil {
			all = make(map[string]Report, len(reports))
		}
		for _, p := range reports {
			p = p.normal(cur.set.format)
			old, known := all[p.Replica]
			if known && p.Made.Equal(old.Made) && !p.equal(old) {
				return nil, fmt.Errorf("keyset: two reports of replica %.64q of %s differ: which of them is true, nobody can say", p.Replica, stamp(p.Made))
			}
			if !known || p.Made.After(old.Made) {
				all[p.Replica] = p
			}
		}
		next := *cur
		next.reports = all
		return &next, nil
	})
}

// equal reports whether two reports are written alike.
func (p Report) equal(q Report) bool {
	a, errA := json.Marshal(p)
	b, errB := json.Marshal(q)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// normal returns p with IDs in the spelling of this package, and no times ahead of its own.
// What it says of one key in two spellings counts together.
func (p Report) normal(f Format) Report {
	uses := make(map[ID]Usage, len(p.Usage))
	for id, u := range p.Usage {
		u, name := u.until(p.Made), normal(f, id)
		if other, ok := uses[name]; ok {
			u = u.and(other)
		}
		uses[name] = u
	}
	p.Usage = uses
	return p
}

// Resume adds what the former process of the same replica counted, from its last report.
// Call it once, after the first manifest is loaded and before the ring is used. If the
// report is not marked as Ended, nobody knows the uses between the report and now: its
// counts are added, but each key counts as idle from now on only.
func (r *Ring) Resume(last Report) error {
	if err := last.check(); err != nil {
		return fmt.Errorf("keyset: report of replica %.64q: %w", last.Replica, err)
	}
	cur, now := r.current(), clock()
	for id, u := range last.Usage {
		if c, ok := cur.uses[normal(cur.set.format, id)]; ok {
			c.resume(u.until(last.Made).until(now), last.Ended)
		}
	}
	return nil
}

// doubt takes in when another process that is called the same last used the keys. It
// may do so again at any time, so that every key counts as used until now.
func (r *Ring) doubt(other Report) {
	cur, now := r.current(), clock()
	for id, c := range cur.uses {
		u := other.Usage[id].until(now)
		u.Sealed, u.Opened, u.Unsigned = 0, 0, 0 // which both would add, again and again
		c.resume(u, false)
		later(&c.since, nanos(now))
	}
}

// usageOf is what is known of a key: by this process, and by the replicas of which
// it has reports.
func (cur *ringState) usageOf(id ID) Usage {
	var all Usage
	if c, ok := cur.uses[id]; ok && cur.carries() {
		all = c.usage()
	}
	for _, p := range cur.known() {
		all = all.and(p.Usage[id])
	}
	return all
}

// carries reports whether messages go through the ring, so that what it counts says
// something: that of a tool that edits, or of a Step, sees none.
func (cur *ringState) carries() bool { return !cur.set.editing && cur.fleet == nil }

func (cur *ringState) hasProof(id ID) bool { return cur.usageOf(id).proves() }

// busy returns nil if nobody has used the key for the idle time, and otherwise who
// has, or who does not know. What a replica knows ends with its report.
func (cur *ringState) busy(id ID, now time.Time, idle time.Duration) error {
	reports := cur.known()
	if err := cur.silent(); err != nil {
		return err
	}
	if !cur.carries() && len(reports) == 0 {
		return errors.New("nothing is known of its use; give the report of every replica")
	}
	if c, ok := cur.uses[id]; ok && cur.carries() {
		if err := c.usage().busy(now, idle); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(reports)) {
		p := reports[name]
		u, ok := p.Usage[id]
		if !ok {
			return fmt.Errorf("replica %q says nothing of it; give a newer report", name)
		}
		if err := u.busy(p.Made, idle); err != nil {
			return fmt.Errorf("%w; so replica %q said at %s", err, name, stamp(p.Made))
		}
	}
	return nil
}

func (u Usage) busy(at time.Time, idle time.Duration) error {
	unused := u.Idle(at)
	if unused >= idle {
		return nil
	}
	when := "last used at " + stamp(u.LastUsed())
	switch {
	case u.LastUsed().Before(u.Since):
		when = "not used since counting began at " + stamp(u.Since)
	case u.LastUsed().Equal(u.LastUnsigned):
		when += ", by a message without a signature"
	}
	return fmt.Errorf("it was %s, %v before, and must be idle for %v; if you know that it is out of use, remove it unchecked, with the reason",
		when, unused.Truncate(time.Second), idle)
}
