package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

const maxAge = 10 * time.Minute

// A memory notes what it is asked, and says what the test wants.
type memory struct {
	asked []envelope.Sighting
	ctx   context.Context
	say   func(envelope.Sighting) (bool, error)
}

func (m *memory) Remember(ctx context.Context, s envelope.Sighting) (bool, error) {
	m.asked, m.ctx = append(m.asked, s), ctx
	if m.say == nil {
		return true, nil
	}
	return m.say(s)
}

func says(fresh bool, err error) *memory {
	return &memory{say: func(envelope.Sighting) (bool, error) { return fresh, err }}
}

const (
	unsigned  = "test.InsecureUnsigned"
	forgetful = "test.InsecureForgetfulStart"
)

func remembering(t testing.TB, r envelope.Replays, waive ...envelope.Waiver) exchange.Config {
	c := config(t)
	c.MaxAge, c.Replays, c.Waive, c.Unsigned, c.Forgetful = maxAge, r, waive, unsigned, forgetful
	return c
}

func signedBy(id keyset.ID, layer envelope.Layer, at time.Time) envelope.KeyUse {
	return envelope.KeyUse{ID: id, Layer: layer, Time: at, Digest: exchange.Digest(string(id), []byte("signed"))}
}

// accepted is a message that lacks nothing.
func accepted(signers ...envelope.KeyUse) *envelope.Message {
	if len(signers) == 0 {
		signers = []envelope.KeyUse{signedBy("PEER", envelope.Inner, now)}
	}
	return &envelope.Message{Payload: []byte("secret"), Signers: signers, Decrypter: use("OWN")}
}

func openWith(t testing.TB, c exchange.Config, ctx context.Context, m *envelope.Message) (*envelope.Message, error) {
	x, err := exchange.New(c, unsigned, forgetful)
	require.NoError(t, err)
	return x.Open(ctx, 1, func(*exchange.Call) (*envelope.Message, error) { return m, nil })
}

// What is remembered, and until when.
func TestSighting(t *testing.T) {
	a, b := now.Add(-4*time.Minute), now.Add(2*time.Minute)
	window := maxAge + time.Minute // MaxAge and Skew
	for name, tt := range map[string]struct {
		signers     []envelope.KeyUse
		made, until time.Time
		fails       string
	}{
		"one":                 {signers: []envelope.KeyUse{signedBy("A", envelope.Inner, a)}, made: a, until: a.Add(window)},
		"two":                 {signers: []envelope.KeyUse{signedBy("A", envelope.Inner, a), signedBy("B", envelope.Inner, b)}, made: a, until: b.Add(window)},
		"two, in other order": {signers: []envelope.KeyUse{signedBy("B", envelope.Inner, b), signedBy("A", envelope.Inner, a)}, made: a, until: b.Add(window)},
		"outside alone":       {signers: []envelope.KeyUse{signedBy("A", envelope.Outer, a)}, made: a, until: a.Add(window)},
		"in two layers":       {signers: []envelope.KeyUse{signedBy("A", envelope.Inner, b), signedBy("B", envelope.Outer, a)}, made: b, until: b.Add(window)},
		"undated outside":     {signers: []envelope.KeyUse{signedBy("A", envelope.Inner, a), signedBy("B", envelope.Outer, time.Time{})}, made: a, until: a.Add(window)},
		"undated":             {signers: []envelope.KeyUse{signedBy("A", envelope.Inner, time.Time{})}, fails: "A counts and has no date"},
		"no digest":           {signers: []envelope.KeyUse{signedBy("A", envelope.Inner, a), {ID: "B", Time: a}}, fails: "B counts and has no digest"},
		"no signature":        {signers: []envelope.KeyUse{}, fails: "without a signature"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := &memory{}
			c := remembering(t, asked)
			c.Skew = time.Minute
			m, err := openWith(t, c, t.Context(), &envelope.Message{Signers: tt.signers})
			if tt.fails != "" {
				assert.ErrorContains(t, err, tt.fails)
				assert.NotErrorIs(t, err, envelope.ErrRejected)
				assert.Nil(t, m)
				assert.Empty(t, asked.asked)
				return
			}
			require.NoError(t, err)
			require.Len(t, asked.asked, 1)
			got := asked.asked[0]
			assert.Equal(t, tt.made, got.Made)
			assert.Equal(t, tt.until, got.Until)
			require.Len(t, got.Digests, len(tt.signers), "of every signature that counts")
			for i, u := range tt.signers {
				assert.Equal(t, u.Digest, got.Digests[i])
			}
		})
	}
}

