package exchange_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A replacement of keys never takes effect in the middle of a message.
func TestSetsAreLoadedOnceACall(t *testing.T) {
	mine, theirs, archive := newSource(own(t, "OWN")), newSource(peer(t, "PEER")), newSource(peer(t, "ARCHIVE"))
	c := config(t)
	c.Own, c.Peer, c.AlsoTo = mine, theirs, []keyset.Source{archive}
	x := newExchange(t, c)
	all := func(call *exchange.Call) {
		for _, s := range []*source{mine, theirs, archive} {
			assert.EqualValues(t, 1, s.loads.Load())
		}
		mine.set.Store(own(t, "OWN-2"))
		theirs.set.Store(peer(t, "PEER-2"))
		archive.set.Store(peer(t, "ARCHIVE-2"))
		for _, f := range []func() ([]keyset.Key, error){call.SealingOwn, call.SealingPeer, func() ([]keyset.Key, error) { return call.SealingAlso(0) }} {
			keys, err := f()
			require.NoError(t, err)
			require.Len(t, keys, 1)
			assert.NotContains(t, keys[0].ID(), "-2")
		}
		assert.True(t, call.IsOwn("OWN"))
		assert.False(t, call.IsOwn("OWN-2"))
		for _, s := range []*source{mine, theirs, archive} {
			assert.EqualValues(t, 1, s.loads.Load())
		}
	}
	reset := func() {
		mine.set.Store(own(t, "OWN"))
		theirs.set.Store(peer(t, "PEER"))
		archive.set.Store(peer(t, "ARCHIVE"))
		for _, s := range []*source{mine, theirs, archive} {
			s.loads.Store(0)
		}
	}
	reset()
	_, err := x.Seal(t.Context(), func(call *exchange.Call) ([]byte, error) { all(call); return []byte("sealed"), nil })
	require.NoError(t, err)
	reset()
	_, err = x.Open(t.Context(), 1, func(call *exchange.Call) (*envelope.Message, error) { all(call); return &envelope.Message{}, nil })
	require.NoError(t, err)
}

// A ring can come to hold what the format cannot use after New has looked.
func TestSetsAreCheckedEachTime(t *testing.T) {
	mine, theirs, archive := newSource(own(t, "OWN")), newSource(peer(t, "PEER")), newSource(peer(t, "ARCHIVE"))
	c := config(t)
	c.Own, c.Peer, c.AlsoTo = mine, theirs, []keyset.Source{archive}
	x := newExchange(t, c)
	for want, spoil := range map[string]func(){
		"Own holds public keys":        func() { mine.set.Store(peer(t, "PEER")) },
		"Peer holds private keys":      func() { theirs.set.Store(own(t, "OWN")) },
		"Peer loads no set":            func() { theirs.set.Store(nil) },
		"AlsoTo[0] holds private keys": func() { archive.set.Store(own(t, "OWN")) },
	} {
		mine.set.Store(own(t, "OWN"))
		theirs.set.Store(peer(t, "PEER"))
		archive.set.Store(peer(t, "ARCHIVE"))
		spoil()
		_, err := x.Seal(t.Context(), func(*exchange.Call) ([]byte, error) { t.Error("called"); return nil, nil })
		assert.ErrorContains(t, err, want)
		m, err := x.Open(t.Context(), 1, func(*exchange.Call) (*envelope.Message, error) { t.Error("called"); return nil, nil })
		assert.ErrorContains(t, err, want)
		assert.NotErrorIs(t, err, envelope.ErrRejected, "our own fault is no fault of the message")
		assert.Nil(t, m)
	}
}

