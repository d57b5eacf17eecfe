package jwe_test

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

var (
	//go:embed testdata/matrix.mjs
	matrixPanva string
	//go:embed testdata/matrix.cjs
	matrixNodeJose string
	//go:embed testdata/matrix.py
	matrixPython string
)

// A party is a key in a job for a peer.
type party struct {
	Alg string          `json:"alg"`
	JWK json.RawMessage `json:"jwk"`
}

// A matrixJob asks a peer to open a token, or to seal a payload, in one case of
// josecases.tsv.
type matrixJob struct {
	Form       string  `json:"form"`
	Enc        string  `json:"enc"`
	Zip        bool    `json:"zip"`
	Signers    []party `json:"signers"`
	Recipients []party `json:"recipients"`
	Token      string  `json:"token,omitempty"`
	Payload    string  `json:"payload,omitempty"`
}

type matrixResult struct{ Out, Err string }

// A peer does jobs. opens and seals say what it does not support, and why.
type peer struct {
	name, title  string
	run          func(t *testing.T, jobs []matrixJob) []matrixResult
	opens, seals func(c joseCase) string
	anew         bool // it prints the payload as JSON of its own, with other spaces and in another order

	// unlucky reports whether the peer is known to fail with a message, by either side,
	// because of what was drawn at random. Another is made in its place.
	unlucky func(t *testing.T, token string, private json.RawMessage) bool
}

func has(list string, names ...string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(s string) bool { return slices.Contains(names, s) })
}

func supportsAll(joseCase) string { return "" }

func lucky(*testing.T, string, json.RawMessage) bool { return false }

func matrixPeers(t *testing.T) []peer {
	panva := func(c joseCase) string {
		if has(c.key, "RSA1_5") {
			return "has no RSA1_5"
		}
		return ""
	}
	nodeJose := func(c joseCase) string {
		switch {
		case has(c.sign, "EdDSA"), strings.Contains(c.name, "x25519"):
			return "has no Ed25519 and no X25519"
		case c.key == "ECDH-ES" && c.enc == "A256CBC-HS512":
			return "derives another key for ECDH-ES with A256CBC-HS512"
		}
		return ""
	}
	latchset := func(c joseCase) string {
		switch {
		case has(c.key, "RSA-OAEP", "RSA-OAEP-256"):
			return "has no RSA-OAEP in this build"
		case has(c.sign, "EdDSA"), strings.Contains(c.name, "x25519"):
			return "has no Ed25519 and no X25519"
		}
		return ""
	}
	rhonabwy := func(c joseCase) string {
		switch {
		case c.form != "compact":
			return "knows JWTs alone"
		case c.key == "ECDH-ES" && c.enc == "A256CBC-HS512":
			return "derives another key for ECDH-ES with A256CBC-HS512"
		}
		return ""
	}
	return []peer{
		{"panva-jose", "jose (Node)", script("node", "matrix.mjs", matrixPanva, "jose"), panva, panva, false, lucky},
		{"node-jose", "node-jose (Node)", script("node", "matrix.cjs", matrixNodeJose, "node-jose"), nodeJose, nodeJose, false, lucky},
		{"jwcrypto", "jwcrypto (Python)", script("python3", "matrix.py", matrixPython, ""), supportsAll, supportsAll, false, lucky},
		{"latchset", "jose (latchset)", runLatchset, latchset, func(c joseCase) string {
			if c.zip != "-" {
				return "compresses what it cannot read itself"
			}
			return latchset(c)
		}, false, lucky},
		{"rhonabwy", "rhonabwy (rnbyc)", runRhonabwy, rhonabwy, func(c joseCase) string {
			if c.zip != "-" {
				return "does not compress"
			}
			return rhonabwy(c)
		}, true, shortSecret},
	}
}

// script runs jobs in one process of a language. module is what has to be in the
// folder that SEALWAX_NODE_MODULES names.
func script(program, name, text, module string) func(*testing.T, []matrixJob) []matrixResult {
	return func(t *testing.T, jobs []matrixJob) []matrixResult {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		args := []string{path}
		if program == "python3" {
			program = pythonWith(t, "jwcrypto")
		} else {
			if _, err := exec.LookPath(program); err != nil {
				missing(t, program)
			}
			dir := os.Getenv("SEALWAX_NODE_MODULES")
			if _, err := os.Stat(filepath.Join(dir, "node_modules", module)); dir == "" || err != nil {
				missing(t, "node_modules/"+module+" in the folder that SEALWAX_NODE_MODULES names")
			}
			// Node refuses to open RSA1_5 by itself; where it does not know the
			// flag any more, it does not refuse either.
			if revert := "--security-revert=CVE-2023-46809"; exec.Command(program, revert, "-e", "0").Run() == nil {
				args = []string{revert, path}
			}
		}
		in, err := json.Marshal(jobs)
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Stdin = bytes.NewReader(in)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		_, found, ok := bytes.Cut(out, []byte("[{")) // what stands before is a warning about the flag
		require.True(t, ok, string(out))
		var results []matrixResult
		require.NoError(t, json.Unmarshal(append([]byte("[{"), found...), &results))
		return results
	}
}

