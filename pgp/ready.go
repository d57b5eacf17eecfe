package pgp

import (
	"context"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
)

// Ready implements [envelope.Readier].
func (e *Envelope) Ready(ctx context.Context) ([]envelope.KeyUse, error) {
	return e.x.Ready(ctx, func(c *exchange.Call) error {
		signers, recipients, err := e.parties(c)
		if err != nil {
			return fmt.Errorf("pgp: ready: %w", err)
		}
		all, err := e.begin(c, signers, recipients)
		if err != nil {
			return fmt.Errorf("pgp: ready: %w", err)
		}
		for _, s := range all {
			u := s.keyUse()
			u.Time = time.Time{} // nothing was signed
			c.SealedOwn(u)
		}
		return nil
	})
}