func TestNoKeyToSealWith(t *testing.T) {
	expired, revoked := key("EXPIRED", keyset.JOSE, true), key("REVOKED", keyset.JOSE, true)
	expired.NotAfter = now.Add(-time.Second)
	revoked.State = keyset.Revoked
	pending := key("PENDING", keyset.JOSE, false)
	pending.State = keyset.Pending
	c := config(t)
	c.Own, c.Peer, c.AlsoTo = set(t, expired, revoked), set(t, pending), []keyset.Source{set(t, pending)}
	inCall(t, c, func(call *exchange.Call) {
		for _, f := range []struct {
			do   func() ([]keyset.Key, error)
			want []string
		}{
			{call.SealingOwn, []string{"no active, valid key of ours signs", "EXPIRED (active, but ended on ", "REVOKED (revoked)"}},
			{call.SealingPeer, []string{"no active, valid key of the partner", "PENDING (pending)"}},
			{func() ([]keyset.Key, error) { return call.SealingAlso(0) }, []string{"AlsoTo[0]", "PENDING (pending)"}},
		} {
			keys, err := f.do()
			assert.Empty(t, keys)
			require.ErrorIs(t, err, envelope.ErrNoKey)
			for _, s := range f.want {
				assert.ErrorContains(t, err, s)
			}
		}
		assert.True(t, call.IsOwn("REVOKED"), "our own message come back is ours in whatever state the key is")
	})
}

func TestBudgets(t *testing.T) {
	inCall(t, config(t), func(call *exchange.Call) {
		for name, b := range map[string]struct {
			ask   func(exchange.Cost) error
			limit int
		}{
			"private-key operations": {call.PrivateOp, exchange.MaxPrivateWork},
			"verifications":          {call.Verification, exchange.MaxVerifyingWork},
		} {
			for i := range b.limit - 5 {
				require.NoError(t, b.ask(exchange.Cost(i%2)), "0 and 1 are the same")
			}
			require.NoError(t, b.ask(4))
			require.NoError(t, b.ask(100), "the last may exceed it")
			for range 3 {
				var oe *envelope.OpenError
				require.ErrorAs(t, b.ask(1), &oe)
				assert.Equal(t, envelope.TooLarge, oe.Reason)
				assert.ErrorContains(t, oe.Cause(), name)
			}
		}
		for range exchange.MaxRemoteOps {
			require.True(t, call.RemoteOp())
		}
		assert.False(t, call.RemoteOp())
		assert.False(t, call.RemoteOp())
	})
	// Each message has its own.
	inCall(t, config(t), func(call *exchange.Call) {
		assert.NoError(t, call.PrivateOp(1))
		assert.NoError(t, call.Verification(1))
		assert.True(t, call.RemoteOp())
	})
}

func TestSealRecords(t *testing.T) {
	mine, theirs, archive := newSource(own(t, "OWN")), newSource(peer(t, "PEER")), newSource(peer(t, "ARCHIVE"))
	var events []envelope.Event
	c := config(t)
	c.Own, c.Peer, c.AlsoTo = mine, theirs, []keyset.Source{mute{peer(t, "MUTE")}, archive}
	c.Observe = func(_ context.Context, e envelope.Event) { events = append(events, e) }
	x := newExchange(t, c)
	account := func(call *exchange.Call) {
		call.SealedOwn(use("OWN"))
		call.SealedPeer(use("PEER"))
		call.SealedAlso(0, use("MUTE")) // no Recorder: nobody to tell
		call.SealedAlso(1, use("ARCHIVE"))
	}

	out, err := x.Seal(t.Context(), func(call *exchange.Call) ([]byte, error) {
		account(call)
		return []byte("half a message"), io.ErrShortWrite
	})
	assert.Nil(t, out)
	require.ErrorIs(t, err, io.ErrShortWrite)
	assert.Empty(t, append(append(mine.sealed, theirs.sealed...), archive.sealed...), "nothing was sealed")
	require.Len(t, events, 1)
	assert.Equal(t, "seal", events[0].Op)
	assert.ErrorIs(t, events[0].Err, io.ErrShortWrite)
	assert.Empty(t, events[0].Keys)
	assert.Zero(t, events[0].Size)

	out, err = x.Seal(t.Context(), func(call *exchange.Call) ([]byte, error) { account(call); return []byte("sealed"), nil })
	require.NoError(t, err)
	assert.Equal(t, "sealed", string(out))
	assert.Equal(t, []keyset.ID{"OWN"}, mine.sealed)
	assert.Equal(t, []keyset.ID{"PEER"}, theirs.sealed)
	assert.Equal(t, []keyset.ID{"ARCHIVE"}, archive.sealed)
	assert.Equal(t, []time.Time{now}, mine.times, "by the clock of the envelope")
	require.Len(t, events, 2)
	e := events[1]
	assert.Equal(t, keyset.JOSE, e.Format)
	assert.EqualValues(t, len("sealed"), e.Size)
	assert.Equal(t, []envelope.KeyUse{use("OWN"), use("PEER"), use("MUTE"), use("ARCHIVE")}, e.Keys)
	assert.NoError(t, e.Err)
	assert.Positive(t, e.Elapsed)
}

