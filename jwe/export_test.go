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

// SignAround returns the JWS of a Config with layers around what may be a JWE of others.
func SignAround(ctx context.Context, e *Envelope, sealed []byte) string {
	out, err := e.x.Seal(ctx, func(c *exchange.Call) ([]byte, error) {
		_, by, err := e.parties(c)
		if err != nil {
			return nil, err
		}
		return e.signAround(c, by, sealed, newNumber())
	})
	if err != nil {
		panic(err)
	}
	return string(out)
}
