// Package strangers runs echo endpoints that are not ours, for tests: on OpenPGP.js, on
// panva's jose, and on GnuPG. A rehearsal that passes them, and finds the mistakes that they
// make on purpose, says something about endpoints that nobody here has written.
//
// All keep one contract. The environment names two folders, whose files are read anew for
// each request: OWN with the private keys of the endpoint, and PEER with the public keys of
// the network. In OpenPGP they hold armored *.asc, in JOSE *.jwk with "use", and one *.jwks.
// FAULT is empty for an endpoint without a mistake, or names one:
//
//	first-key        opens with the first of its keys alone
//	first-signature  judges the first signature alone; not in JOSE, whose tokens have one
//	kid-required     refuses a token whose "kid" is missing or unknown; in JOSE alone
//	expired-signer   accepts the signature of an expired key
//	text             tells the sender why a message is rejected
//
// What cannot be opened is answered with 400, or 401 for a signature, and an empty body; by
// GnuPG with 404.
package strangers

import (
	"bufio"
	"bytes"
	"embed"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed *.mjs *.sh *.py
var programs embed.FS

// A Stranger is the name of an endpoint.
type Stranger string

const (
	OpenPGPJS Stranger = "openpgpjs" // OpenPGP, in Node
	GnuPG     Stranger = "gpg"       // OpenPGP, as a CGI script
	Jose      Stranger = "jose"      // JOSE, in Node
)

// Start starts an endpoint on loopback, and returns its URL. It ends with the test. If the
// endpoint needs a program that is not installed, Start skips the test, or fails it where
// SEALWAX_REQUIRE_PEERS is set. What the endpoint says of its errors goes to the log of the
// test.
func Start(t testing.TB, s Stranger, own, peer, fault string) string {
	t.Helper()
	env := []string{"OWN=" + own, "PEER=" + peer, "FAULT=" + fault}
	dir := t.TempDir()
	if err := os.CopyFS(dir, programs); err != nil {
		t.Fatal(err)
	}
	if s == GnuPG {
		for _, program := range []string{"gpg", "python3"} {
			need(t, program)
		}
		return startCGI(t, filepath.Join(dir, "gpg.sh"), env)
	}
	return startNode(t, map[Stranger]string{OpenPGPJS: "openpgp", Jose: "jose"}[s], filepath.Join(dir, string(s)+".mjs"), env)
}

func startCGI(t testing.TB, script string, env []string) string {
	log := &logger{t: t}
	server := httptest.NewServer(&cgi.Handler{Path: need(t, "bash"), Args: []string{script}, Env: env, Stderr: log})
	t.Cleanup(server.Close)
	return server.URL + "/echo"
}

func startNode(t testing.TB, module, script string, env []string) string {
	node, modules := need(t, "node"), os.Getenv("SEALWAX_NODE_MODULES")
	if _, err := os.Stat(filepath.Join(modules, "node_modules", module)); modules == "" || err != nil {
		missing(t, "node_modules/"+module+" in the folder that SEALWAX_NODE_MODULES names")
	}
	cmd := exec.Command(node, script)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = &logger{t: t}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "serving ")
	if err != nil || !ok {
		t.Fatalf("%s says %q: %v", filepath.Base(script), line, err)
	}
	return url
}

// A logger writes whole lines to the log of a test.
type logger struct{ t testing.TB }

func (l *logger) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program)
	}
	return path
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
		t.Fatalf("SEALWAX_REQUIRE_PEERS is set, and there is no %s", what)
	}
	t.Skipf("peer is missing: %s", what)
}
