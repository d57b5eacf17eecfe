package envelope

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

var _ Replays = (*Memory)(nil)

// Memory is the [Replays] of one process and one partner. [NewMemory] makes it.
//
// It knows nothing of the time before it was made. For a message that is dated before
// that, Remember returns an error that wraps [ErrForgotten]: the sender seals anew, and
// is served. Dates are in whole seconds, so that the second in which the memory was made
// counts as before it. The waiver InsecureForgetfulStart of each format accepts such a
// message instead.
//
// The dates are those of the partner's clock. If that clock is ahead of ours, say by a
// minute, then messages that the process before this one accepted in its last minute look
// newer than the memory, and can be accepted once more. Messages by a clock that is ahead
// by more than the Skew of the Config are rejected.
type Memory struct {
	most   int64
	since  time.Time
	held   atomic.Int64 // digests, reserved before they are entered
	seed   maphash.Seed
	shards [1 << shardBits]shard
}

const shardBits = 5

// NewMemory returns a memory with room for so many digests; it panics if there is
// none. A message has one digest for each signature that counts. Each is held from
// when the message is opened until it is too old to be accepted: for MaxAge and twice
// Skew at most. For 100 messages a second, two signatures each, a MaxAge of 5 minutes,
// and a Skew of 5 minutes, that is room for 180,000. Memory is taken as it is needed,
// about 50 bytes for each digest, and used again.
func NewMemory(most int) *Memory {
	if most < 1 {
		panic(fmt.Sprintf("envelope: NewMemory with room for %d digests", most))
	}
	return &Memory{most: int64(most), since: time.Now(), seed: maphash.MakeSeed()}
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
	// The room is reserved first, so that no lock is held while others are swept.
	needed := int64(distinct(s.Digests))
	room := m.reserve(needed, now)
	entered, err := m.enter(s, now, room)
	if room && entered == 0 {
		m.held.Add(-needed)
	}
	return entered != 0, err
}

// enter enters all digests, or none, and returns how many these are: one that is given
// twice is one. It holds the locks of all shards that are concerned, and takes them in
// order.
func (m *Memory) enter(s Sighting, now time.Time, room bool) (entered int, err error) {
	var concerned uint64
	for i := range s.Digests {
		concerned |= 1 << (m.hash(&s.Digests[i]) >> (64 - shardBits))
	}
	for left := concerned; left != 0; left &= left - 1 {
		one := &m.shards[bits.TrailingZeros64(left)]
		one.mu.Lock()
		defer one.mu.Unlock()
	}
	for i := range s.Digests {
		if one, hash := m.shard(&s.Digests[i]); one.has(&s.Digests[i], hash) {
			return 0, nil
		}
	}
	switch {
	case !s.Made.IsZero() && s.Made.Before(m.since):
		return 0, fmt.Errorf("%w: it began at %s", ErrForgotten, m.since.UTC().Format(time.RFC3339))
	case !room:
		return 0, fmt.Errorf("%w: %d digests", ErrFull, m.most)
	}
	until := s.Until.Unix() + 1
	for i := range s.Digests {
		one, hash := m.shard(&s.Digests[i])
		m.held.Add(-int64(one.sweep(now, swept, m.hash)))
		if i > 0 && slices.Contains(s.Digests[:i], s.Digests[i]) {
			continue
		}
		one.add(&s.Digests[i], hash, until, m.hash)
		entered++
	}
	return entered, nil
}

// distinct counts digests. There are one or two, and seldom as many as 65.
func distinct(digests [][32]byte) (n int) {
	for i := range digests {
		if !slices.Contains(digests[:i], digests[i]) {
			n++
		}
	}
	return n
}

// hash spreads digests in a way that nobody can foresee: the partner chooses them.
func (m *Memory) hash(digest *[32]byte) uint64 { return maphash.Bytes(m.seed, digest[:]) }

// shard returns where a digest belongs, and its hash.
func (m *Memory) shard(digest *[32]byte) (*shard, uint64) {
	hash := m.hash(digest)
	return &m.shards[hash>>(64-shardBits)], hash
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
		gone := one.sweep(now, int(n)+swept, m.hash)
		one.mu.Unlock()
		if m.held.Add(-int64(gone)) <= m.most {
			return true
		}
	}
	m.held.Add(-n)
	return false
}
