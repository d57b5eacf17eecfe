package valkey_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelope/valkey"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A conversation is two parties, of which ours remembers.
type conversation struct {
	t        testing.TB
	own      [2]*keyset.Set
	from, to *jwe.Envelope
}

func converse(t testing.TB, r envelope.Replays) conversation {
	c := conversation{t: t}
	for i := range c.own {
		var keys []keyset.Key
		for _, alg := range []jwe.Algorithm{jwe.ES256, jwe.ECDHESA256KW} {
			k, err := jwe.GenerateKey("", alg)
			require.NoError(t, err)
			keys = append(keys, keyset.Key{Material: k, State: keyset.Active})
		}
		var err error
		c.own[i], err = keyset.New(1, keys...)
		require.NoError(t, err)
	}
	var err error
	c.from, err = jwe.New(jwe.Config{Own: c.own[0], Peer: c.own[1].Public()})
	require.NoError(t, err)
	return c.with(r)
}

// with is the conversation with another memory.
func (c conversation) with(r envelope.Replays) conversation {
	var err error
	c.to, err = jwe.New(jwe.Config{Own: c.own[1], Peer: c.own[0].Public(), MaxAge: time.Minute, Replays: r})
	require.NoError(c.t, err)
	return c
}

func (c conversation) seal() []byte {
	sealed, err := c.from.Seal(context.Background(), []byte("pay"))
	require.NoError(c.t, err)
	return sealed
}

// opens opens what was sealed after the memory began.
func (c conversation) opens(sealed []byte) {
	c.t.Helper()
	m, err := c.to.Open(context.Background(), sealed)
	require.NoError(c.t, err, "%v", errors.Unwrap(err))
	assert.Equal(c.t, "pay", string(m.Payload))
}

func (c conversation) replayed(sealed []byte) {
	c.t.Helper()
	_, err := c.to.Open(context.Background(), sealed)
	oe, ok := errors.AsType[*envelope.OpenError](err)
	require.True(c.t, ok, "%v", err)
	assert.Equal(c.t, envelope.Replayed, oe.Reason)
}

// outage requires that the message is not accepted, and not rejected.
func (c conversation) outage(sealed []byte) error {
	c.t.Helper()
	m, err := c.to.Open(context.Background(), sealed)
	assert.Nil(c.t, m)
	assert.ErrorIs(c.t, err, keyset.ErrUnavailable)
	assert.NotErrorIs(c.t, err, envelope.ErrRejected)
	return err
}

// nextSecond waits: the dates of messages are in seconds, and those of the second in
// which a memory began may be from before.
func nextSecond() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1100 * time.Millisecond)))
}

// A server that lost what it knew says so, however it lost it, and the next message is
// served.
func TestAServerThatForgot(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, s *server){
		"killed, and started empty": func(t *testing.T, s *server) { s.kill(); s.start() },
		"flushed":                   func(t *testing.T, s *server) { s.do("FLUSHALL") },
		"the mark is gone": func(t *testing.T, s *server) {
			for _, key := range s.do("KEYS", "*").([]any) {
				s.do("DEL", key)
			}
		},
		"the mark is damaged": func(t *testing.T, s *server) {
			for _, key := range s.do("KEYS", "*").([]any) {
				if strings.HasSuffix(key.(string), ":since") {
					s.do("SET", key, "x 1")
				} else {
					s.do("DEL", key)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := converse(t, newMemory(t, s.client(), fresh()))
			nextSecond()
			first, waiting := c.seal(), c.seal()
			c.opens(first)
			c.replayed(first)
			lose(t, s)
			for range 3 {
				assert.ErrorIs(t, c.outage(first), envelope.ErrForgotten, "no replay is accepted")
				assert.ErrorIs(t, c.outage(waiting), envelope.ErrForgotten, "nor what might be one")
			}
			nextSecond()
			again := c.seal()
			c.opens(again)
			c.replayed(again)
			c.outage(first)
		})
	}
}

// A snapshot that is older than what was written last has the mark, and not the digests.
func TestAServerThatForgotTheLastSeconds(t *testing.T) {
	s := newServer(t)
	c := converse(t, newMemory(t, s.client(), fresh()))
	nextSecond()
	early, late := c.seal(), c.seal()
	c.opens(early)
	s.do("SAVE")
	c.opens(late)
	s.kill()
	s.start()
	require.Equal(t, int64(1), s.do("EVAL", "return #redis.call('KEYS', 'sealwax:*:since')", 0), "the snapshot was read")
	assert.ErrorIs(t, c.outage(late), envelope.ErrForgotten)
	c.replayed(early) // what it does know needs no history
	nextSecond()
	c.opens(c.seal())
}