// The window is exact: as long as any clock accepts the message, it is remembered.
func TestTheWindowIsAsLongAsAnyClockAccepts(t *testing.T) {
	for _, skew := range []time.Duration{time.Second, 5 * time.Minute} {
		for _, age := range []time.Duration{-skew, 0, time.Minute, maxAge} { // when it arrived first
			date := now.Add(-age)
			asked := &memory{}
			c := remembering(t, asked)
			c.Skew = skew
			_, err := openWith(t, c, t.Context(), accepted(signedBy("A", envelope.Inner, date)))
			require.NoError(t, err)
			until := asked.asked[0].Until
			// The true time is until; the clock of another replica is behind by all of Skew.
			for by, want := range map[time.Duration]bool{0: true, time.Second: false} {
				other := c
				other.Now = func() time.Time { return until.Add(by - skew) }
				inCall(t, other, func(call *exchange.Call) {
					assert.Equal(t, want, call.Accept(exchange.Statement{Made: date}) == nil, "%v after the last moment", by)
				})
			}
		}
	}
}

// What the memory says becomes one of three outcomes, and no payload is beside an error.
func TestWhatAMemorySays(t *testing.T) {
	down := errors.New("connection refused")
	ended, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("the caller has gone")
	for name, tt := range map[string]struct {
		memory   *memory
		ctx      context.Context
		replayed bool
		is, not  []error
	}{
		"fresh":             {memory: says(true, nil)},
		"known":             {memory: says(false, nil), replayed: true},
		"down":              {memory: says(false, down), is: []error{keyset.ErrUnavailable, down}},
		"down, and fresh":   {memory: says(true, down), is: []error{keyset.ErrUnavailable, down}},
		"full":              {memory: says(false, envelope.ErrFull), is: []error{keyset.ErrUnavailable, envelope.ErrFull}},
		"began later":       {memory: says(false, envelope.ErrForgotten), is: []error{keyset.ErrUnavailable, envelope.ErrForgotten}},
		"says it rejects":   {memory: says(false, envelope.Reject(envelope.Replayed, nil)), is: []error{keyset.ErrUnavailable}},
		"panics":            {memory: &memory{say: func(envelope.Sighting) (bool, error) { panic("nil map") }}, is: []error{keyset.ErrUnavailable}},
		"panics with error": {memory: &memory{say: func(envelope.Sighting) (bool, error) { panic(envelope.ErrRejected) }}, is: []error{keyset.ErrUnavailable}},
		"the caller left": {memory: &memory{say: func(envelope.Sighting) (bool, error) { cancel(gone); return false, context.Canceled }}, ctx: ended,
			is: []error{gone}, not: []error{keyset.ErrUnavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			own, peer := newSource(own(t, "OWN")), newSource(peer(t, "PEER"))
			var events []envelope.Event
			c := remembering(t, tt.memory)
			c.Own, c.Peer, c.Observe = own, peer, func(_ context.Context, e envelope.Event) { events = append(events, e) }
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			m, err := openWith(t, c, ctx, accepted())
			require.Len(t, events, 1, "every call is told")
			assert.Equal(t, err, events[0].Err)
			assert.Equal(t, ctx, tt.memory.ctx, "the context of the call")
			if !tt.replayed && len(tt.is) == 0 {
				require.NoError(t, err)
				assert.Equal(t, []keyset.ID{"OWN"}, own.opened)
				return
			}
			assert.Nil(t, m)
			assert.Empty(t, events[0].Keys)
			assert.Empty(t, append(append(own.opened, own.bare...), peer.opened...), "no use of a key")
			oe, rejected := errors.AsType[*envelope.OpenError](err)
			require.Equal(t, tt.replayed, rejected, "%v", err)
			assert.Equal(t, tt.replayed, errors.Is(err, envelope.ErrRejected))
			if rejected {
				assert.Equal(t, envelope.Replayed, oe.Reason)
				assert.Equal(t, []keyset.ID{"PEER"}, oe.Keys)
				assert.Equal(t, envelope.ErrRejected.Error(), err.Error())
			}
			for _, is := range tt.is {
				assert.ErrorIs(t, err, is)
			}
			for _, not := range tt.not {
				assert.NotErrorIs(t, err, not)
			}
		})
	}
}

