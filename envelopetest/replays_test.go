package envelopetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/envelope"
)

func TestMemoryKeepsItsPromises(t *testing.T) {
	TestReplays(t, func(*testing.T) envelope.Replays { return envelope.NewMemory(1000) })
}

// A careless memory breaks one promise, or none.
type careless struct {
	mu    sync.Mutex
	since time.Time
	until map[[32]byte]time.Time

	key          func([32]byte) [32]byte // what it takes for the digest
	oneByOne     bool                    // enters those that are new beside one that is known
	first        bool                    // looks at the first digest only
	lives        time.Duration           // forgets after that, whatever is asked
	shorten      bool                    // an earlier Until replaces a later one
	anyUntil     bool                    // does not compare Until with its clock
	anyNumber    bool                    // has no digests is fresh
	anyMade      bool                    // does not know when it began
	otherError   bool                    // does not wrap ErrForgotten
	strictZero   bool                    // takes the zero Made for a date
	forgetsFirst bool                    // says forgotten of what it knows
	unlocked     bool                    // looks, and enters later
	perDigest    bool                    // locks each digest by itself
	background   bool                    // does not look at ctx
	keeps        bool                    // keeps the slice
	sorts        bool                    // sorts the slice of the caller
	never        bool                    // says that nothing is fresh
	kept         [][][32]byte
}

func (c *careless) Remember(ctx context.Context, s envelope.Sighting) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sorts {
		slices.SortFunc(s.Digests, func(a, b [32]byte) int { return slices.Compare(b[:], a[:]) })
	}
	digests := s.Digests
	if c.first && len(digests) > 0 {
		digests = digests[:1]
	}
	forgotten := !c.anyMade && s.Made.Before(c.since) && (c.strictZero || !s.Made.IsZero())
	now := time.Now()
	switch {
	case !c.background && ctx.Err() != nil:
		return false, ctx.Err()
	case len(digests) == 0 && !c.anyNumber:
		return false, errors.New("no digests")
	case !c.anyUntil && !s.Until.After(now):
		return false, errors.New("past")
	case c.never:
		return false, nil
	case c.forgetsFirst && forgotten:
		return false, envelope.ErrForgotten
	}
	if c.keeps {
		c.kept = append(c.kept, digests)
	}
	keyOf := func(d [32]byte) [32]byte {
		if c.key != nil {
			return c.key(d)
		}
		return d
	}
	known := func(d [32]byte) bool {
		if c.keeps {
			for _, k := range c.kept[:len(c.kept)-1] {
				if slices.Contains(k, d) {
					return true
				}
			}
			return false
		}
		until, ok := c.until[keyOf(d)]
		return ok && until.After(now)
	}
	fresh := true
	for _, d := range digests {
		is := known(d)
		if is && c.shorten {
			c.until[keyOf(d)] = s.Until
		}
		fresh = fresh && !is
	}
	if c.unlocked || c.perDigest && len(digests) > 1 {
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
		c.mu.Lock()
	}
	switch {
	case !fresh && c.keeps:
		c.kept = c.kept[:len(c.kept)-1]
		return false, nil
	case !fresh && !c.oneByOne:
		return false, nil
	case fresh && forgotten && c.otherError:
		return false, errors.New("too old")
	case fresh && forgotten:
		return false, envelope.ErrForgotten
	}
	for _, d := range digests {
		until := s.Until
		if c.lives != 0 {
			until = now.Add(c.lives)
		}
		if _, is := c.until[keyOf(d)]; !is {
			c.until[keyOf(d)] = until
		}
	}
	return fresh, nil
}

// The suite catches a memory that breaks any one promise.
func TestTheSuiteCatchesMemories(t *testing.T) {
	cut := func(n int) func([32]byte) [32]byte {
		return func(d [32]byte) (out [32]byte) { copy(out[:n], d[:]); return out }
	}
	all := map[string]map[string]*careless{
		"Fresh":       {"never fresh": {never: true}, "forgets at once": {lives: -time.Second}},
		"Exact":       {"half of the digest": {key: cut(16)}, "all but the last octet": {key: cut(31)}},
		"Together":    {"one by one": {oneByOne: true}, "the first only": {first: true}},
		"Until":       {"a second": {lives: time.Second}, "the shorter time": {shorten: true}},
		"Past":        {"does not look": {anyUntil: true}},
		"NoDigests":   {"nothing is fresh": {anyNumber: true}},
		"Forgotten":   {"knows everything": {anyMade: true}, "another error": {otherError: true}, "zero is a date": {strictZero: true}, "before what it knows": {forgetsFirst: true}},
		"AtOnce":      {"looks, and enters later": {unlocked: true}},
		"Overlapping": {"digest by digest": {perDigest: true}},
		"Context":     {"does not look": {background: true}},
		"Ownership":   {"keeps the slice": {keeps: true}, "sorts the slice": {sorts: true}},
	}
	for _, p := range replayPromises {
		assert.NotEmpty(t, p.text)
		ways := all[p.name]
		assert.NotEmpty(t, ways, p.name)
		ways[""] = &careless{} // that is none
		for way, c := range ways {
			t.Run(p.name+", "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c.since, c.until = time.Now(), map[[32]byte]time.Time{}
					broken := p.check(c)
					assert.Equal(t, way != "", len(broken) != 0, "the suite says %q", broken)
				})
			})
		}
	}
}
