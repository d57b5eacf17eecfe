package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInteroperability shows that what is compared is the same work: a message of
// each opens in every other. The limit opens only its own.
func TestInteroperability(t *testing.T) {
	for _, p := range profiles() {
		t.Run(p.id, func(t *testing.T) {
			for _, size := range []int{1, 1 << 10, 16<<10 + 3, 300<<10 + 1, 1 << 20} {
				all, err := p.build(size)
				require.NoError(t, err)
				require.Len(t, all, 2+len(p.peers))
				want := payload(size)
				for _, from := range all {
					sealed, err := from.seal(want)
					require.NoError(t, err, "%s seals %d", from.name, size)
					sealed = bytes.Clone(sealed)
					for _, to := range all {
						if to.name == limit && from.name != limit {
							continue
						}
						got, err := to.open(sealed)
						if assert.NoError(t, err, "%s opens %d of %s", to.name, size, from.name) {
							assert.True(t, bytes.Equal(want, got), "%s opens %d of %s", to.name, size, from.name)
						}
					}
				}
			}
		})
	}
}