func pythonWith(t *testing.T, module string) string {
	for _, name := range []string{"/usr/bin/python3", "python3"} { // Debian's, which has Debian's packages
		if python, err := exec.LookPath(name); err == nil && exec.Command(python, "-c", "import "+module).Run() == nil {
			return python
		}
	}
	missing(t, "python3 with "+module)
	return ""
}

// runLatchset runs latchset's program, once for each layer of each message.
func runLatchset(t *testing.T, jobs []matrixJob) []matrixResult {
	if _, err := exec.LookPath("jose"); err != nil {
		missing(t, "latchset's jose")
	}
	var results []matrixResult
	for _, j := range jobs {
		out, err := latchset(t, j)
		r := matrixResult{Out: out}
		if err != nil {
			r.Err = err.Error()
		}
		results = append(results, r)
	}
	return results
}

func latchset(t *testing.T, j matrixJob) (string, error) {
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	run := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "jose", args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = errors.New(strings.Join(args[:2], " ") + ": " + stderr.String())
		}
		return out, err
	}
	keyFiles := func(kind string, list []party) (out []string) {
		for i, p := range list {
			out = append(out, "-k", file(fmt.Sprint(kind, i), p.JWK))
		}
		return out
	}
	if j.Token != "" {
		var content, payload []byte
		var err error
		for _, r := range j.Recipients {
			if content, err = run("jwe", "dec", "-i", file("token", []byte(j.Token)), "-k", file("dec", r.JWK)); err != nil {
				return "", err
			}
		}
		for _, s := range j.Signers {
			if payload, err = run("jws", "ver", "-i", file("content", content), "-O", "-", "-k", file("ver", s.JWK)); err != nil {
				return "", err
			}
		}
		return base64.StdEncoding.EncodeToString(payload), nil
	}
	compact := func(args []string) []string {
		if j.Form == "compact" {
			return append(args, "-c")
		}
		return args
	}
	payload, err := base64.StdEncoding.DecodeString(j.Payload)
	require.NoError(t, err)
	sign := []string{"jws", "sig", "-I", file("payload", payload)}
	for _, s := range j.Signers {
		sign = append(sign, "-s", `{"protected":{"alg":"`+s.Alg+`"}}`)
	}
	content, err := run(compact(append(sign, keyFiles("sig", j.Signers)...))...)
	if err != nil {
		return "", err
	}
	encrypt := []string{"jwe", "enc", "-I", file("content", bytes.TrimSpace(content)), "-i", `{"protected":{"alg":"` + j.Recipients[0].Alg + `","enc":"` + j.Enc + `"}}`}
	token, err := run(compact(append(encrypt, keyFiles("enc", j.Recipients)...))...)
	return string(bytes.TrimSpace(token)), err
}

// TestMatrix exchanges every case of josecases.tsv with every peer, in both
// directions.
func TestMatrix(t *testing.T) {
	t.Parallel()
	quick(t)
	cases := joseCases(t, vectors(t, "selfmade", "jose", "josecases.tsv"))
	body := readFile(t, vectors(t, "selfmade", "body.json"))
	for _, p := range matrixPeers(t) {
		t.Run(p.name, func(t *testing.T) { matrixOf(t, p, cases, body) })
	}
}

