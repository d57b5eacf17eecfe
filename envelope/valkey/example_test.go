package valkey_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope/valkey"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Orders returns what every replica of a server opens the orders of Acme with. A server
// has one client for all partners, and a memory for each.
func Orders(ctx context.Context, client redis.UniversalClient, own, peer keyset.Source) (*jwe.Envelope, error) {
	memory, err := valkey.New(ctx, client, valkey.Config{Environment: "production", Partner: "acme", Direction: "orders"})
	if err != nil {
		return nil, err
	}
	return jwe.New(jwe.Config{Own: own, Peer: peer, MaxAge: 5 * time.Minute, Replays: memory})
}

func ExampleNew() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                 []string{"valkey-0:6379", "valkey-1:6379", "valkey-2:6379"},
		ContextTimeoutEnabled: true, // required
	})
	defer client.Close()
	_ = Orders // (ctx, client, own, peer)
}

func TestExample(t *testing.T) {
	s := newServer(t)
	c := converse(t, newMemory(t, s.client(), fresh()))
	var err error
	c.to, err = Orders(t.Context(), s.client(), c.own[1], c.own[0].Public())
	require.NoError(t, err)
	nextSecond()
	sealed := c.seal()
	c.opens(sealed)
	c.to, err = Orders(t.Context(), s.client(), c.own[1], c.own[0].Public())
	require.NoError(t, err)
	c.replayed(sealed)
	assert.NotEmpty(t, s.do("KEYS", "sealwax:{production:acme:orders}:*"))
}
