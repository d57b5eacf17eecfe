package docs_test

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Imports stand in three groups, each apart from the next: those of Go, those of others,
// ours.
func TestImportsAreGrouped(t *testing.T) {
	group := func(path string) int {
		first, _, _ := strings.Cut(path, "/")
		switch {
		case path == ourModule || strings.HasPrefix(path, ourModule+"/"):
			return 2
		case strings.Contains(first, "."):
			return 1
		}
		return 0
	}
	files := ending(t, ".go")
	for _, path := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		last, line := 0, 0
		for n, i := range file.Imports {
			if i.Path.Value == `"C"` {
				continue
			}
			this, at := group(strings.Trim(i.Path.Value, `"`)), set.Position(i.Pos()).Line
			assert.GreaterOrEqual(t, this, last, "%s:%d", path, at)
			if n > 0 && this != last {
				assert.Greater(t, at, line+1, "%s:%d", path, at)
			}
			last, line = this, at
		}
	}
	assert.Greater(t, len(files), 300)
}
