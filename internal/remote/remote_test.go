package remote_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

func TestOutage(t *testing.T) {
	deadline := errors.New("the caller has gone")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(deadline)
	refused := errors.New("connection refused")

	err := remote.Outage(t.Context(), "A", refused)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	assert.ErrorIs(t, err, refused)
	assert.NotErrorIs(t, err, envelope.ErrRejected)
	assert.ErrorContains(t, err, "remote key A: ")

	said := fmt.Errorf("503: %w", keyset.ErrUnavailable)
	assert.EqualError(t, remote.Outage(t.Context(), "A", said), "remote key A: "+said.Error(), "it is said once")

	assert.Equal(t, deadline, remote.Outage(ended, "A", refused), "the end of a call is no outage")
}
