package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/timing"
)

// What comes of a message of each kind is what its pair is about: the command ends at the
// first that comes out otherwise. Nothing is judged by its time here.
func TestEveryPairIsMeasured(t *testing.T) {
	all, err := pairs(t.Context())
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, timing.Run(t.Context(), &out, all, "-rounds", "2"))
	assert.Equal(t, 11, strings.Count(out.String(), "2 rounds"))
	assert.Error(t, timing.Run(t.Context(), io.Discard, all, "-pair", "("))
}
