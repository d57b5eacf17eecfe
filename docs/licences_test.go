package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page on releases lists the licence of every module that an import of the library
// brings, and of those that only its tests need.
func TestLicences(t *testing.T) {
	if testing.Short() {
		t.Skip("go list takes seconds")
	}
	list := func(args ...string) map[string]string {
		cmd := exec.Command("go", append([]string{"list", "-f", "{{with .Module}}{{.Path}} {{.Dir}}{{end}}", "-deps"}, args...)...)
		cmd.Env = append(os.Environ(), "GOFLAGS=") // -json, which .ci/run sets, is not for this
		out, err := cmd.Output()
		require.NoError(t, err)
		modules := map[string]string{}
		for line := range strings.Lines(string(out)) {
			if path, dir, ok := strings.Cut(strings.TrimSpace(line), " "); ok && path != "github.com/sealwax/sealwax" {
				modules[path] = dir
			}
		}
		return modules
	}
	library, all := list("./envelope", "./keyset", "./pgp", "./jwe"), list("-test", "./...")
	page := text(t, "docs/releases.md")
	for path, dir := range all {
		in := "tests, examples"
		if library[path] != "" {
			in = "the library"
		}
		assert.Contains(t, page, "| `"+path+"` | "+licence(t, dir)+" | "+in+" |")
	}
	assert.Equal(t, len(all), strings.Count(page, " | tests, examples |")+strings.Count(page, " | the library |"))
}

// licence says by its words which licence a module has.
func licence(t *testing.T, dir string) string {
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		for words, name := range map[string]string{
			"Redistribution and use in source and binary forms":      "BSD-3-Clause",
			"Apache License\n                           Version 2.0": "Apache-2.0",
			"Permission is hereby granted, free of charge":           "MIT",
		} {
			if strings.Contains(strings.ReplaceAll(string(raw), "\r", ""), words) {
				return name
			}
		}
	}
	return "unknown"
}
