package keyset_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// The package documentation shows the table that decides.
func TestDocumentationShowsTheRules(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	assert.Contains(t, string(text), keyset.RuleTable())
	assert.Contains(t, string(text), keyset.StepTable())
}
