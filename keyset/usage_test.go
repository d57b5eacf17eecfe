package keyset_test

import (
	"encoding/json"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC().Round(0)
		r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"))
		u, ok := r.Usage("A")
		require.True(t, ok)
		assert.Equal(t, keyset.Usage{Since: start}, u)
		_, ok = r.Usage("X")
		assert.False(t, ok)

		hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
		r.RecordOpened("A", hour(2))
		r.RecordOpened("A", hour(1)) // by an envelope that was slower
		r.RecordOpened("A", hour(3))
		r.RecordSealed("A", hour(5))
		r.RecordSealed("A", hour(4))
		r.RecordSealed("X", hour(4))
		u, _ = r.Usage("A")
		assert.Equal(t, keyset.Usage{Since: start, Sealed: 2, Opened: 3, LastSealed: hour(5), FirstOpened: hour(1), LastOpened: hour(3)}, u)
		assert.Equal(t, hour(5), u.LastUsed())

		// It survives whatever else changes, for keys that stay.
		time.Sleep(time.Hour)
		require.NoError(t, r.Replace(newSet(t, 2, ownCert.in(keyset.Retiring, "A"), ownCert.in(keyset.Active, "C"))))
		kept, _ := r.Usage("A")
		assert.Equal(t, u, kept)
		c, _ := r.Usage("C")
		assert.Equal(t, keyset.Usage{Since: hour(1)}, c, "counted since it was added")
		_, ok = r.Usage("B")
		assert.False(t, ok)
	})
}

func TestIdle(t *testing.T) {
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return at.Add(-d) }
	for name, tt := range map[string]struct {
		u    keyset.Usage
		want time.Duration
	}{
		"nothing known":      {keyset.Usage{}, 0},
		"never used":         {keyset.Usage{Since: ago(5)}, 5},
		"sealed last":        {keyset.Usage{Since: ago(50), LastSealed: ago(3), LastOpened: ago(4)}, 3},
		"opened last":        {keyset.Usage{Since: ago(50), LastSealed: ago(4), LastOpened: ago(2)}, 2},
		"only sealed":        {keyset.Usage{Since: ago(50), LastSealed: ago(4)}, 4},
		"before counting":    {keyset.Usage{Since: ago(1), LastOpened: ago(9)}, 9},
		"used in the future": {keyset.Usage{Since: ago(9), LastOpened: ago(-9)}, 0},
		"counted in future":  {keyset.Usage{Since: ago(-9)}, 0},
	} {
		assert.Equal(t, tt.want, tt.u.Idle(at), name)
	}
}

func TestMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC().Round(0)
		hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
		earlier := keyset.Usage{Since: hour(-90), Sealed: 7, Opened: 5, LastSealed: hour(-4), FirstOpened: hour(-80), LastOpened: hour(-3)}

		r := newRing(t, ownCert.in(keyset.Active, "A"))
		require.NoError(t, r.Merge("A", earlier))
		u, _ := r.Usage("A")
		assert.Equal(t, earlier, u, "a restarted process goes on where the last one stopped")

		r.RecordOpened("A", hour(1))
		require.NoError(t, r.Merge("A", keyset.Usage{Since: hour(-10), Sealed: 1, Opened: 1, LastSealed: hour(2), FirstOpened: hour(-9), LastOpened: hour(-9)}))
		u, _ = r.Usage("A")
		assert.Equal(t, keyset.Usage{Since: hour(-90), Sealed: 8, Opened: 7, LastSealed: hour(2), FirstOpened: hour(-80), LastOpened: hour(1)}, u)

		require.NoError(t, r.Merge("A", keyset.Usage{}))
		same, _ := r.Usage("A")
		assert.Equal(t, u, same, "zero times have no effect")
		require.NoError(t, r.Merge("A", keyset.Usage{Opened: math.MaxUint64}))
		u, _ = r.Usage("A")
		assert.Equal(t, uint64(math.MaxUint64), u.Opened, "counts do not wrap")
		assert.ErrorIs(t, r.Merge("X", u), keyset.ErrNotFound)
	})
}

// TestUsageTimes: clocks are the program's, so odd times must not do harm.
func TestUsageTimes(t *testing.T) {
	for name, tt := range map[string]struct{ at, want time.Time }{
		"unix epoch":  {time.Unix(0, 0), time.Unix(0, 0).UTC()},
		"zero":        {time.Time{}, time.Time{}},
		"distant":     {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MaxInt64).UTC()},
		"ancient":     {time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MinInt64+1).UTC()},
		"nanoseconds": {time.Unix(1, 1), time.Unix(1, 1).UTC()},
	} {
		r := newRing(t, ownCert.in(keyset.Active, "A"))
		r.RecordOpened("A", tt.at)
		u, _ := r.Usage("A")
		assert.Equal(t, tt.want, u.LastOpened, name)
		assert.Equal(t, tt.want, u.FirstOpened, name)
		assert.EqualValues(t, 1, u.Opened, name)
	}
}

func TestUsageJSON(t *testing.T) {
	at := time.Date(2027, 1, 2, 3, 4, 5, 6, time.UTC)
	text, err := json.Marshal(keyset.Usage{Since: at})
	require.NoError(t, err)
	assert.Equal(t, `{"since":"2027-01-02T03:04:05.000000006Z","sealed":0,"opened":0}`, string(text))
	full := keyset.Usage{Since: at, Sealed: 1, Opened: 2, LastSealed: at.Add(1), FirstOpened: at.Add(2), LastOpened: at.Add(3)}
	text, err = json.Marshal(full)
	require.NoError(t, err)
	var back keyset.Usage
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, full, back)
}

// TestUsageCountsEverything: many goroutines, no lost count, while the set
// changes under them.
func TestUsageCountsEverything(t *testing.T) {
	r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Active, "B"))
	const workers, rounds = 8, 500
	start := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				at := start.Add(time.Duration(w*rounds + i))
				r.RecordSealed("A", at)
				r.RecordOpened("A", at)
				if u, _ := r.Usage("A"); u.Opened != 0 && u.LastOpened.IsZero() {
					t.Error("a count without its time")
				}
				if i%50 == 0 {
					if w%2 == 0 {
						assert.NoError(t, r.Merge("A", keyset.Usage{Opened: 1}))
					} else if err := r.Retire("B"); err == nil {
						assert.NoError(t, r.Promote("B"))
					}
				}
			}
		})
	}
	wg.Wait()
	u, _ := r.Usage("A")
	assert.EqualValues(t, workers*rounds, u.Sealed)
	assert.EqualValues(t, workers*rounds+workers/2*rounds/50, u.Opened)
	assert.True(t, u.FirstOpened.Equal(start))
	assert.True(t, u.LastOpened.Equal(start.Add(workers*rounds-1)))
}
