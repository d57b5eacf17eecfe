package sealedhttp

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/examples/follow"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Start returns a handler under the keys of own.json and peer.json, and follows both until
// ctx ends. The key files lie beside them.
func Start(ctx context.Context, keys *os.Root, log *slog.Logger, answer func(context.Context, *envelope.Message) []byte) (http.Handler, error) {
	var own, peer keyset.Ring
	for name, ring := range map[string]*keyset.Ring{"own.json": &own, "peer.json": &peer} {
		if err := follow.Follow(ctx, ring, keys, name, log); err != nil {
			return nil, err
		}
	}
	env, err := pgp.New(pgp.Config{Own: &own, Peer: &peer, MaxAge: 5 * time.Minute, Observe: envelope.LogTo(log)})
	if err != nil {
		return nil, err
	}
	return Handler(env, answer), nil
}
