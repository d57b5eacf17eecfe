package strangers_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
	"github.com/sealwax/sealwax/examples/sealctl/strangers"
)

func sealctl(t testing.TB, args ...string) (out string, status int) {
	var stdout, stderr bytes.Buffer
	status = command.Run(t.Context(), command.Files, args, strings.NewReader(""), &stdout, &stderr)
	t.Log(stderr.String())
	return stdout.String(), status
}

// makeKeys makes the keys of an endpoint in the folder own.
func makeKeys(t testing.TB, jose bool) {
	ok := func(args ...string) {
		_, status := sealctl(t, args...)
		require.Zero(t, status, "%v", args)
	}
	require.NoError(t, os.Mkdir("own", 0o700))
	public := []string{"public", "-o", "public"}
	if jose {
		// In the order of their names: what opens with its first key alone has this one.
		for _, k := range [][2]string{{"open-1", "ECDH-ES+A256KW"}, {"open-2", "RSA-OAEP-256"}, {"sign", "ES256"}} {
			ok("keygen", "-format", "jose", "-alg", k[1], "-name", k[0], "-o", "own/"+k[0]+".jwk")
			public = append(public, "own/"+k[0]+".jwk")
		}
	} else {
		for _, name := range []string{"key-1", "key-2"} {
			ok("keygen", "-format", "pgp", "-alg", "curve25519", "-name", name, "-o", "own/"+name+".asc")
			public = append(public, "own/"+name+".asc")
		}
	}
	ok(public...)
}

// rehearseAt plays the network against an endpoint, and returns what came of it: the names
// of the demanded cases that did not hold, too.
func rehearseAt(t testing.TB, url string, args ...string) (r rehearse.Report, demanded []string) {
	out, status := sealctl(t, slices.Concat([]string{"rehearse", "-fast", "-json", "-on-step", "./step", "-peer", "public"}, args, []string{url})...)
	require.NoError(t, json.Unmarshal([]byte(out), &r), out)
	for _, l := range r.Cases {
		if l.Blocks {
			t.Log(l.Name, l.Saw)
			demanded = append(demanded, l.Name)
		}
	}
	assert.Equal(t, len(demanded) == 0, status == 0)
	return r, demanded
}

// anew makes the keys of a rehearsal, which serve one rotation.
func anew(t testing.TB) {
	require.NoError(t, os.RemoveAll("rehearsal"))
	_, status := sealctl(t, "rehearse", "-prepare", "-on-step", "./step", "-peer", "public")
	require.Zero(t, status)
}

// An endpoint is one that is rehearsed in docs/rehearsals.md.
type endpoint struct {
	name   string // of its column
	jose   bool
	start  func(t *testing.T, fault string) (url string)
	slow   bool
	faults map[string][]string // which demanded cases find a mistake, of those that are tried
}

func stranger(s strangers.Stranger) func(*testing.T, string) string {
	return func(t *testing.T, fault string) string {
		here, err := os.Getwd()
		require.NoError(t, err)
		return strangers.Start(t, s, here+"/own", here+"/rehearsal/trust", fault)
	}
}

var (
	several = []string{"keys/by-known-and-unknown", "keys/by-expired-and-active", "keys/by-revoked-and-active"}
	texts   = []string{"errors/same-for-all-that-does-not-decrypt", "errors/same-for-all-signatures", "errors/same-text-for-all"}
)

func endpoints() []endpoint {
	return []endpoint{
		{"sealctl serve, OpenPGP", false, serve, false, nil},
		{"OpenPGP.js", false, stranger(strangers.OpenPGPJS), false, map[string][]string{
			"first-key": {"keys/to-each"}, "first-signature": several, "expired-signer": {"errors/same-for-all-signatures", "invalid/expired"}, "text": texts}},
		{"GnuPG", false, stranger(strangers.GnuPG), true, map[string][]string{
			"first-key": {"keys/to-each"}, "first-signature": several, "expired-signer": {"invalid/expired"}, "text": texts}},
		{"sealctl serve, JOSE", true, serve, false, nil},
		{"jose", true, stranger(strangers.Jose), false, map[string][]string{
			"first-key": {"keys/to-each", "keys/no-kid"}, "kid-required": {"keys/no-kid"},
			"text": {"errors/same-text-for-all"}}}, // this library tells nothing more
	}
}