func TestOpenRecords(t *testing.T) {
	mine, theirs := newSource(own(t, "OWN")), newSource(peer(t, "PEER", "SECOND"))
	var events []envelope.Event
	c := config(t)
	c.Own, c.Peer = mine, theirs
	c.Observe = func(_ context.Context, e envelope.Event) { events = append(events, e) }
	clock := now
	c.Now = func() time.Time { clock = clock.Add(time.Second); return clock }
	x := newExchange(t, c)

	m, err := x.Open(t.Context(), 99, func(*exchange.Call) (*envelope.Message, error) {
		return &envelope.Message{Payload: []byte("paid"), Decrypter: use("OWN")}, nil
	})
	require.NoError(t, err)
	assert.Empty(t, mine.opened, "a message that nobody signed is evidence of nothing")
	assert.Equal(t, []keyset.ID{"OWN"}, mine.bare, "and shows that the key is in use")
	assert.Empty(t, theirs.bare)
	assert.Empty(t, m.Waived)
	assert.Equal(t, now.Add(2*time.Second), m.Opened, "when Open finished")

	m, err = x.Open(t.Context(), 99, func(*exchange.Call) (*envelope.Message, error) {
		return &envelope.Message{Decrypter: use("OWN"), Signers: []envelope.KeyUse{use("PEER"), use("SECOND"), use("PEER")}, Ignored: []envelope.KeyUse{use("THIRD")}}, nil
	})
	require.NoError(t, err)
	assert.Equal(t, keyset.JOSE, m.SealedAs)
	assert.Equal(t, []keyset.ID{"OWN"}, mine.opened)
	assert.Equal(t, []keyset.ID{"PEER", "SECOND"}, theirs.opened, "once a message, however often it signed")
	assert.Equal(t, []time.Time{now.Add(3 * time.Second)}, mine.times, "when the call began")

	m, err = x.Open(t.Context(), 99, func(*exchange.Call) (*envelope.Message, error) {
		return &envelope.Message{Payload: []byte("secret"), Decrypter: use("OWN"), Signers: []envelope.KeyUse{use("PEER")}}, envelope.Reject(envelope.Corrupt, nil)
	})
	require.ErrorIs(t, err, envelope.ErrRejected)
	assert.Nil(t, m, "a Message beside an error")
	assert.Len(t, mine.opened, 1)

	require.Len(t, events, 3)
	for _, e := range events {
		assert.Equal(t, "open", e.Op)
		assert.EqualValues(t, 99, e.Size, "of the message, also when it was rejected")
		assert.Positive(t, e.Elapsed)
	}
	assert.Equal(t, []envelope.KeyUse{use("OWN")}, events[0].Keys)
	assert.Len(t, events[1].Keys, 4)
	assert.Empty(t, events[2].Keys)
	assert.ErrorIs(t, events[2].Err, envelope.ErrRejected)
}

