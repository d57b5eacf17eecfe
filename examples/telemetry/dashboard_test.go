package telemetry_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/telemetry"
)

var update = flag.Bool("update", false, "write dashboard.json")

// dashboard.json is what dashboard.go makes: go test -run TestDashboard -update
func TestDashboard(t *testing.T) {
	made, err := telemetry.Dashboard()
	require.NoError(t, err)
	made = append(made, '\n')
	if *update {
		require.NoError(t, os.WriteFile("dashboard.json", made, 0o644))
	}
	committed, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	assert.Equal(t, string(committed), string(made))
}

// expressions are the queries of the dashboard.
func expressions(t *testing.T) (all []string) {
	raw, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var d struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(raw, &d))
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all = append(all, q.Expr)
		}
	}
	require.NotEmpty(t, all)
	return all
}
