package envelope_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
)

// digest returns one of as many as there are numbers. Those of neighbours share a shard.
func digest(n int) (d [32]byte) {
	binary.BigEndian.PutUint64(d[24:], uint64(n))
	binary.BigEndian.PutUint16(d[:], uint16(n*0x9e37))
	return d
}

func digests(n ...int) (out [][32]byte) {
	for _, i := range n {
		out = append(out, digest(i))
	}
	return out
}

// A modelMemory is what Memory does, without its haste: a map with times.
type modelMemory struct {
	most  int
	since time.Time
	until map[[32]byte]time.Time
}

// remember answers with everything that has expired forgotten, or with none of it: a
// Memory forgets some of it early, and some late, but never counts it as taking room.
func (m *modelMemory) remember(s envelope.Sighting, expired bool) (fresh bool, err error) {
	now, live := time.Now(), 0
	for _, until := range m.until {
		if until.After(now) {
			live++
		}
	}
	all := map[[32]byte]bool{}
	for _, d := range s.Digests {
		all[d] = true
		if until, known := m.until[d]; known && (expired || until.After(now)) && s.Until.After(now) {
			return false, nil
		}
	}
	switch {
	case len(s.Digests) == 0 || !s.Until.After(now):
		return false, errors.New("not asked well")
	case !s.Made.IsZero() && s.Made.Before(m.since):
		return false, envelope.ErrForgotten
	case live+len(all) > m.most:
		return false, envelope.ErrFull
	}
	return true, nil
}

func (m *modelMemory) enter(s envelope.Sighting) {
	for _, d := range s.Digests {
		m.until[d] = s.Until.Truncate(time.Second).Add(time.Second) // it counts in seconds
	}
}

// Whatever is asked, and whenever, a Memory answers as a map with times does. Until a
// digest has expired it is never forgotten, and one that has expired takes no room.
func TestMemoryIsAMapWithTimes(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2026))
			most := 1 + r.IntN(40)
			memory := envelope.NewMemory(most)
			model := &modelMemory{most: most, since: time.Now(), until: map[[32]byte]time.Time{}}
			fresh, full, forgotten, last := 0, 0, 0, 0
			for range 2000 {
				time.Sleep(time.Duration(r.IntN(3)) * time.Second)
				now := time.Now()
				s := envelope.Sighting{Made: now, Until: now.Add(time.Duration(r.IntN(90)-5) * time.Second)}
				switch r.IntN(10) {
				case 0:
					s.Made = time.Time{}
				case 1:
					s.Made = now.Add(-time.Duration(r.IntN(600)) * time.Second)
				}
				for range r.IntN(4) {
					if r.IntN(3) != 0 { // most are new: else nothing fills up
						last++
						s.Digests = append(s.Digests, digest(last))
					} else {
						s.Digests = append(s.Digests, digest(1+r.IntN(last+1)))
					}
				}
				asked := slices.Clone(s.Digests)
				got, err := memory.Remember(t.Context(), s)
				require.Equal(t, asked, s.Digests, "what the caller passed is written to")

				want, wantErr := model.remember(s, false)
				if late, lateErr := model.remember(s, true); got == late && (err == nil) == (lateErr == nil) {
					want, wantErr = late, lateErr
				}
				if got {
					model.enter(s)
				}
				require.Equal(t, want, got, "seed %d: %v, and %v", seed, err, wantErr)
				require.Equal(t, wantErr == nil, err == nil, "seed %d: %v, and %v", seed, err, wantErr)
				for _, is := range []error{envelope.ErrFull, envelope.ErrForgotten} {
					require.Equal(t, errors.Is(wantErr, is), errors.Is(err, is), "seed %d: %v, and %v", seed, err, wantErr)
				}
				require.LessOrEqual(t, memory.Len(), most)
				switch {
				case got:
					fresh++
				case errors.Is(err, envelope.ErrFull):
					full++
				case errors.Is(err, envelope.ErrForgotten):
					forgotten++
				}
			}
			require.NotZero(t, fresh)
			require.NotZero(t, full)
			require.NotZero(t, forgotten)
		})
	}
}

