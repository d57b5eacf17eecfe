package jwe_test

import (
	"bytes"
	"crypto/elliptic"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
)

var (
	//go:embed testdata/peer.mjs
	nodeScript string
	//go:embed testdata/peer.py
	pythonScript string
)

// missing skips the test, or fails it where peers are required.
func missing(t *testing.T, what string) {
	if os.Getenv("SEALWAX_REQUIRE_PEERS") == "1" {
		t.Fatalf("SEALWAX_REQUIRE_PEERS is set, and there is no %s", what)
	}
	t.Skipf("peer is missing: %s", what)
}

// interop tells whoever reads the output of go test how many messages of a
// peer we opened, and how many of ours it did. docs/interop.md is made of it.
func interop(t testing.TB, peer, what string, theirs, ours int) {
	t.Attr("interop", fmt.Sprintf("JOSE|%s|%s|%d|%d", peer, what, theirs, ours))
}

// A job asks a peer to open a token, or to seal a payload.
type job struct {
	Token     string          `json:"token,omitempty"`
	Payload   string          `json:"payload,omitempty"`
	Key       jwe.Algorithm   `json:"key"`
	Content   jwe.Algorithm   `json:"content"`
	Signature jwe.Algorithm   `json:"signature"`
	Decrypt   json.RawMessage `json:"decrypt,omitempty"`
	Verify    json.RawMessage `json:"verify,omitempty"`
	Encrypt   json.RawMessage `json:"encrypt,omitempty"`
	Sign      json.RawMessage `json:"sign,omitempty"`
}

func TestPeerNode(t *testing.T) {
	t.Parallel()
	quick(t)
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node")
	}
	dir := os.Getenv("SEALWAX_NODE_MODULES")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "jose")); dir == "" || err != nil {
		missing(t, "node_modules/jose in the folder that SEALWAX_NODE_MODULES names")
	}
	testPeer(t, "jose (Node)", node, nodeScript, "peer.mjs")
}

func TestPeerJWCrypto(t *testing.T) {
	t.Parallel()
	quick(t)
	for _, name := range []string{"/usr/bin/python3", "python3"} { // Debian's, which has Debian's packages
		if python, err := exec.LookPath(name); err == nil && exec.Command(python, "-c", "import jwcrypto").Run() == nil {
			testPeer(t, "jwcrypto (Python)", python, pythonScript, "peer.py")
			return
		}
	}
	missing(t, "python3 with jwcrypto")
}

// quick skips the test where a peer would have to be run.
func quick(t *testing.T) {
	if testing.Short() {
		t.Skip("programs of others are run for some seconds")
	}
}

// A result is what the peer says of a job: the payload or the token, and the key that it
// signed with.
type result struct {
	Out, Err string
	Key      json.RawMessage
}

// ask runs the script of a peer, and returns the result of each job.
func ask(t *testing.T, program, script, name string, jobs []job) []result {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o600))
	in, err := json.Marshal(jobs)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, path)
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var results []result
	require.NoError(t, json.Unmarshal(out, &results))
	require.Len(t, results, len(jobs))
	return results
}

// testPeer exchanges a message in both directions for every profile.
func testPeer(t *testing.T, peer, program, script, name string) {
	payload := []byte("{\"currency\":\"SGD\",\"note\":\"Ünïcode\"}\x00\xff")
	var jobs []job
	var worlds []world
	add := func(t testing.TB, w world, a jwe.Algorithms) {
		sealed, err := w.theirs(t, jwe.Config{Seal: a}).Seal(t.Context(), payload)
		require.NoError(t, err)
		base := job{Key: a.Key, Content: a.Content, Signature: a.Signature}
		toOpen, toSeal := base, base
		toOpen.Token = string(sealed)
		toOpen.Decrypt, toOpen.Verify = written(t, w.ourDecrypt.WriteInsecurePrivateJWK), written(t, w.theirSign.WritePublicJWK)
		toSeal.Payload = base64.StdEncoding.EncodeToString(payload)
		toSeal.Encrypt, toSeal.Sign = written(t, w.ourDecrypt.WritePublicJWK), written(t, w.theirSign.WriteInsecurePrivateJWK)
		jobs = append(jobs, toOpen, toSeal)
		worlds = append(worlds, w)
	}
	profiles(t, func(t *testing.T, w world, a jwe.Algorithms) { add(t, w, a) })
	for _, private := range []any{newEC(t, elliptic.P384()), newEC(t, elliptic.P521()), newX(t)} {
		w := newWorld(t)
		w.ourDecrypt = encryption(t, "our-decrypt", private)
		add(t, w, jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: jwe.ES256})
		add(t, w, jwe.Algorithms{Key: jwe.ECDHES, Content: jwe.A128CBCHS256, Signature: jwe.ES256})
	}

	results := ask(t, program, script, name, jobs)
	opened, openedByIt := 0, 0
	for i, r := range results {
		j := jobs[i]
		what := string(j.Key + " " + j.Content + " " + j.Signature)
		if !assert.Empty(t, r.Err, what) {
			continue
		}
		if j.Token != "" {
			if assert.Equal(t, base64.StdEncoding.EncodeToString(payload), r.Out, "the peer opens ours: %s", what) {
				openedByIt++
			}
			continue
		}
		m := open(t, worlds[i/2].ours(t, jwe.Config{}), []byte(r.Out))
		if assert.Equal(t, payload, m.Payload, "we open the peer's: %s", what) {
			opened++
		}
	}
	interop(t, peer, "every pair of key and content algorithm; every signature; P-256, P-384, P-521, X25519; keys made anew", opened, openedByIt)
}

func written(t testing.TB, write func(io.Writer) error) json.RawMessage {
	var b bytes.Buffer
	require.NoError(t, write(&b))
	return b.Bytes()
}
