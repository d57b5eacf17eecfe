package docs_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nested modules demand the release of this module that is made next. In the repository
// their replace stands in for it; a user's go get ignores the replace, and has to find the
// release.
func TestModulesDemandTheRelease(t *testing.T) {
	next := regexp.MustCompile(`git tag -s (v[0-9.]+) `).FindStringSubmatch(text(t, "docs/releases.md"))
	require.NotNil(t, next)
	ours := regexp.MustCompile(`(?m)^(?:require)?\s+(` + ourModule + `\S*) (v\S+)`)
	demands := 0
	for _, path := range ending(t, "/go.mod") {
		for _, m := range ours.FindAllStringSubmatch(text(t, path), -1) {
			demands++
			assert.Equal(t, next[1], m[2], "%s: %s", path, m[1])
		}
	}
	assert.Greater(t, demands, 10)
}