func matrixOf(t *testing.T, p peer, cases []joseCase, body []byte) {
	half := func(name, half string) json.RawMessage {
		return json.RawMessage(readFile(t, vectors(t, "selfmade", "keys", "jose", name+"."+half+".jwk")))
	}
	parties := func(algs, names, which string) (out []party) {
		list := strings.Split(names, ",")
		for i, alg := range strings.Split(algs, ",") {
			out = append(out, party{alg, half(list[i], which)})
		}
		return out
	}
	waive := []envelope.Waiver{jwe.InsecureRSA1_5("test"), jwe.InsecureCompression("test")}
	us := newEnvelope(t, jwe.Config{Own: peerKeys(t, "sec"), Peer: peerKeys(t, "pub"), Waive: waive})
	rsa15 := newEnvelope(t, jwe.Config{Own: boundTo(t, peerKeys(t, "sec"), jwe.RSA1_5), Peer: peerKeys(t, "pub"), Waive: waive})
	var jobs []matrixJob
	var about, unsupported []string
	var private []json.RawMessage // of the first recipient of each job
	for _, c := range cases {
		j := matrixJob{Form: c.form, Enc: c.enc, Zip: c.zip != "-"}
		if why := p.seals(c); why != "" {
			unsupported = append(unsupported, why)
		} else {
			toSeal := j
			toSeal.Payload = base64.StdEncoding.EncodeToString(body)
			toSeal.Signers, toSeal.Recipients = parties(c.sign, c.signKey, "sec"), parties(c.key, c.encKey, "pub")
			jobs, about = append(jobs, toSeal), append(about, c.name)
			private = append(private, parties(c.key, c.encKey, "sec")[0].JWK)
		}
		if why := p.opens(c); why != "" {
			unsupported = append(unsupported, why)
			continue
		}
		if j.Form == "flattened" {
			j.Form = "general" // which is what Seal makes
		}
		j.Signers, j.Recipients = parties(c.sign, c.signKey, "pub"), parties(c.key, c.encKey, "sec")
		for j.Token == "" || p.unlucky(t, j.Token, j.Recipients[0].JWK) {
			j.Token = string(seal(t, caseEnvelope(t, c, waive), string(body)))
		}
		jobs, about = append(jobs, j), append(about, c.name)
		private = append(private, j.Recipients[0].JWK)
	}
	results := p.run(t, jobs)
	require.Len(t, results, len(jobs))
	done := map[string]int{}
	for i, r := range results {
		for jobs[i].Token == "" && r.Err == "" && p.unlucky(t, r.Out, private[i]) {
			r = p.run(t, jobs[i:i+1])[0]
		}
		if !assert.Empty(t, r.Err, about[i]) {
			continue
		}
		if jobs[i].Token != "" {
			out, err := base64.StdEncoding.DecodeString(r.Out)
			require.NoError(t, err)
			equal := func(t assert.TestingT, a, b string, about ...any) bool { return assert.Equal(t, a, b, about...) }
			if p.anew {
				equal = assert.JSONEq
			}
			if equal(t, string(body), string(out), "%s opens ours: %s", p.name, about[i]) {
				done["opened by it"]++
			}
			continue
		}
		e := us
		if jobs[i].Recipients[0].Alg == "RSA1_5" {
			e = rsa15
		}
		m := open(t, e, []byte(r.Out))
		if assert.Equal(t, body, m.Payload, about[i]) && assert.Len(t, m.Signers, len(jobs[i].Signers), about[i]) {
			done["sealed by it"]++
		}
	}
	slices.Sort(unsupported)
	what := "the cases of partners: nested, JSON, compressed"
	if len(unsupported) != 0 {
		what += "; not exchanged, because it " + strings.Join(slices.Compact(unsupported), ", ")
	}
	interop(t, p.title, what, done["sealed by it"], done["opened by it"])
}

// caseEnvelope seals as a case says.
func caseEnvelope(t *testing.T, c joseCase, waive []envelope.Waiver) *jwe.Envelope {
	keys := func(names, half string) *keyset.Set {
		var list []*jwe.Key
		for name := range strings.SplitSeq(names, ",") {
			k, err := jwe.ReadKey(bytes.NewReader(readFile(t, vectors(t, "selfmade", "keys", "jose", name+"."+half+".jwk"))), 0)
			require.NoError(t, err)
			list = append(list, k)
		}
		return set(t, list...)
	}
	to := keys(c.encKey, "pub")
	if c.key == "RSA1_5" {
		to = boundTo(t, to, jwe.RSA1_5)
	}
	one := func(algs string) jwe.Algorithm {
		list := slices.Compact(strings.Split(algs, ","))
		if len(list) > 1 {
			return "" // which are those that follow from the keys
		}
		return jwe.Algorithm(list[0])
	}
	return newEnvelope(t, jwe.Config{
		Own: keys(c.signKey, "sec"), Peer: to, JSON: c.form != "compact", Compress: c.zip != "-", Waive: waive,
		Seal: jwe.Algorithms{Key: one(c.key), Content: jwe.Algorithm(c.enc), Signature: one(c.sign)},
	})
}
