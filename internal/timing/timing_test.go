package timing_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/timing"
)

// noises are how times scatter around their middle, in nanoseconds: evenly, to both sides,
// with interruptions, with a machine that changes its clock, and as a coarse clock has it.
var noises = map[string]func(r *rand.Rand, round int) float64{
	"even":           func(r *rand.Rand, _ int) float64 { return 1000 * r.Float64() },
	"normal":         func(r *rand.Rand, _ int) float64 { return 300 * r.NormFloat64() },
	"interruptions":  func(r *rand.Rand, _ int) float64 { return 200 * math.Exp(1.5*r.NormFloat64()) },
	"a slower clock": func(r *rand.Rand, round int) float64 { return float64(round*round)/10 + 100*r.ExpFloat64() },
	"a coarse clock": func(r *rand.Rand, _ int) float64 { return 100 * float64(r.IntN(3)) },
}

func times(r *rand.Rand, n int, more float64, noise func(*rand.Rand, int) float64) (first, second []float64) {
	for i := range n {
		first = append(first, 1e6+noise(r, i))
		second = append(second, 1e6+more+noise(r, i))
	}
	return first, second
}

// The interval holds the difference as often as it says, of whatever noise there is: what
// is alike is told apart in one comparison of a hundred at 99 of a hundred, and no oftener.
func TestAlikeIsSeldomToldApart(t *testing.T) {
	const runs, n = 1000, 201
	for name, noise := range noises {
		told := 0
		for seed := range uint64(runs) {
			first, second := times(rand.New(rand.NewPCG(seed, 1)), n, 0, noise)
			if timing.Compare(first, second, 0.99).Told() {
				told++
			}
		}
		assert.Less(t, told, 20, name) // 10, and three standard deviations
	}
}

func TestADifferenceIsFound(t *testing.T) {
	for name, tt := range map[string]struct {
		more float64 // of noise about 300 wide
		n    int
		told bool
	}{
		"a sixth of the noise, many":   {50, 4000, true},
		"a sixth of the noise, few":    {50, 40, false},
		"as wide as the noise":         {300, 200, true},
		"the second is the faster one": {-300, 200, true},
	} {
		told, held := 0, 0
		for seed := range uint64(50) {
			first, second := times(rand.New(rand.NewPCG(seed, 2)), tt.n, tt.more, noises["normal"])
			r := timing.Compare(first, second, timing.Confidence)
			if r.Told() {
				told++
				assert.Equal(t, tt.more > 0, r.Difference > 0, name)
			}
			if r.Low <= tt.more && tt.more <= r.High {
				held++
			}
			assert.InDelta(t, 1e6, r.Operation, 300, name)
		}
		assert.GreaterOrEqual(t, held, 49, "%s: the interval lacks the difference", name)
		if tt.told {
			assert.GreaterOrEqual(t, told, 45, name)
		} else {
			assert.LessOrEqual(t, told, 5, name)
		}
	}
}

// The ranks are those of printed tables of the sign test: of 25 differences, the eighth and
// the eighteenth bound the median at 95 of a hundred.
func TestIntervalIsThatOfTheSignTest(t *testing.T) {
	zeros, numbers := make([]float64, 25), make([]float64, 25)
	for i := range numbers {
		numbers[i] = float64((7*i)%25 + 1)
	}
	assert.Equal(t, timing.Result{Rounds: 25, Operation: 0, Difference: 13, Low: 8, High: 18}, timing.Compare(zeros, numbers, 0.95))
	few := timing.Compare(zeros[:5], numbers[:5], 0.95)
	assert.True(t, math.IsInf(few.Low, -1) && math.IsInf(few.High, 1), "5 rounds tell nothing at that confidence")
	assert.False(t, few.Told())
	assert.False(t, timing.Compare(nil, nil, 0.95).Told())
	assert.False(t, timing.Compare(zeros, zeros, 0.95).Told(), "a clock that stands")
}

