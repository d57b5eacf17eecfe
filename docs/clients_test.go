package docs_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The versions that docs/partners.md names are those that the tests run, and they are exact.
// A lock file that names no host installs from whichever registry a machine has.
func TestClientsOfPartners(t *testing.T) {
	var manifest struct{ Dependencies map[string]string }
	require.NoError(t, json.Unmarshal([]byte(text(t, filepath.Join(".ci", "clients", "package.json"))), &manifest))
	require.NotEmpty(t, manifest.Dependencies)
	for name, version := range manifest.Dependencies {
		assert.Regexp(t, `^\d+\.\d+\.\d+$`, version, name)
		assert.Contains(t, text(t, "docs/partners.md"), "its client `"+name+"` "+version+",")
	}
	for _, folder := range []string{"node", "clients"} {
		assert.NotContains(t, text(t, filepath.Join(".ci", folder, "package-lock.json")), `"resolved"`, folder)
	}
}
