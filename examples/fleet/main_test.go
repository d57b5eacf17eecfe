package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFleet(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), t.TempDir(), &out))
	for _, step := range []string{"add ours-2", "proves", "promote ours-2", "retire ours-1", "remove ours-1",
		"replica 1 is restarted", "replica 2 is restarted", "replica 3 is restarted"} {
		assert.Contains(t, out.String(), step)
	}
}
