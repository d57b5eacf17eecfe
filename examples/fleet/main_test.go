package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The whole example: what it prints at the end is what it promises.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	program := filepath.Join(t.TempDir(), "fleet")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for name, args := range map[string][]string{"a folder": {"-plain"}, "etcd and Valkey": nil} {
		t.Run(name, func(t *testing.T) {
			if len(args) == 0 {
				needs(t, "etcd")
				needs(t, "valkey-server", "redis-server")
			}
			out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			assert.Regexp(t, `^requests [1-9]\d{2,}, failed 0, replayed [1-9]\d+, replays accepted 0, steps refused because a replica lagged: [1-9]\d*$`, lines[len(lines)-1])
			assert.Contains(t, string(out), `replica "replica-2" is silent since`)
			assert.Equal(t, 4, strings.Count(string(out), "\n  remove "), "all four keys are replaced")
		})
	}
}

// needs skips the test if none of the programs is installed, unless they must be.
func needs(t *testing.T, programs ...string) {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			return
		}
	}
	if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
		t.Fatalf("%s is not installed", programs[0])
	}
	t.Skipf("%s is not installed", programs[0])
}
