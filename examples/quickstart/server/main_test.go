package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A server without keys does not listen. With keys it is run by the session of
// docs/first-day.md.
func TestNoKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	assert.Panics(t, func() { keys(t.Context(), "gnupg", nil) })
}
