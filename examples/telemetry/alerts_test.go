package telemetry_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/examples/telemetry"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// promtool runs the checker of Prometheus, and returns what it prints.
func promtool(t *testing.T, stdin string, args ...string) string {
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
			t.Fatal("SEALWAX_REQUIRE_PEERS is set, and there is no promtool")
		}
		t.Skip("peer is missing: promtool is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestAlertsAreRules(t *testing.T) {
	assert.Contains(t, promtool(t, "", "check", "rules", "alerts.yml"), "SUCCESS")
}

// alerts_test.yml says which alert fires when, and which does not.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	assert.Contains(t, promtool(t, "", "test", "rules", "alerts_test.yml"), "SUCCESS")
}

// Every alert fires in alerts_test.yml.
func TestEveryAlertIsTested(t *testing.T) {
	rules, err := os.ReadFile("alerts.yml")
	require.NoError(t, err)
	tests, err := os.ReadFile("alerts_test.yml")
	require.NoError(t, err)
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	require.NotEmpty(t, alerts)
	for _, a := range alerts {
		assert.Regexp(t, `alertname: `+a[1]+`\n +exp_alerts:\n +- exp_labels`, string(tests))
	}
}

// The queries of the dashboard are ones that Prometheus understands.
func TestQueriesParse(t *testing.T) {
	var b strings.Builder
	b.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for n, e := range expressions(t) {
		fmt.Fprintf(&b, "  - record: q%d\n    expr: '%s'\n", n, e)
	}
	file := filepath.Join(t.TempDir(), "queries.yml")
	require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	assert.Contains(t, promtool(t, "", "check", "rules", file), "SUCCESS")
}

// everything is a program in which every metric has a value.
func everything(t *testing.T) string {
	m := newMonitor(t, nil)
	ending, err := pgp.GenerateKey("Bank", pgp.Curve25519, 30*24*time.Hour)
	require.NoError(t, err)
	own := ring(t, active(ending))
	next := own.Load().Manifest()
	next.Revision++
	next.Keys = append(next.Keys, keyset.ManifestKey{ID: readyMade(t, 0).Info().ID, State: keyset.Active, Source: "file:no-such.asc"})
	refusing, err := own.Reload(t.Context(), next, pgp.OpenFile(os.DirFS(t.TempDir()), nil))
	require.NoError(t, err)
	require.Error(t, refusing.Err())
	observe, err := m.Partner(telemetry.Partner{Name: "shop", Format: keyset.OpenPGP, Own: own, Peer: own, Requirements: lead})
	require.NoError(t, err)
	observe(t.Context(), envelope.Event{Op: "open", Format: keyset.OpenPGP, Waived: []envelope.Waiver{envelope.NewWaiver("pgp.InsecureTest", "test")}})
	store := envelopetest.NewStore(t)
	require.NoError(t, keyset.Create(t.Context(), store, ring(t, active(ending)).Load().Manifest()))
	reports := stored{all: map[string]keyset.StoredReport{"eu-1": report(t, keyset.Report{Replica: "eu-1"}, false)}}
	require.NoError(t, m.Fleet(telemetry.Fleet{Manifest: "own", Store: store, Reports: reports}))
	return m.read(t)
}

func TestMetricsAreAsPrometheusWantsThem(t *testing.T) {
	assert.Empty(t, promtool(t, everything(t), "check", "metrics"))
}

var metric = regexp.MustCompile(`\bsealwax_\w+`)

// Whatever the alerts and the dashboard name is there, with the labels that they name; and
// the dashboard shows all that there is.
func TestNamesExist(t *testing.T) {
	text := everything(t)
	shown := map[string]bool{}
	for _, s := range series(text) {
		shown[metric.FindString(s)] = true
	}
	rules, err := os.ReadFile("alerts.yml")
	require.NoError(t, err)
	dashboard := strings.Join(expressions(t), "\n")
	for _, name := range metric.FindAllString(string(rules)+dashboard, -1) {
		assert.True(t, shown[name], "there is no %s", name)
	}
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		assert.Contains(t, dashboard, name)
	}
	for _, m := range regexp.MustCompile(`(sealwax_\w+)\{([^}]*)\}`).FindAllStringSubmatch(string(rules)+dashboard, -1) {
		for _, label := range regexp.MustCompile(`(\w+)(?:=|!=|=~|!~)"`).FindAllStringSubmatch(m[2], -1) {
			assert.Regexp(t, `(?m)^`+m[1]+`\{([^}]*,)?`+label[1]+`="`, text)
		}
	}
}
