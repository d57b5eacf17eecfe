package valkey_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelope/valkey"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func TestKeepsItsPromises(t *testing.T) {
	s := newServer(t)
	envelopetest.TestReplays(t, func(t *testing.T) envelope.Replays { return newMemory(t, s.client(), fresh()) })
}

// One server is a cluster of one: what matters is that both digests, and the mark, are in
// one slot.
func TestCluster(t *testing.T) {
	s := newServer(t, "--cluster-enabled", "yes")
	s.do("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	require.Eventually(t, func() bool { return strings.Contains(s.do("CLUSTER", "INFO").(string), "cluster_state:ok") }, 10*time.Second, 10*time.Millisecond)
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.addr}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = cluster.Close() })
	envelopetest.TestReplays(t, func(t *testing.T) envelope.Replays { return newMemory(t, cluster, fresh()) })

	s.do("FLUSHALL")
	ok, err := newMemory(t, cluster, fresh()).Remember(t.Context(), sighting(digests(2)))
	require.NoError(t, err)
	require.True(t, ok)
	slots := map[any]bool{}
	keys := s.do("KEYS", "*").([]any)
	assert.GreaterOrEqual(t, len(keys), 3)
	for _, key := range keys {
		slots[s.do("CLUSTER", "KEYSLOT", key)] = true
	}
	assert.Len(t, slots, 1)
}

func digests(n int) [][32]byte {
	out := make([][32]byte, n)
	for i := range out {
		_, _ = rand.Read(out[i][:])
	}
	return out
}

// sighting is of a message made now, to the second above.
func sighting(d [][32]byte) envelope.Sighting {
	now := time.Now()
	return envelope.Sighting{Digests: d, Made: now.Add(time.Second), Until: now.Add(time.Minute)}
}

// The same message reaches many processes at once.
func TestManyProcesses(t *testing.T) {
	s := newServer(t)
	c := fresh()
	var replicas []*valkey.Memory
	for range 8 {
		replicas = append(replicas, newMemory(t, s.client(), c))
	}
	for range 20 {
		message := sighting(digests(2))
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				ok, err := replicas[i%len(replicas)].Remember(context.Background(), message)
				assert.NoError(t, err)
				if ok {
					accepted.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, accepted.Load())
	}
}

// Environments, partners, and directions know nothing of each other.
func TestNamesKeepApart(t *testing.T) {
	s := newServer(t)
	one := valkey.Config{Environment: "a", Partner: "b", Direction: "c"}
	message := sighting(digests(1))
	for i, c := range []valkey.Config{one, {Environment: "b", Partner: "b", Direction: "c"}, {Environment: "a", Partner: "a", Direction: "c"}, {Environment: "a", Partner: "b", Direction: "d"}, one} {
		ok, err := newMemory(t, s.client(), c).Remember(t.Context(), message)
		require.NoError(t, err)
		assert.Equal(t, i < 4, ok)
	}
	assert.Equal(t, int64(4), s.do("EVAL", "return #redis.call('KEYS', 'sealwax:*:since')", 0), "one mark for each")
	for _, key := range s.do("KEYS", "*").([]any) {
		assert.True(t, strings.HasPrefix(key.(string), "sealwax:{"), key)
	}

	for field, c := range map[string]valkey.Config{
		"Environment": {Partner: "b", Direction: "c"},
		"Partner":     {Environment: "a", Direction: "c"},
		"Direction":   {Environment: "a", Partner: "b"},
		`"a:b"`:       {Environment: "a:b", Partner: "b", Direction: "c"},
		`"}"`:         {Environment: "a", Partner: "}", Direction: "c"},
		`"c\n"`:       {Environment: "a", Partner: "b", Direction: "c\n"},
		"Timeout":     {Environment: "a", Partner: "b", Direction: "c", Timeout: -1},
		"64":          {Environment: strings.Repeat("a", 65), Partner: "b", Direction: "c"},
	} {
		_, err := valkey.New(t.Context(), s.client(), c)
		assert.ErrorContains(t, err, field)
	}
}

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

// permissions are those that the README lists.
var permissions = []any{"resetchannels", "~sealwax:*", "+script|load", "+evalsha", "+eval", "+time", "+info", "+get", "+set"}

func TestPermissions(t *testing.T) {
	s := newServer(t)
	s.do(append([]any{"ACL", "SETUSER", "sealwax", "on", ">secret"}, permissions...)...)
	user := func() *redis.Client {
		return clientOf(t, &redis.Options{Addr: s.addr, Username: "sealwax", Password: "secret"})
	}
	m := newMemory(t, user(), fresh())
	for range 2 {
		ok, err := m.Remember(t.Context(), sighting(digests(2)))
		require.NoError(t, err)
		assert.True(t, ok)
		s.do("SCRIPT", "FLUSH")
	}
	for _, without := range permissions[2:] {
		if without == "+eval" { // needed only after a restart
			continue
		}
		s.do("ACL", "SETUSER", "sealwax", "-"+without.(string)[1:])
		_, err := valkey.New(t.Context(), user(), fresh())
		assert.Error(t, err, without)
		assert.NotContains(t, fmt.Sprint(err), "secret")
		s.do("ACL", "SETUSER", "sealwax", without)
	}
}

func TestClientsThatDoNotDo(t *testing.T) {
	s := newServer(t)
	plain := redis.NewClient(&redis.Options{Addr: s.addr})
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.addr}})
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": s.addr}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _, _, _ = plain.Close(), cluster.Close(), ring.Close() })
	for want, client := range map[string]redis.UniversalClient{
		"set ContextTimeoutEnabled":   plain,
		"ContextTimeoutEnabled in":    cluster,
		"the client is a *redis.Ring": ring,
		"the client is a <nil>":       nil,
		"the client is nil":           (*redis.Client)(nil),
	} {
		_, err := valkey.New(t.Context(), client, fresh())
		assert.ErrorContains(t, err, want)
	}
}

// BenchmarkRemember is one message with one signature, and BenchmarkPing the round trip
// without it.
func BenchmarkRemember(b *testing.B) {
	s := newServer(b)
	m := newMemory(b, s.client(), fresh())
	for b.Loop() {
		if ok, err := m.Remember(b.Context(), sighting(digests(1))); !ok {
			b.Fatal(err)
		}
	}
}

func BenchmarkPing(b *testing.B) {
	c := newServer(b).client()
	for b.Loop() {
		if err := c.Ping(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSize prints how many bytes of the server one digest takes.
func BenchmarkSize(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		s := newServer(b)
		m := newMemory(b, s.client(), fresh())
		used := func() int64 {
			var bytes int64
			_, err := fmt.Sscanf(s.do("INFO", "memory").(string)[len("# Memory\r\n"):], "used_memory:%d", &bytes)
			require.NoError(b, err)
			return bytes
		}
		before := used()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range n / 20 {
					_, err := m.Remember(context.Background(), sighting(digests(1)))
					assert.NoError(b, err)
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(used()-before)/n, "B/digest")
	}
}

func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var all []string
	for _, p := range permissions[1:] { // the first is no permission
		all = append(all, p.(string))
	}
	assert.Contains(t, string(readme), "`"+strings.Join(all, " ")+"`")
}
