package timing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"
)

// A Pair is what a stranger may want to tell apart: two kinds of messages to one endpoint.
type Pair struct {
	Name   string
	Kinds  [2]Kind
	Before func() error                                    // if not nil, called before each message, on nobody's time
	Do     func(ctx context.Context, message []byte) error // what is timed
}

// A Kind is messages of one kind. Each round takes one of them, so that it is the kind that
// is told, and not one message.
type Kind struct {
	Name     string
	Messages [][]byte
	Want     func(error) error // says what is wrong with what came of a message; nil wants no error
}

// Samples are times in nanoseconds, one a round.
type Samples struct {
	First, Second []float64
	Again         []float64 // the first kind, once more
}

// A Method says how to measure.
type Method struct {
	Rounds int
	Seed   uint64               // of the orders and the choices
	Now    func() time.Duration // a clock that only goes forward
}

// Clock is the one of the machine.
func Clock() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

// collectEvery is how many rounds go by between two garbage collections: none runs within
// a round, and messages of some MiB leave a lot behind.
const collectEvery = 4

// Measure times the pair. A tenth of the rounds go before and are not counted.
func (m Method) Measure(ctx context.Context, p Pair) (*Samples, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	draw := rand.New(rand.NewPCG(m.Seed, 0))
	var s Samples
	slots := []struct {
		kind Kind
		into *[]float64
	}{{p.Kinds[0], &s.First}, {p.Kinds[1], &s.Second}, {p.Kinds[0], &s.Again}}
	for round := -m.Rounds / 10; round < m.Rounds; round++ {
		if round%collectEvery == 0 {
			runtime.GC()
		}
		for _, i := range draw.Perm(len(slots)) {
			slot := slots[i]
			took, err := m.time(ctx, p, slot.kind, draw.IntN(len(slot.kind.Messages)))
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p.Name, slot.kind.Name, err)
			}
			if round >= 0 {
				*slot.into = append(*slot.into, float64(took))
			}
		}
	}
	return &s, nil
}

func (m Method) time(ctx context.Context, p Pair, k Kind, i int) (time.Duration, error) {
	if p.Before != nil {
		if err := p.Before(); err != nil {
			return 0, err
		}
	}
	began := m.Now()
	err := p.Do(ctx, k.Messages[i])
	took := m.Now() - began
	if k.Want != nil {
		err = k.Want(err)
	}
	return took, err
}
