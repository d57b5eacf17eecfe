package rehearse_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
)

// No message is sent sooner than the network would send it: 10 s after the one before, and
// no more than 30 in any 15 minutes, however long an answer takes.
func TestPace(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	p := rehearse.Pace{
		Now:   func() time.Time { return now },
		Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(max(0, d)); return nil },
	}
	var sent []time.Time
	for n := range 100 {
		require.NoError(t, p.Wait(t.Context()))
		sent = append(sent, now)
		now = now.Add(time.Duration(n%7) * 2 * time.Second) // the answer
	}
	for n := 1; n < len(sent); n++ {
		assert.GreaterOrEqual(t, sent[n].Sub(sent[n-1]), 10*time.Second)
		if n >= 30 {
			assert.GreaterOrEqual(t, sent[n].Sub(sent[n-30]), 15*time.Minute)
		}
	}
	assert.Less(t, sent[99].Sub(sent[0]), time.Hour, "and it does not wait for ever")

	cause := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	p.Sleep = nil
	assert.ErrorIs(t, p.Wait(ctx), cause)
}
