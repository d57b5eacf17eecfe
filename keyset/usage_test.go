package keyset_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

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
		"before counting":    {keyset.Usage{Since: ago(1), LastOpened: ago(9)}, 1},
		"opened unsigned":    {keyset.Usage{Since: ago(50), LastOpened: ago(9), LastUnsigned: ago(2)}, 2},
		"used in the future": {keyset.Usage{Since: ago(9), LastOpened: ago(-9)}, 0},
		"counted in future":  {keyset.Usage{Since: ago(-9)}, 0},
	} {
		assert.Equal(t, tt.want, tt.u.Idle(at), name)
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
	start := time.Now().Add(-time.Second)
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
						assert.NoError(t, r.Resume(reportOf("1", start, map[keyset.ID]keyset.Usage{"A": {Since: start, Opened: 1}})))
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
