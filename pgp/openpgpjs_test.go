package pgp_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

//go:embed testdata/peer.mjs
var openpgpjsScript []byte

// nistConfig makes keys on P-256 with the library.
var nistConfig = &packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256, DefaultHash: 5, DefaultCipher: packet.CipherAES256}

// A jsJob is what the script is asked to do, and what it answers.
type jsJob struct {
	Op         string   `json:"op"`
	Keys       []string `json:"keys"`    // private, armored
	Others     []string `json:"others"`  // public, armored
	Kind       string   `json:"kind"`    // of a key to generate
	Message    []byte   `json:"message"` // binary
	Hidden     bool     `json:"hidden"`
	AEAD       bool     `json:"aead"`
	Compressed bool     `json:"compressed"`

	Key   string `json:"key"`
	Good  int    `json:"good"`
	Error string `json:"error"`
}

// openpgpjs runs jobs with the package, which is OpenPGP.js or a relative of it, and
// requires that it can do them.
func openpgpjs(t testing.TB, name string) func(job jsJob) jsJob {
	try := tryOpenpgpjs(t, name)
	return func(job jsJob) jsJob {
		answer := try(job)
		require.Empty(t, answer.Error)
		return answer
	}
}

// tryOpenpgpjs runs jobs that it may refuse.
func tryOpenpgpjs(t testing.TB, name string) func(job jsJob) jsJob {
	node := peer(t, "node")
	modules := os.Getenv("SEALWAX_NODE_MODULES")
	if _, err := os.Stat(filepath.Join(modules, "node_modules", name)); modules == "" || err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
			t.Fatalf("%s is not installed, and SEALWAX_REQUIRE_PEERS is set", name)
		}
		t.Skipf("peer is missing: SEALWAX_NODE_MODULES names no folder with %s", name)
	}
	script := filepath.Join(t.TempDir(), "peer.mjs")
	require.NoError(t, os.WriteFile(script, openpgpjsScript, 0o600))
	return func(job jsJob) jsJob {
		in, err := json.Marshal(job)
		require.NoError(t, err)
		cmd := exec.Command(node, script)
		cmd.Env = append(os.Environ(), "MODULES="+modules, "PACKAGE="+name)
		cmd.Stdin = bytes.NewReader(in)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		var answer jsJob
		require.NoError(t, json.Unmarshal(out, &answer), "%s", out)
		return answer
	}
}

func armoredPrivate(t testing.TB, k *pgp.Key) string {
	var b bytes.Buffer
	require.NoError(t, k.WriteInsecurePrivateKey(&b))
	return b.String()
}

// openpgp.js is what browsers have, and the one peer with version 6 keys and
// AEAD as RFC 9580 has it.
func TestOpenPGPJS(t *testing.T) {
	t.Parallel()
	js := openpgpjs(t, "openpgp")
	theirs := map[string]*pgp.Key{}
	for _, kind := range []string{"rsa", "curve25519Legacy", "nistP256", "v6"} {
		k, err := pgp.ReadKey(bytes.NewReader([]byte(js(jsJob{Op: "generate", Kind: kind}).Key)))
		require.NoError(t, err, kind)
		require.NoError(t, k.SelfTest(t.Context()), kind)
		theirs[kind] = k
	}
	opened, openedByIt := 0, 0
	t.Cleanup(func() {
		interop(t, "OpenPGP.js", "RSA, Curve25519, P-256, version 6 keys; up to 3 signers; AEAD of RFC 9580; compressed; hidden recipients", opened, openedByIt)
	})
	ours := map[string]*pgp.Key{"rsa": bankRSA(), "curve25519": bank(), "v6": v6Own(t)}
	sets := func(m map[string]*pgp.Key, names ...string) (keys []*pgp.Key) {
		for _, n := range names {
			keys = append(keys, m[n])
		}
		return keys
	}
	for _, tt := range []struct{ ours, theirs []string }{
		{[]string{"rsa"}, []string{"rsa"}},
		{[]string{"curve25519"}, []string{"curve25519Legacy"}},
		{[]string{"curve25519"}, []string{"nistP256"}},
		{[]string{"v6"}, []string{"v6"}},
		{[]string{"rsa", "curve25519"}, []string{"rsa", "curve25519Legacy", "nistP256"}},
		{[]string{"curve25519", "v6"}, []string{"nistP256", "v6"}},
	} {
		us, them := sets(ours, tt.ours...), sets(theirs, tt.theirs...)
		var usPublic, themPrivate []string
		var themPublic []*pgp.Key
		for _, k := range us {
			usPublic = append(usPublic, string(mustCertificate(t, k)))
		}
		for _, k := range them {
			themPrivate = append(themPrivate, armoredPrivate(t, k))
			themPublic = append(themPublic, public(k))
		}
		e := newEnvelope(t, pgp.Config{Own: active(t, us...), Peer: active(t, themPublic...), Encoding: pgp.Binary})
		for _, job := range []jsJob{{}, {Hidden: true}, {AEAD: true}, {Compressed: true}} {
			t.Run(fmt.Sprintf("seals %v to %v hidden %v aead %v zlib %v", tt.theirs, tt.ours, job.Hidden, job.AEAD, job.Compressed), func(t *testing.T) {
				job.Op, job.Keys, job.Others, job.Message = "seal", themPrivate, usPublic, body
				m := open(t, e, js(job).Message)
				assert.Equal(t, body, m.Payload)
				assert.Len(t, m.Signers, len(them))
				assert.Equal(t, job.Hidden, len(m.Addressed) == 0)
				opened++
			})
		}
		t.Run(fmt.Sprintf("opens %v to %v", tt.ours, tt.theirs), func(t *testing.T) {
			answer := js(jsJob{Op: "open", Keys: themPrivate, Others: usPublic, Message: seal(t, e, body)})
			assert.Equal(t, body, answer.Message)
			assert.Equal(t, len(us), answer.Good)
			openedByIt++
		})
	}
}
