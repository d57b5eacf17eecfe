package valkey_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelope/valkey"
	"github.com/sealwax/sealwax/envelopetest"
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

func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var all []string
	for _, p := range permissions[1:] { // the first is no permission
		all = append(all, p.(string))
	}
	assert.Contains(t, string(readme), "`"+strings.Join(all, " ")+"`")
}
