package envelope

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// A shard is a part of a [Memory] with a lock of its own: a table of digests by hash,
// and a list of them for each second in which some expire. A map, and a queue beside it,
// would take twice the memory and hold each digest twice.
type shard struct {
	mu      sync.Mutex
	table   []uint32        // by hash, the first of a chain of entries; its length is a power of two
	entries []*[block]entry // blocks stay where they are; entry 0 is none
	made    uint32          // entries, with the one that is none
	free    uint32          // the first of those that are not used
	used    int
	expiry  []expiring // in the order in which they expire
	_       [64]byte   // no two locks in one cache line
}

// block is how many entries are made at once: no growth copies what is there.
const block = 64

type entry struct {
	digest [32]byte
	chain  uint32 // the next with the same place in the table, or the next that is free
	peer   uint32 // the next that expires in the same second
}

// Expiring is a second, because dates of signatures have seconds, and what expires in it.
type expiring struct {
	until int64 // in seconds since 1970, rounded up
	first uint32
}

func (s *shard) chain(hash uint64) *uint32 { return &s.table[hash&uint64(len(s.table)-1)] }

func (s *shard) entry(i uint32) *entry { return &s.entries[i/block][i%block] }

func (s *shard) has(digest *[32]byte, hash uint64) bool {
	if s.used == 0 {
		return false
	}
	for i := *s.chain(hash); i != 0; {
		e := s.entry(i)
		if e.digest == *digest {
			return true
		}
		i = e.chain
	}
	return false
}

// add enters a digest that is new.
func (s *shard) add(digest *[32]byte, hash uint64, until int64, hashOf func(*[32]byte) uint64) {
	if s.used == len(s.table) {
		s.grow(hashOf)
	}
	at := s.unused()
	second := s.second(until)
	first := s.chain(hash)
	*s.entry(at) = entry{*digest, *first, second.first}
	*first, second.first = at, at
	s.used++
}

// unused returns the place of an entry that is not used.
func (s *shard) unused() uint32 {
	if at := s.free; at != 0 {
		s.free = s.entry(at).chain
		return at
	}
	if s.made%block == 0 {
		s.entries = append(s.entries, new([block]entry))
		s.made = max(s.made, 1)
	}
	s.made++
	return s.made - 1
}

// grow doubles the table.
func (s *shard) grow(hashOf func(*[32]byte) uint64) {
	former := s.table
	s.table = make([]uint32, max(8, 2*len(former)))
	for _, i := range former {
		for i != 0 {
			e := s.entry(i)
			next, first := e.chain, s.chain(hashOf(&e.digest))
			e.chain, *first, i = *first, i, next
		}
	}
}

// second returns the list of what expires then. It is one of the last, most of the time.
func (s *shard) second(until int64) *expiring {
	i, found := slices.BinarySearchFunc(s.expiry, until, func(e expiring, until int64) int { return cmp.Compare(e.until, until) })
	if !found {
		s.expiry = slices.Insert(s.expiry, i, expiring{until: until})
	}
	return &s.expiry[i]
}

// sweep forgets what has expired, but no more than most digests, and returns how many.
func (s *shard) sweep(now time.Time, most int, hashOf func(*[32]byte) uint64) (gone int) {
	for gone < most && len(s.expiry) != 0 && s.expiry[0].until <= now.Unix() {
		at := s.expiry[0].first
		e := s.entry(at)
		if s.expiry[0].first = e.peer; e.peer == 0 {
			s.expiry = s.expiry[1:]
		}
		link := s.chain(hashOf(&e.digest))
		for *link != at {
			link = &s.entry(*link).chain
		}
		*link = e.chain
		e.chain, s.free = s.free, at
		s.used--
		gone++
	}
	return gone
}