// serve starts sealctl serve, which makes other mistakes: see TestRehearsalFindsFaults.
func serve(t *testing.T, _ string) string {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	log, err := os.Create("log")
	require.NoError(t, err)
	args := []string{"serve", "-peer", "rehearsal/peer.json"}
	own, err := filepath.Glob("own/*")
	require.NoError(t, err)
	for _, file := range own {
		args = append(args, "-own", file)
	}
	ended := make(chan int, 1)
	go func() { ended <- command.Run(ctx, command.Files, args, strings.NewReader(""), in, log) }()
	t.Cleanup(func() {
		cancel()
		assert.Zero(t, <-ended)
		assert.NoError(t, log.Close())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(strings.TrimPrefix(line, "serving "))
}

// step waits until sealctl serve has the keys of a step. Others read them with each request.
const step = `#!/bin/sh
revision=$(sed -n 's/.*"revision": \([0-9]*\).*/\1/p' "$2/peer.json")
[ ! -e log ] || until grep -q "peer.json: revision $revision" log; do sleep 0.05; done
`

var update = flag.Bool("update", false, "write docs/rehearsals.md")

// Endpoints that nobody here has written the software of hold every demand, and a rotation
// of the network's keys; each mistake is named. The document has what came of each case.
func TestRehearse(t *testing.T) {
	if testing.Short() {
		t.Skip("programs of others are rehearsed for a minute")
	}
	shown := map[string]map[string]rehearse.Line{}
	for _, e := range endpoints() {
		t.Run(e.name, func(t *testing.T) {
			if e.slow && testing.Short() {
				t.Skip("a minute and a half")
			}
			t.Chdir(t.TempDir())
			require.NoError(t, os.WriteFile("step", []byte(step), 0o700))
			makeKeys(t, e.jose)
			for fault, want := range e.faults {
				anew(t)
				only := []string{"-only", "keys/by-old"} // which holds
				for _, name := range want {
					only = append(only, "-only", name)
				}
				if !e.slow {
					only = append(only, "-only", "keys/", "-only", "invalid/expired", "-only", "replies/signed", "-only", "errors/same-")
				}
				_, demanded := rehearseAt(t, e.start(t, fault), only...)
				assert.ElementsMatch(t, want, demanded, fault)
			}
			anew(t)
			r, demanded := rehearseAt(t, e.start(t, ""))
			assert.Empty(t, demanded)
			shown[e.name] = map[string]rehearse.Line{}
			for _, l := range r.Cases {
				shown[e.name][l.Name] = l
			}
		})
	}
	const document, begin, end = "../../../docs/rehearsals.md", "<!-- made by TestRehearse -->\n", "<!-- until here -->"
	raw, err := os.ReadFile(document)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(raw), begin)
	require.True(t, ok)
	was, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if len(shown) < len(endpoints()) {
		t.Skip("not every endpoint was there") // the first that is missing has said so
	}
	made := table(shown)
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(head+begin+made+end+tail), 0o644))
		return
	}
	assert.Equal(t, was, made, "go test ./examples/sealctl/strangers -run TestRehearse -update writes it anew")
}

// table has a row for each case.
func table(shown map[string]map[string]rehearse.Line) string {
	var b strings.Builder
	b.WriteString("| case | what is shown | level | source |")
	for _, e := range endpoints() {
		b.WriteString(" " + e.name + " |")
	}
	b.WriteString("\n|---|---|---|---|" + strings.Repeat("---|", len(endpoints())) + "\n")
	for _, name := range names(shown) {
		var line rehearse.Line
		cells := ""
		for _, e := range endpoints() {
			l, ok := shown[e.name][name]
			switch {
			case !ok:
				cells += " |"
				continue
			case l.Name == "errors/timing":
				cells += " seen |" // the machine is busy
			case l.Outcome == "failed":
				cells += " **failed** |"
			default:
				cells += " " + l.Outcome + " |"
			}
			line = l
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |%s\n", name, line.Demand, line.Level, line.Source, cells)
	}
	return b.String()
}

// names are those of all cases, by their groups.
func names(shown map[string]map[string]rehearse.Line) (all []string) {
	for _, lines := range shown {
		for name := range lines {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	rank := func(name string) int {
		group, _, _ := strings.Cut(name, "/")
		return slices.Index([]string{"keys", "rotation", "removed", "emergency", "invalid", "request", "replies", "errors", "transport"}, group)
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b)) })
	return all
}