// Where the transport says who the partner is, a waiver makes evidence of a message
// without a signature, and the message says so.
func TestUnsignedEvidence(t *testing.T) {
	mine := newSource(own(t, "OWN"))
	c := config(t)
	c.Own, c.Evidence = mine, "jwe.InsecureUnsignedEvidence"
	c.Waive = []envelope.Waiver{envelope.NewWaiver(c.Evidence, "mutual TLS")}
	var events []envelope.Event
	c.Observe = func(_ context.Context, e envelope.Event) { events = append(events, e) }
	m, err := newExchange(t, c, c.Evidence).Open(t.Context(), 1, func(*exchange.Call) (*envelope.Message, error) {
		return &envelope.Message{Decrypter: use("OWN")}, nil
	})
	require.NoError(t, err)
	assert.Equal(t, []keyset.ID{"OWN"}, mine.opened)
	assert.Empty(t, mine.bare)
	assert.Equal(t, c.Waive, m.Waived)
	assert.Equal(t, c.Waive, events[0].Waived)
}

// Sources need not record.
func TestOpenWithoutRecorders(t *testing.T) {
	c := config(t)
	c.Own, c.Peer = mute{own(t, "OWN")}, mute{peer(t, "PEER")}
	_, err := newExchange(t, c).Open(t.Context(), 1, func(*exchange.Call) (*envelope.Message, error) {
		return &envelope.Message{Decrypter: use("OWN"), Signers: []envelope.KeyUse{use("PEER")}}, nil
	})
	assert.NoError(t, err)
}

func TestContextDone(t *testing.T) {
	var events []envelope.Event
	type traceKey struct{}
	mine := newSource(own(t, "OWN"))
	c := config(t)
	c.Own = mine
	c.Observe = func(ctx context.Context, e envelope.Event) {
		assert.Equal(t, "trace 7", ctx.Value(traceKey{}))
		events = append(events, e)
	}
	x := newExchange(t, c)
	loads := mine.loads.Load()
	stopped := errors.New("the program stops")
	ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), traceKey{}, "trace 7"))
	cancel(stopped)

	out, err := x.Seal(ctx, func(*exchange.Call) ([]byte, error) { t.Error("called"); return []byte("sealed"), nil })
	assert.Nil(t, out)
	assert.ErrorIs(t, err, stopped)
	m, err := x.Open(ctx, 7, func(*exchange.Call) (*envelope.Message, error) { t.Error("called"); return &envelope.Message{}, nil })
	assert.Nil(t, m)
	assert.ErrorIs(t, err, stopped)
	assert.NotErrorIs(t, err, envelope.ErrRejected)

	require.Len(t, events, 2)
	assert.ErrorIs(t, events[0].Err, stopped)
	assert.ErrorIs(t, events[1].Err, stopped)
	assert.EqualValues(t, 7, events[1].Size)
	assert.Equal(t, loads, mine.loads.Load(), "no key is asked for")

	plain, cancelPlain := context.WithCancel(context.WithValue(t.Context(), traceKey{}, "trace 7"))
	cancelPlain()
	_, err = x.Open(plain, 0, nil)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestContextOfTheCall(t *testing.T) {
	c := config(t)
	c.MaxAge = time.Hour
	inCall(t, c, func(call *exchange.Call) {
		assert.Equal(t, t.Context(), call.Context())
		assert.Equal(t, time.Hour, call.MaxAge())
	})
}