// Whoever writes a payload asks before, and Open does not ask again.
func TestRememberAsksOnce(t *testing.T) {
	asked := says(true, nil)
	x, err := exchange.New(remembering(t, asked))
	require.NoError(t, err)
	m, err := x.Open(t.Context(), 1, func(c *exchange.Call) (*envelope.Message, error) {
		m := accepted()
		return m, errors.Join(c.Admit(m), c.Admit(m))
	})
	require.NoError(t, err)
	assert.NotNil(t, m)
	assert.Len(t, asked.asked, 1)

	// What is rejected for anything else is not remembered.
	_, err = x.Open(t.Context(), 1, func(c *exchange.Call) (*envelope.Message, error) {
		return accepted(), envelope.Reject(envelope.Corrupt, nil)
	})
	assert.ErrorIs(t, err, envelope.ErrRejected)
	assert.Len(t, asked.asked, 1)
}

// The waiver is for what the memory cannot know, for nothing else, and it is told.
func TestForgetfulStart(t *testing.T) {
	waiver := envelope.NewWaiver(forgetful, "deploys may not be seen")
	began := now.Add(-time.Minute)
	known := false
	late := &memory{say: func(s envelope.Sighting) (bool, error) {
		if !s.Made.IsZero() && s.Made.Before(began) {
			return false, envelope.ErrForgotten
		}
		return !known, nil
	}}
	old := accepted(signedBy("PEER", envelope.Inner, began.Add(-1)))
	_, err := openWith(t, remembering(t, late), t.Context(), old)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)

	var event envelope.Event
	c := remembering(t, late, waiver)
	c.Observe = func(_ context.Context, e envelope.Event) { event = e }
	m, err := openWith(t, c, t.Context(), old)
	require.NoError(t, err)
	assert.Equal(t, []envelope.Waiver{waiver}, m.Waived)
	assert.Equal(t, []envelope.Waiver{waiver}, event.Waived)
	last := late.asked[len(late.asked)-1]
	assert.Zero(t, last.Made)
	assert.Equal(t, began.Add(-1).Add(maxAge+exchange.Skew), last.Until)

	m, err = openWith(t, c, t.Context(), accepted(signedBy("PEER", envelope.Inner, began)))
	require.NoError(t, err)
	assert.Empty(t, m.Waived, "it was not needed")
	known = true
	_, err = openWith(t, c, t.Context(), old)
	assert.ErrorIs(t, err, envelope.ErrRejected)
	_, err = openWith(t, remembering(t, says(false, envelope.ErrFull), waiver), t.Context(), old)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
}

// A funcMemory is a memory that is a function.
type funcMemory func()

func (funcMemory) Remember(context.Context, envelope.Sighting) (bool, error) { return true, nil }

func TestReplaysNeedWhatTheyRememberBy(t *testing.T) {
	for want, change := range map[string]func(*exchange.Config){
		"no MaxAge beside Replays": func(c *exchange.Config) { c.MaxAge = 0 },
		"test.InsecureUnsigned beside Replays": func(c *exchange.Config) {
			c.Waive = append(c.Waive, envelope.NewWaiver(unsigned, "mutual TLS"))
		},
		"Replays is a nil *envelope.Memory":       func(c *exchange.Config) { c.Replays = (*envelope.Memory)(nil) },
		"Replays is a nil exchange_test.funcMemo": func(c *exchange.Config) { c.Replays = funcMemory(nil) },
		"InsecureForgetfulStart without Replays": func(c *exchange.Config) {
			c.Replays, c.Waive = nil, append(c.Waive, envelope.NewWaiver(forgetful, "nothing to forget"))
		},
	} {
		c := remembering(t, says(true, nil))
		_, err := exchange.New(c, unsigned, forgetful)
		require.NoError(t, err)
		change(&c)
		_, err = exchange.New(c, unsigned, forgetful)
		assert.ErrorContains(t, err, want)
	}
}

// BenchmarkReplays is what surrounds the cryptography of one Open, without a memory, and
// with one that holds so many digests already. What it takes more is what replays cost.
func BenchmarkReplays(b *testing.B) {
	for _, held := range []int{-1, 0, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("held=%d", held), func(b *testing.B) {
			c := config(b)
			c.MaxAge, c.Now = maxAge, nil
			random := rand.NewChaCha8([32]byte{})
			digest := func() (d [32]byte) {
				_, _ = random.Read(d[:])
				return d
			}
			if held >= 0 {
				memory := envelope.NewMemory(1 << 24)
				until := time.Now().Add(time.Hour)
				for range held {
					_, err := memory.Remember(b.Context(), envelope.Sighting{Digests: [][32]byte{digest()}, Until: until})
					require.NoError(b, err)
				}
				c.Replays = memory
			}
			x := newExchange(b, c)
			m := accepted()
			b.ReportAllocs()
			for b.Loop() {
				m.Signers[0].Digest, m.Signers[0].Time = digest(), time.Now()
				if _, err := x.Open(b.Context(), 1, func(*exchange.Call) (*envelope.Message, error) { return m, nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
