// Package remote is what is alike for keys that are elsewhere, in every format.
package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/keyset"
)

// Outage returns the error of a remote key that could not be asked: one that
// wraps [keyset.ErrUnavailable], or the cause of ctx if that has ended.
func Outage(ctx context.Context, id keyset.ID, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, keyset.ErrUnavailable):
		return fmt.Errorf("remote key %s: %w", id, err)
	}
	return fmt.Errorf("remote key %s: %w: %w", id, keyset.ErrUnavailable, err)
}
