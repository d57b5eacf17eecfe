package docs_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateSessions = flag.Bool("update-sessions", false, "write into the documents what their shell sessions print")

// Every shell session of the documents is run, against GnuPG and Node where it
// uses them, and prints what stands there. What differs each time is compared by
// its kind: keys, times, sizes.
func TestSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("the shell sessions of the documents run for a minute")
	}
	files, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	files = append(files, "README.md")
	programs := ""
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		if !bytes.Contains(raw, []byte("```console\n")) {
			continue
		}
		if programs == "" {
			programs = buildPrograms(t) // for all of them
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			need(t, raw)
			got := newSession(t, programs).document(string(raw))
			for _, trouble := range []string{"command not found", "No such file", "node:internal", "panic:"} {
				require.NotContains(t, got, trouble, "a session does not run")
			}
			if *updateSessions {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			assert.Equal(t, settled(string(raw)), settled(got), "go test ./docs -run TestSessions -update-sessions writes it anew")
		})
	}
}

func buildPrograms(t *testing.T) string {
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", dir, "./examples/sealctl", "./examples/quickstart/server").CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

// need skips the test if a program of the session is missing, or fails it where
// none may be.
func need(t *testing.T, document []byte) {
	missing := ""
	for program, sign := range map[string]string{"gpg": "\n$ gpg ", "node": "\n$ node ", "bash": ""} {
		if _, err := exec.LookPath(program); err != nil && bytes.Contains(document, []byte(sign)) {
			missing = program
		}
	}
	_, err := os.Stat(filepath.Join(os.Getenv("SEALWAX_NODE_MODULES"), "node_modules", "jose"))
	if bytes.Contains(document, []byte("\n$ node ")) && (err != nil || os.Getenv("SEALWAX_NODE_MODULES") == "") {
		missing = "node_modules/jose in the folder that SEALWAX_NODE_MODULES names"
	}
	if missing == "" {
		return
	}
	if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
		t.Fatalf("SEALWAX_REQUIRE_PEERS is set, and there is no %s", missing)
	}
	t.Skipf("peer is missing: %s", missing)
}

// A session is one shell, in a folder of its own.
type session struct {
	t        *testing.T
	programs string
	dir      string
}

func newSession(t *testing.T, programs string) *session {
	dir, err := os.MkdirTemp("", "doc") // short: the socket of gpg's agent is in it
	require.NoError(t, err)
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "all")
		cmd.Env = append(os.Environ(), "GNUPGHOME="+filepath.Join(dir, "partner"))
		_ = cmd.Run()
		os.RemoveAll(dir)
	})
	if modules := os.Getenv("SEALWAX_NODE_MODULES"); modules != "" {
		modules, err := filepath.Abs(modules)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")))
	}
	return &session{t, programs, dir}
}

var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// document runs the blocks of a document and returns it with what they print.
func (s *session) document(text string) string {
	var script strings.Builder
	script.WriteString("shopt -s expand_aliases\nexec 2>&1\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n")
	var blocks [][]string
	for _, b := range console.FindAllStringSubmatch(text, -1) {
		var commands []string
		for line := range strings.Lines(b[1]) {
			if strings.HasPrefix(line, "$ ") {
				commands = append(commands, line)
			} else if strings.HasPrefix(line, "> ") && len(commands) != 0 && strings.Contains(commands[len(commands)-1], "<<") {
				commands[len(commands)-1] += line
			}
		}
		require.NotEmpty(s.t, commands)
		blocks = append(blocks, commands)
		for _, c := range commands {
			fmt.Fprintf(&script, "%s\n{ code=$?; printf '%%s\\n' '%s'; (exit $code); } 2>/dev/null\n", unprompted(c), mark)
		}
	}
	cmd := exec.CommandContext(s.t.Context(), "bash")
	cmd.Dir = s.dir
	cmd.Stdin = strings.NewReader(script.String())
	cmd.Env = append(os.Environ(), "PATH="+s.programs+string(os.PathListSeparator)+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); !exited {
		require.NoError(s.t, err)
	}
	printed := strings.Split(string(out), mark+"\n")
	at := 0
	return console.ReplaceAllStringFunc(text, func(string) string {
		var b strings.Builder
		b.WriteString("```console\n")
		for _, c := range blocks[0] {
			require.Less(s.t, at+1, len(printed), "the shell stopped before %s\n%s", c, out)
			b.WriteString(c + printed[at])
			at++
		}
		blocks = blocks[1:]
		return b.String() + "```"
	})
}

const mark = "--------8<--------"

func unprompted(command string) string {
	return regexp.MustCompile(`(?m)^[$>] `).ReplaceAllString(strings.TrimSuffix(command, "\n"), "")
}

// settled is text with what differs each time replaced by its kind.
func settled(text string) string {
	for _, r := range []struct{ what, by string }{
		{`\b[0-9A-F]{40}\b`, "FINGERPRINT"},
		{`\b[0-9A-F]{16}\b`, "KEYID"},
		{`\b[0-9A-F]{4}( [0-9A-F]{4})+\b`, "GROUPS"},
		{`(^|[\s"'(])[\w-]{43}($|[\s"'),:;])`, "${1}THUMBPRINT${2}"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "TIME"},
		{`\b\d{4}-\d\d-\d\d\b`, "DATE"},
		{`\b\d+ bytes`, "N bytes"},
		{`127\.0\.0\.1:\d+`, "ADDRESS"},
		{`\b\d+ requests meanwhile`, "N requests meanwhile"},
	} {
		text = regexp.MustCompile(`(?m)`+r.what).ReplaceAllString(text, r.by)
	}
	return text
}