func TestWaiversAreReportedOnlyIfUsed(t *testing.T) {
	unsigned, sha1 := envelope.NewWaiver("pgp.InsecureUnsigned", "batch"), envelope.NewWaiver("pgp.InsecureSHA1Certificates", "old HSM")
	var events []envelope.Event
	c := config(t)
	c.Waive = []envelope.Waiver{unsigned, sha1}
	c.Observe = func(_ context.Context, e envelope.Event) { events = append(events, e) }
	x := newExchange(t, c, unsigned.Name(), sha1.Name())
	open := func(names ...string) (*envelope.Message, envelope.Event) {
		m, err := x.Open(t.Context(), 0, func(call *exchange.Call) (*envelope.Message, error) {
			for _, n := range names {
				assert.True(t, call.Waive(n))
			}
			return &envelope.Message{}, nil
		})
		require.NoError(t, err)
		return m, events[len(events)-1]
	}
	m, e := open()
	assert.Empty(t, m.Waived)
	assert.Empty(t, e.Waived)
	m, e = open(sha1.Name(), sha1.Name())
	assert.Equal(t, []envelope.Waiver{sha1}, m.Waived, "once, with its reason")
	assert.Equal(t, m.Waived, e.Waived)
	m, _ = open(sha1.Name(), unsigned.Name())
	assert.Equal(t, []envelope.Waiver{sha1, unsigned}, m.Waived)

	_, err := x.Open(t.Context(), 0, func(call *exchange.Call) (*envelope.Message, error) {
		assert.True(t, call.Waive(unsigned.Name()))
		assert.False(t, call.Waive("pgp.InsecureOther"), "not in force")
		assert.True(t, x.Waived(sha1.Name()), "asked without using it")
		return nil, envelope.Reject(envelope.Corrupt, nil)
	})
	require.Error(t, err)
	assert.Equal(t, []envelope.Waiver{unsigned}, events[len(events)-1].Waived, "of a rejected message too")

	_, err = x.Seal(t.Context(), func(call *exchange.Call) ([]byte, error) { call.Waive(sha1.Name()); return nil, nil })
	require.NoError(t, err)
	assert.Equal(t, []envelope.Waiver{sha1}, events[len(events)-1].Waived)
}

func TestUse(t *testing.T) {
	k := key("A", keyset.JOSE, true)
	k.State = keyset.Retiring
	assert.Equal(t, envelope.KeyUse{ID: "A", Own: true, Use: keyset.Encryption, State: keyset.Retiring, Algorithm: "ECDH-ES"},
		exchange.Use(k, true, keyset.Encryption, "ECDH-ES"))
}

// A call that takes long looks once more, before it lets anything out.
func TestReload(t *testing.T) {
	mine, theirs, archive := newSource(own(t, "OWN")), newSource(peer(t, "PEER")), newSource(peer(t, "ARCHIVE"))
	c := config(t)
	c.Own, c.Peer, c.AlsoTo = mine, theirs, []keyset.Source{archive}
	clock := now
	c.Now = func() time.Time { clock = clock.Add(time.Minute); return clock }
	inCall(t, c, func(call *exchange.Call) {
		began := call.At
		mine.set.Store(own(t, "OWN-2"))
		theirs.set.Store(peer(t, "PEER-2"))
		archive.set.Store(peer(t, "ARCHIVE-2"))
		require.NoError(t, call.Reload())
		assert.Same(t, mine.set.Load(), call.Own)
		assert.Same(t, theirs.set.Load(), call.Peer)
		assert.Equal(t, []*keyset.Set{archive.set.Load()}, call.AlsoTo)
		assert.Equal(t, began.Add(time.Minute), call.At)

		for want, s := range map[string]*source{"Own loads no set": mine, "Peer loads no set": theirs, "AlsoTo[0] loads no set": archive} {
			good := s.set.Swap(nil)
			assert.EqualError(t, call.Reload(), want)
			s.set.Store(good)
		}
	})
}

// The size of what was streamed is known only in the end.
func TestSized(t *testing.T) {
	var events []envelope.Event
	c := config(t)
	c.Observe = func(_ context.Context, e envelope.Event) { events = append(events, e) }
	x := newExchange(t, c)
	_, err := x.Seal(t.Context(), func(call *exchange.Call) ([]byte, error) { call.Sized(1 << 40); return nil, nil })
	require.NoError(t, err)
	_, err = x.Open(t.Context(), 0, func(call *exchange.Call) (*envelope.Message, error) {
		call.Sized(1 << 41)
		return nil, envelope.Reject(envelope.Corrupt, nil)
	})
	require.Error(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, int64(1)<<40, events[0].Size)
	assert.Equal(t, int64(1)<<41, events[1].Size)
}