// However many ask at once, and whatever they ask for together, each digest is fresh
// once, and no two that share a digest both are.
func TestMemoryAtOnce(t *testing.T) {
	const workers, messages = 16, 400
	memory := envelope.NewMemory(1 << 20)
	until := time.Now().Add(time.Hour)
	var accepted [3 * messages]atomic.Int32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 4 * messages {
				n := r.IntN(messages)
				asked := []int{n, n + messages, n + 1} // n + 1 is the first of another
				r.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
				fresh, err := memory.Remember(context.Background(), envelope.Sighting{Digests: digests(asked...), Until: until})
				assert.NoError(t, err)
				if fresh {
					for _, i := range asked {
						accepted[i].Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	total := int32(0)
	for i := range accepted {
		assert.LessOrEqual(t, accepted[i].Load(), int32(1), i)
		total += accepted[i].Load()
	}
	assert.Equal(t, int(total), memory.Len(), "room that is reserved, and not used, is given back")
	assert.NotZero(t, total)
}

// A full memory refuses, and recognizes what it has; one octet of room is never taken twice.
func TestMemoryFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := envelope.NewMemory(3)
		remember := func(n ...int) (bool, error) {
			return memory.Remember(t.Context(), envelope.Sighting{Digests: digests(n...), Until: time.Now().Add(time.Minute)})
		}
		fresh, err := remember(1, 2)
		require.NoError(t, err)
		assert.True(t, fresh)
		_, err = remember(3, 4)
		assert.ErrorIs(t, err, envelope.ErrFull, "all, or none")
		fresh, err = remember(3)
		assert.NoError(t, err)
		assert.True(t, fresh, "nothing of the one that did not fit is known")
		_, err = remember(5)
		assert.ErrorIs(t, err, envelope.ErrFull)
		fresh, err = remember(1)
		assert.NoError(t, err)
		assert.False(t, fresh, "what is known is known, though there is no room")
		assert.Equal(t, 3, memory.Len())

		time.Sleep(time.Minute)
		fresh, err = remember(5, 6, 7)
		assert.False(t, fresh)
		assert.ErrorIs(t, err, envelope.ErrFull, "at the time itself they are remembered")
		time.Sleep(time.Second)
		fresh, err = remember(5, 6, 7)
		assert.NoError(t, err)
		assert.True(t, fresh, "what has expired makes room, in whatever shard")
		assert.Equal(t, 3, memory.Len())
	})
}

// Room is used again: a memory takes no more of it, however many messages come and go.
func TestMemoryUsesItsRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heap := func() int64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		const n = 20_000
		memory := envelope.NewMemory(2 * n)
		round := func(r int) {
			for i := range n {
				fresh, err := memory.Remember(t.Context(), envelope.Sighting{Digests: digests(r*n + i), Until: time.Now().Add(time.Minute)})
				require.NoError(t, err)
				require.True(t, fresh)
			}
			time.Sleep(2 * time.Minute)
		}
		round(0)
		round(1)
		before := heap()
		for r := range 20 {
			round(2 + r)
		}
		assert.Less(t, heap()-before, int64(500_000))
		runtime.KeepAlive(memory)
	})
}

// What has expired goes when others come, without a call that waits for all of it.
func TestMemorySweepsAsItGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		memory := envelope.NewMemory(4 * n)
		for i := range n {
			_, err := memory.Remember(t.Context(), envelope.Sighting{Digests: digests(i), Until: time.Now().Add(time.Minute)})
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Minute)
		for i := range n {
			_, err := memory.Remember(t.Context(), envelope.Sighting{Digests: digests(n + i), Until: time.Now().Add(time.Minute)})
			require.NoError(t, err)
			require.GreaterOrEqual(t, memory.Len(), n-4*(i+1), "one call forgot many")
		}
		assert.InDelta(t, n, memory.Len(), n/100)
	})
}

func TestMemoryBeforeItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		start := time.Now()
		memory := envelope.NewMemory(10)
		until := start.Add(time.Minute)
		fresh, err := memory.Remember(t.Context(), envelope.Sighting{Digests: digests(1), Made: start.Add(-1), Until: until})
		assert.False(t, fresh)
		assert.ErrorIs(t, err, envelope.ErrForgotten)
		assert.Zero(t, memory.Len())
		fresh, err = memory.Remember(t.Context(), envelope.Sighting{Digests: digests(1), Made: start, Until: until})
		assert.NoError(t, err)
		assert.True(t, fresh)
		fresh, err = memory.Remember(t.Context(), envelope.Sighting{Digests: digests(2, 1), Made: start.Add(-1), Until: until})
		assert.NoError(t, err, "what is known needs no history")
		assert.False(t, fresh)
	})
}

func TestMemoryIsMadeByNewMemory(t *testing.T) {
	for _, most := range []int{0, -1} {
		assert.Panics(t, func() { envelope.NewMemory(most) })
	}
	for name, memory := range map[string]*envelope.Memory{"nil": nil, "zero": {}} {
		fresh, err := memory.Remember(t.Context(), envelope.Sighting{Digests: digests(1), Until: time.Now().Add(time.Hour)})
		assert.False(t, fresh, name)
		assert.ErrorContains(t, err, "NewMemory", name)
	}
}

// BenchmarkMemory is one message with one signature, in a memory that holds as many as
// come in two seconds, which is a million and more. BenchmarkMillion prints how many
// bytes one digest takes.
func BenchmarkMemory(b *testing.B) {
	r := rand.NewChaCha8([32]byte{1})
	memory := envelope.NewMemory(1 << 24)
	b.ReportAllocs()
	for b.Loop() {
		var d [1][32]byte
		_, _ = r.Read(d[0][:])
		if fresh, err := memory.Remember(b.Context(), envelope.Sighting{Digests: d[:], Until: time.Now().Add(2 * time.Second)}); !fresh {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(memory.Len()), "held")
}

func BenchmarkMillion(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		const million = 1_000_000
		r := rand.NewChaCha8([32]byte{1})
		before := heap()
		memory := envelope.NewMemory(million)
		until := time.Now().Add(time.Hour)
		for range million {
			var d [1][32]byte
			_, _ = r.Read(d[0][:])
			_, err := memory.Remember(b.Context(), envelope.Sighting{Digests: d[:], Until: until})
			require.NoError(b, err)
		}
		b.ReportMetric((heap()-before)/million, "B/digest")
		runtime.KeepAlive(memory)
	}
}
