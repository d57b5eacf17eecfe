package envelope

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var _ Replays = (*Memory)(nil)

// Memory is the [Replays] of one process and one partner. [NewMemory] makes it.
//
// It knows nothing of the time before it was made. A message that is dated
// before that gets an error that wraps [ErrForgotten]: the sender seals anew, and
// is served. The waiver InsecureForgetfulStart of each format accepts such a
// message instead.
//
// The dates are those of the partner's clock. If that is ahead of ours by some
// seconds, messages that the former process accepted in its last seconds pass
// for messages of this one, and can be accepted once more. No clock is ahead by
// more than the Skew of the Config.
type Memory struct {
	most   int64
	since  time.Time
	held   atomic.Int64 // digests, reserved before they are entered
	shards [shards]shard
}

const shards = 32

// NewMemory returns a memory with room for so many digests; it panics if there is
// none. A message has one digest for each signature that counts. Each is held from
// when the message is opened until it is too old to be accepted: for MaxAge and twice
// Skew at most. For 100 messages a second, two signatures each, a MaxAge of 5 minutes,
// and a Skew of 5 minutes, that is room for 180,000. Memory is taken as it is needed,
// about 130 bytes for each digest, and used again.
func NewMemory(most int) *Memory {
	if most < 1 {
		panic(fmt.Sprintf("envelope: NewMemory with room for %d digests", most))
	}
	m := &Memory{most: int64(most), since: time.Now()}
	for i := range m.shards {
		m.shards[i].known = map[[32]byte]struct{}{}
	}
	return m
}

// Len returns how many digests are held, for a gauge. Some may have expired: they
// make room when it is needed.
func (m *Memory) Len() int { return int(m.held.Load()) }

// Remember implements [Replays].
func (m *Memory) Remember(ctx context.Context, s Sighting) (fresh bool, err error) {
	now := time.Now()
	switch {
	case m == nil || m.most == 0:
		return false, errors.New("envelope: a Memory that NewMemory did not make")
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case len(s.Digests) == 0:
		return false, errors.New("envelope: a message without digests cannot be remembered")
	case !s.Until.After(now):
		return false, fmt.Errorf("envelope: a message to be remembered until %s is forgotten at once: the clock of the memory says %s",
			s.Until.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	var few [4][32]byte // no allocation for most messages
	digests := append(few[:0], s.Digests...)
	if len(digests) > 1 {
		slices.SortFunc(digests, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
		digests = slices.Compact(digests)
	}
	needed := int64(len(digests))

	// The room is reserved first, so that no lock is held while others are swept.
	room := m.reserve(needed, now)
	fresh, err = m.enter(digests, s, now, room)
	if room && !fresh {
		m.held.Add(-needed)
	}
	return fresh, err
}

// enter holds the locks of all shards that are concerned, in order. The digests are
// sorted, and so are their shards.
func (m *Memory) enter(digests [][32]byte, s Sighting, now time.Time, room bool) (fresh bool, err error) {
	var last *shard
	for i := range digests {
		if one := m.shard(&digests[i]); one != last {
			last = one
			one.mu.Lock()
			defer one.mu.Unlock()
		}
	}
	for i := range digests {
		if _, known := m.shard(&digests[i]).known[digests[i]]; known {
			return false, nil
		}
	}
	switch {
	case !s.Made.IsZero() && s.Made.Before(m.since):
		return false, fmt.Errorf("%w: it began at %s", ErrForgotten, m.since.UTC().Format(time.RFC3339))
	case !room:
		return false, fmt.Errorf("%w: %d digests", ErrFull, m.most)
	}
	until := s.Until.Unix() + 1
	for i := range digests {
		one := m.shard(&digests[i])
		m.held.Add(-int64(one.sweep(now, swept)))
		one.add(digests[i], until)
	}
	return true, nil
}

// shard returns where a digest belongs. Digests are hashes: their first octets spread.
func (m *Memory) shard(digest *[32]byte) *shard {
	return &m.shards[binary.BigEndian.Uint16(digest[:])/(1<<16/shards)]
}

// swept is how many expired digests at most go when one comes: more than one, so that
// what has expired gets less, and few, so that no call waits for a sweep.
const swept = 4

// reserve reports whether there is room for n digests, and takes it. Where there is
// none, it sweeps as much as it needs.
func (m *Memory) reserve(n int64, now time.Time) bool {
	if m.held.Add(n) <= m.most {
		return true
	}
	for i := range m.shards {
		one := &m.shards[i]
		one.mu.Lock()
		gone := one.sweep(now, int(n)+swept)
		one.mu.Unlock()
		if m.held.Add(-int64(gone)) <= m.most {
			return true
		}
	}
	m.held.Add(-n)
	return false
}

// A shard is a part of the memory with a lock of its own.
type shard struct {
	mu     sync.Mutex
	known  map[[32]byte]struct{}
	expiry []expiring // in the order in which they expire
	_      [64]byte   // no two locks in one cache line
}

// Expiring are the digests that expire in one second: dates of signatures have seconds.
type expiring struct {
	until   int64 // in seconds since 1970, rounded up
	digests [][32]byte
}

func (s *shard) add(digest [32]byte, until int64) {
	s.known[digest] = struct{}{}
	i, found := slices.BinarySearchFunc(s.expiry, until, func(e expiring, until int64) int { return cmp.Compare(e.until, until) })
	if !found {
		s.expiry = slices.Insert(s.expiry, i, expiring{until: until})
	}
	s.expiry[i].digests = append(s.expiry[i].digests, digest)
}

// sweep forgets what has expired, but no more than most digests, and returns how many.
func (s *shard) sweep(now time.Time, most int) (gone int) {
	for gone < most && len(s.expiry) != 0 && s.expiry[0].until <= now.Unix() {
		first := &s.expiry[0]
		last := len(first.digests) - 1
		delete(s.known, first.digests[last])
		first.digests = first.digests[:last]
		gone++
		if last == 0 {
			s.expiry[0].digests = nil
			s.expiry = s.expiry[1:]
		}
	}
	return gone
}
