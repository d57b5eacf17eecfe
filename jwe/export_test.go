package jwe

import (
	"context"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
)

// OpenSigned judges a JWS that is in no JWE, as vectors have it.
func OpenSigned(ctx context.Context, e *Envelope, jws []byte) (*envelope.Message, error) {
	return e.x.Open(ctx, int64(len(jws)), func(c *exchange.Call) (*envelope.Message, error) {
		m := &envelope.Message{}
		return m, e.openSigned(c, m, jws)
	})
}
