package enginetest_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// The command builds, and go vet finds nothing in it.
func TestBuilds(t *testing.T) {
	name := filepath.Join(t.TempDir(), "engine")
	for _, args := range [][]string{{"build", "-tags", "engine", "-o", name, "./engine"}, {"vet", "-tags", "engine", "./engine"}} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(cmd.Environ(), "GOFLAGS=-buildvcs=false") // without -race: what the tests of package vault build
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
}