// A clock goes on by what each message costs, and by what the one before left behind.
type clock struct {
	now  time.Duration
	left time.Duration
}

func (c *clock) pair(costs map[string]time.Duration) timing.Pair {
	kind := func(name string) timing.Kind { return timing.Kind{Name: name, Messages: [][]byte{[]byte(name)}} }
	return timing.Pair{Name: "two kinds", Kinds: [2]timing.Kind{kind("good"), kind("bad")}, Do: func(_ context.Context, m []byte) error {
		c.now += costs[string(m)] + c.left
		c.left = c.left*3/4 + time.Duration(len(m)) // a message slows those behind it
		return nil
	}}
}

// What one message leaves to the next is of neither kind, because the order is drawn: what
// costs alike is not told apart, and a difference is measured as it is.
func TestOrderIsDrawn(t *testing.T) {
	if testing.Short() {
		t.Skip("six thousand rounds, with the garbage collected between them")
	}
	for name, tt := range map[string]struct {
		good, bad time.Duration
		told      bool
	}{"alike": {1000, 1000, false}, "bad ones cost more": {1000, 1100, true}, "bad ones cost less": {1000, 900, true}} {
		c := &clock{}
		p := c.pair(map[string]time.Duration{"good": tt.good, "bad": tt.bad})
		s, err := timing.Method{Rounds: 2000, Seed: 1, Now: func() time.Duration { return c.now }}.Measure(t.Context(), p)
		require.NoError(t, err)
		assert.Len(t, s.Second, 2000)
		r := timing.Compare(s.First, s.Second, timing.Confidence)
		assert.Equal(t, tt.told, r.Told(), "%s: %v", name, r)
		assert.InDelta(t, float64(tt.bad-tt.good), r.Difference, 5, name)
		assert.False(t, timing.Compare(s.First, s.Again, timing.Confidence).Told(), name)

		var out strings.Builder
		require.NoError(t, timing.Print(&out, p, s))
		assert.Contains(t, out.String(), "good (left), and bad (right): 2000 rounds")
		assert.Contains(t, out.String(), "##")
		assert.Equal(t, !tt.told, strings.Contains(out.String(), "not told apart at this size"), out.String())
	}
}

// What does not come out as the pair says ends the measurement: it would time something else.
func TestWhatComesOutOtherwiseEndsIt(t *testing.T) {
	p := (&clock{}).pair(nil)
	wrong := errors.New("it is opened")
	m := timing.Method{Rounds: 10, Now: timing.Clock()}
	p.Before = func() error { return wrong }
	_, err := m.Measure(t.Context(), p)
	assert.ErrorIs(t, err, wrong)
	p.Before, p.Do = nil, func(context.Context, []byte) error { return wrong }
	_, err = m.Measure(t.Context(), p)
	assert.ErrorIs(t, err, wrong)
	assert.ErrorContains(t, err, "two kinds, ")
}

func TestResultPrints(t *testing.T) {
	assert.Equal(t, "+1.235µs (-20ns to +2.5ms), +0.123% (-0.002% to +250.000%) of 1ms", timing.Result{Rounds: 9, Operation: 1e6, Difference: 1234.6, Low: -20, High: 2.5e6}.String())
}

// The command prints the pairs that match, and ends at the first mistake.
func TestRun(t *testing.T) {
	one, two := (&clock{}).pair(nil), (&clock{}).pair(nil)
	two.Name = "two others"
	pairs := []timing.Pair{one, two}
	var out strings.Builder
	require.NoError(t, timing.Run(t.Context(), &out, pairs, "-rounds", "3", "-pair", "others"))
	assert.Contains(t, out.String(), "two others\n  good (left), and bad (right): 3 rounds")
	assert.NotContains(t, out.String(), "two kinds")
	assert.Contains(t, out.String(), "(-Inf to +Inf)")
	assert.Error(t, timing.Run(t.Context(), &out, pairs, "-pair", "("))
}
