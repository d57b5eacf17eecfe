package jwe

import (
	"context"
	"fmt"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
)

// Ready implements [envelope.Readier].
func (e *Envelope) Ready(ctx context.Context) ([]envelope.KeyUse, error) {
	return e.x.Ready(ctx, func(c *exchange.Call) error {
		to, by, err := e.parties(c)
		if err != nil {
			return fmt.Errorf("jwe: ready: %w", err)
		}
		layers := map[Layers][]envelope.Layer{EncryptThenSign: {envelope.Outer}, SignEncryptSign: {envelope.Inner, envelope.Outer}}[e.c.Layers]
		if layers == nil {
			layers = []envelope.Layer{envelope.Inner}
		}
		for _, layer := range layers {
			for _, s := range by {
				s.layer = layer
				c.SealedOwn(s.use())
			}
		}
		for _, a := range to {
			c.SealedPeer(a.use())
		}
		return nil
	})
}
