package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// Of operators who make one manifest at once, one makes it, and the others are told.
func TestOneMakesTheManifest(t *testing.T) {
	t.Chdir(t.TempDir())
	const operators = 8
	for n := range operators {
		sealctl(t, "keygen", "-format", "jose", "-alg", "ES256", "-name", fmt.Sprint(n), "-o", fmt.Sprint(n, ".jwk"))
	}
	var all sync.WaitGroup
	var made atomic.Int64
	for n := range operators {
		all.Go(func() {
			var errs bytes.Buffer
			if Run(t.Context(), Files, []string{"rotate", "own.json", "init", fmt.Sprint(n, ".jwk")}, nil, io.Discard, &errs) == done {
				made.Add(1)
			} else {
				assert.Contains(t, errs.String(), "own.json exists")
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, made.Load())
	raw, err := os.ReadFile("own.json")
	require.NoError(t, err)
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	require.NoError(t, err)
	assert.Len(t, m.Keys, 1)
}
