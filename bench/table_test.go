package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func rendered(t *testing.T, r *report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.table(&b))
	return b.String()
}

func TestTable(t *testing.T) {
	text := rendered(t, ideal())
	assert.Contains(t, text, "| PS256, RSA-OAEP-256, A256GCM | Seal: limit | sealwax | go-jose | jwx | Open: limit | sealwax | go-jose | jwx |\n|---|---|---|---|---|---|---|---|---|\n"+
		"| 1 KiB | 100.0 ns | 0.60 (0.60–0.60), 2 KiB | 2.00 (2.00–2.00), 8 KiB | 2.00 (2.00–2.00), 8 KiB | ")
	assert.Contains(t, text, "| 16 MiB, one core | 100.0 ns | ")
	assert.Contains(t, text, "| sealwax, unnamed, not used before | 8.00 (8.00–8.00) | ")
	assert.Contains(t, text, "| PGP RSA: sealwax | 1.90 (1.90–1.90) | ")
	assert.Contains(t, text, "go-crypto opens 1 KiB of v6 AEAD in 300 KiB, 300 KiB, 300 KiB")
	assert.Contains(t, text, "\n2026-11-22, 2 cores of processor, go1.26; ")

	cells := 0
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(line, "|")
		if cells != 0 {
			assert.Equal(t, cells, n, line)
		}
		cells = n
		assert.NotContains(t, line, "|  |", "an empty cell")
	}
}

func TestTableOfAPart(t *testing.T) {
	r := ideal()
	r.Results = r.Results[:1] // Seal of one size
	text := rendered(t, r)
	assert.Equal(t, 3, strings.Count(text, "\n|"), text)
	assert.NotContains(t, text, "NaN")
}

func TestTableSaysHowQuietItWas(t *testing.T) {
	r := ideal()
	assert.NotContains(t, rendered(t, r), "Other programs")
	for i := range r.Results {
		r.Results[i].Others = 0.25
	}
	assert.Contains(t, rendered(t, r), " Other programs used 25% (25%–25%) of the cores meanwhile.\n")
}

func TestSaveAndLoad(t *testing.T) {
	r := ideal()
	first, second := *r, *r
	first.Results, second.Results = r.Results[:10], r.Results[10:]
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "1"), filepath.Join(dir, "2")}
	require.NoError(t, first.save(names[0]))
	require.NoError(t, second.save(names[1]))
	got, err := load(names)
	require.NoError(t, err)
	assert.Equal(t, r, got)
	require.NoError(t, os.WriteFile(names[1], []byte("{"), 0o600))
	_, err = load(names)
	assert.Error(t, err)
}

// TestRun measures one case as the command does.
func TestRun(t *testing.T) {
	var out, progress bytes.Buffer
	o := options{rounds: 3, cores: 2, visit: time.Millisecond, part: regexp.MustCompile("^jwe-ec$"), size: regexp.MustCompile("^1 KiB$"), out: &out, progress: &progress}
	ok, err := o.run()
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, 2, strings.Count(progress.String(), "jwe-ec"), progress.String())
	assert.Contains(t, out.String(), "| 1 KiB | ")
	assert.Contains(t, out.String(), "of 3 rounds.")
	assert.Regexp(t, `\n\d{4}-\d\d-\d\d, \d cores of .+, go1\.\d+`, out.String())

	o.load, o.check = "nowhere", true
	_, err = o.run()
	assert.Error(t, err)
}

func TestUnits(t *testing.T) {
	for ns, want := range map[float64]string{13.72: "13.7 ns", 121_400: "121 µs", 82_398_000: "82.4 ms"} {
		assert.Equal(t, want, duration(ns))
	}
	for n, want := range map[float64]string{0: "0 B", 300: "300 B", 12 << 10: "12 KiB", 1.5 * (1 << 20): "1536 KiB", 28.4 * (1 << 20): "28.4 MiB"} {
		assert.Equal(t, want, memory(n))
	}
	for n, want := range map[int]string{1: "1 B", small: "1 KiB", medium: "16 KiB", large: "1 MiB", huge: "16 MiB"} {
		assert.Equal(t, want, sizeName(n))
	}
}
