package localkms_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// The server that is pinned here builds.
func TestBuilds(t *testing.T) {
	name := filepath.Join(t.TempDir(), "local-kms")
	cmd := exec.Command("go", "build", "-o", name, "github.com/nsmithuk/local-kms")
	cmd.Env = append(cmd.Environ(), "GOFLAGS=-buildvcs=false") // without -race: what the tests of package awskms build
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
