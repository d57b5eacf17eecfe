package command

import (
	"bytes"
	"flag"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Everything that a command has is in its help, in the page of man, and in what completes.
func TestEverythingIsTold(t *testing.T) {
	page := sealctl(t, "man")
	fish := sealctl(t, "completion", "fish")
	for line := range strings.Lines(page) {
		if line[0] == '.' || line[0] == '\'' {
			assert.Regexp(t, `^\.(TH|SH|SS|PP|TP|B|br|nf|fi|nh)[ \n]`, line)
		}
	}
	for _, cmd := range commands() {
		help := sealctl(t, "help", cmd.name)
		lines := strings.Count(help, "\n")
		if cmd.name != "serve" { // which lists what can be wrong with an endpoint
			assert.LessOrEqual(t, lines, 60, "%s: more than a screen", cmd.name)
		}
		assert.NotContains(t, help, keyFileHelp, cmd.name)
		assert.Contains(t, sealctl(t, cmd.name, "-h"), cmd.what)
		assert.Contains(t, page, roff("sealctl "+cmd.name))
		flags := 0
		about(cmd, Files).flags.VisitAll(func(f *flag.Flag) {
			flags++
			assert.Contains(t, help, "\n  -"+f.Name, cmd.name)
			assert.Contains(t, page, ".B "+roff("-"+f.Name), cmd.name)
			assert.Contains(t, fish, "from "+cmd.name+"' -o "+f.Name+" ", cmd.name)
		})
		assert.NotZero(t, flags, cmd.name)
	}
	assert.Contains(t, sealctl(t, "help", "keys"), "RSA1_5:FILE")
	assert.Contains(t, sealctl(t, "help"), "sealctl cbom")
	assert.Equal(t, misused, Run(t.Context(), Files, []string{"help", "nothing"}, nil, io.Discard, io.Discard))
	assert.Equal(t, misused, Run(t.Context(), Files, []string{"completion", "csh"}, nil, io.Discard, io.Discard))
}

// A shell completes commands, flags, steps, and files.
func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("peer is missing: bash")
	}
	t.Chdir(t.TempDir())
	script := sealctl(t, "completion", "bash")
	assert.True(t, strings.HasSuffix(sealctl(t, "completion", "zsh"), script))
	require.Contains(t, script, "complete -o filenames -F _sealctl sealctl")
	completed := func(words ...string) []string {
		cmd := exec.CommandContext(t.Context(), bash, append([]string{"--norc", "-c", script + `
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sealctl; printf '%s\n' "${COMPREPLY[@]}"`, "bash"}, words...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		assert.Empty(t, stderr.String())
		return strings.Fields(string(out))
	}
	sealctl(t, append(makesKey, "-o", "own-2027.asc")...)
	assert.Equal(t, []string{"seal", "serve"}, completed("sealctl", "se"))
	assert.Equal(t, []string{"-own"}, completed("sealctl", "seal", "-ow"))
	assert.Equal(t, []string{"remove", "retire", "revoke"}, without(completed("sealctl", "rotate", "own.json", "re"), "refresh"))
	assert.Equal(t, []string{"own-2027.asc"}, completed("sealctl", "rotate", "own.json", "add", "own"))
	assert.Contains(t, completed("sealctl", "help", ""), "keys")
}

func without(list []string, word string) (rest []string) {
	for _, w := range list {
		if w != word {
			rest = append(rest, w)
		}
	}
	return rest
}