// A replica that takes over lacks what was not replicated yet.
func TestFailover(t *testing.T) {
	first := newServer(t)
	second := newServer(t)
	host, port, _ := strings.Cut(first.addr, ":")
	config := fresh()
	c := converse(t, newMemory(t, first.client(), config))
	second.do("REPLICAOF", host, port)
	require.Eventually(t, func() bool {
		return strings.Contains(second.do("INFO", "replication").(string), "master_link_status:up")
	},
		20*time.Second, 20*time.Millisecond)
	nextSecond()
	early, late := c.seal(), c.seal()
	c.opens(early)
	require.Eventually(t, func() bool { return second.do("DBSIZE") == first.do("DBSIZE") }, 10*time.Second, 10*time.Millisecond)

	_, err := valkey.New(t.Context(), second.client(), config)
	assert.ErrorContains(t, err, "READONLY", "a replica remembers nothing")

	second.do("CONFIG", "SET", "masterauth", "wrong") // no more is replicated
	second.do("CLIENT", "KILL", "TYPE", "master")
	first.do("CLIENT", "KILL", "TYPE", "replica")
	first.do("CONFIG", "SET", "requirepass", "wrong too")
	lost := clientOf(t, &redis.Options{Addr: first.addr, Password: "wrong too"})
	c = c.with(newMemory(t, lost, config))
	c.opens(late)
	first.kill()
	second.do("REPLICAOF", "NO", "ONE")

	c = c.with(newMemory(t, second.client(), config))
	assert.ErrorIs(t, c.outage(late), envelope.ErrForgotten, "the new master has not heard of it")
	c.replayed(early)
	nextSecond()
	next := c.seal()
	c.opens(next)
	c.replayed(next)
}

// A server that is down, or hangs, is an outage within the deadline.
func TestDownAndHanging(t *testing.T) {
	s := newServer(t)
	config := fresh()
	config.Timeout = 300 * time.Millisecond
	m := newMemory(t, s.client(), config)
	c := converse(t, m)
	nextSecond()
	sealed := c.seal()

	s.signal(syscall.SIGSTOP)
	for name, timeout := range map[string]time.Duration{"the deadline of the context": 100 * time.Millisecond, "its own": time.Minute} {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		began := time.Now()
		ok, err := m.Remember(ctx, sighting(digests(1)))
		cancel()
		assert.False(t, ok, name)
		assert.Error(t, err, name)
		assert.Less(t, time.Since(began), time.Second, name)
	}
	c.outage(sealed)
	s.signal(syscall.SIGCONT)
	s.kill()
	began := time.Now()
	c.outage(c.seal())
	assert.Less(t, time.Since(began), time.Second)
	_, err := valkey.New(t.Context(), s.client(), config)
	assert.Error(t, err)
}

// An answer that is lost on its way makes no replay of a message: the client asks again.
func TestALostAnswer(t *testing.T) {
	s := newServer(t)
	k := newLink(t, s.addr)
	m := newMemory(t, clientOf(t, &redis.Options{Addr: k.Addr().String(), MaxRetries: 3}), fresh())
	message := sighting(digests(2))
	k.loseNext(2)
	ok, err := m.Remember(t.Context(), message)
	require.NoError(t, err)
	assert.True(t, ok)
	ok, err = m.Remember(t.Context(), message)
	require.NoError(t, err)
	assert.False(t, ok)

	// Without another try, it is an outage, and the message may have been entered.
	m = newMemory(t, clientOf(t, &redis.Options{Addr: k.Addr().String(), MaxRetries: -1}), fresh())
	k.loseNext(1)
	ok, err = m.Remember(t.Context(), message)
	assert.Error(t, err)
	assert.False(t, ok)
}

// A server that may evict what it is to remember is refused: at the start, and wherever a
// memory begins anew.
func TestEviction(t *testing.T) {
	for _, policy := range []string{"allkeys-lru", "allkeys-random", "volatile-ttl", "volatile-lfu"} {
		s := newServer(t, "--maxmemory", "100mb", "--maxmemory-policy", policy)
		_, err := valkey.New(t.Context(), s.client(), fresh())
		assert.ErrorContains(t, err, policy)
		assert.Equal(t, int64(0), s.do("DBSIZE"))
	}
	unlimited := newServer(t, "--maxmemory-policy", "allkeys-lru")
	m := newMemory(t, unlimited.client(), fresh())
	ok, err := m.Remember(t.Context(), sighting(digests(1)))
	assert.NoError(t, err)
	assert.True(t, ok)
	unlimited.do("CONFIG", "SET", "maxmemory", "100mb") // as the server that takes over may have it
	unlimited.do("FLUSHALL")
	_, err = m.Remember(t.Context(), sighting(digests(1)))
	assert.ErrorContains(t, err, "allkeys-lru")
}

// A server without room refuses, and enters no part of a message.
func TestFull(t *testing.T) {
	s := newServer(t)
	m := newMemory(t, s.client(), fresh())
	ok, err := m.Remember(t.Context(), sighting(digests(1)))
	require.NoError(t, err)
	require.True(t, ok)
	s.do("CONFIG", "SET", "maxmemory", "1mb")
	before := s.do("DBSIZE")
	message := sighting(digests(2))
	ok, err = m.Remember(t.Context(), message)
	assert.False(t, ok)
	assert.ErrorIs(t, err, envelope.ErrFull)
	assert.Equal(t, before, s.do("DBSIZE"))
	s.do("CONFIG", "SET", "maxmemory", "0")
	ok, err = m.Remember(t.Context(), message)
	assert.NoError(t, err)
	assert.True(t, ok)
}
