package strangers_test

import (
	"bytes"
	"encoding/json"
	"os"
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

// network makes the keys of an endpoint in the folder own, and those of a rehearsal.
func network(t testing.TB, jose bool) {
	ok := func(args ...string) {
		_, status := sealctl(t, args...)
		require.Zero(t, status, "%v", args)
	}
	require.NoError(t, os.Mkdir("own", 0o700))
	public := []string{"public", "-o", "public"}
	if jose {
		for name, alg := range map[string]string{"sign": "ES256", "open-1": "ECDH-ES+A256KW", "open-2": "RSA-OAEP-256"} {
			ok("keygen", "-format", "jose", "-alg", alg, "-name", name, "-o", "own/"+name+".jwk")
			public = append(public, "own/"+name+".jwk")
		}
	} else {
		for _, name := range []string{"key-1", "key-2"} {
			ok("keygen", "-format", "pgp", "-alg", "curve25519", "-name", name, "-o", "own/"+name+".asc")
			public = append(public, "own/"+name+".asc")
		}
	}
	ok(public...)
	ok("rehearse", "-prepare", "-on-step", "true", "-peer", "public")
}

// rehearseAt plays the network against a stranger, and returns what did not hold: what was
// demanded, and what is advice. The timing of machines that others use is left out.
func rehearseAt(t testing.TB, s strangers.Stranger, fault string, args ...string) (demanded, advice []string) {
	here, err := os.Getwd()
	require.NoError(t, err)
	url := strangers.Start(t, s, here+"/own", here+"/rehearsal/trust", fault)
	out, status := sealctl(t, slices.Concat([]string{"rehearse", "-fast", "-json", "-on-step", "true", "-peer", "public"}, args, []string{url})...)
	var r rehearse.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r), out)
	for _, l := range r.Cases {
		switch {
		case l.Name == "errors/timing":
		case l.Blocks:
			t.Log(l.Name, l.Saw)
			demanded = append(demanded, l.Name)
		case l.Outcome == "failed":
			advice = append(advice, l.Name)
		}
	}
	slices.Sort(advice)
	assert.Equal(t, len(demanded) == 0, status == 0)
	return demanded, advice
}

// Endpoints that nobody here has written the software of hold every demand, and a rotation
// of the network's keys; each mistake is named.
func TestRehearseStrangers(t *testing.T) {
	for _, tt := range []struct {
		name   strangers.Stranger
		advice []string
		faults map[string][]string // which demanded cases find a mistake, of those that -only tries
	}{
		{strangers.OpenPGPJS, []string{"errors/same-for-all", "invalid/replayed"}, map[string][]string{
			"first-key":       {"keys/to-each"},
			"first-signature": {"keys/by-known-and-unknown", "keys/by-expired-and-active", "keys/by-revoked-and-active"},
			"expired-signer":  {"errors/same-for-all-signatures", "invalid/expired"},
			"text":            {"errors/same-for-all-that-does-not-decrypt", "errors/same-for-all-signatures", "errors/same-text-for-all"},
		}},
		{strangers.GnuPG, []string{"invalid/replayed"}, map[string][]string{
			"first-key":       {"keys/to-each"},
			"first-signature": {"keys/by-known-and-unknown", "keys/by-expired-and-active", "keys/by-revoked-and-active"},
			"expired-signer":  {"invalid/expired"},
			"text":            {"errors/same-for-all-that-does-not-decrypt", "errors/same-for-all-signatures", "errors/same-text-for-all"},
		}},
		{strangers.Jose, []string{"errors/same-for-all", "invalid/replayed"}, map[string][]string{
			"first-key":    {"keys/to-each", "keys/no-kid"},
			"kid-required": {"keys/no-kid"},
			"text":         {"errors/same-text-for-all"}, // this library tells nothing more
		}},
	} {
		t.Run(string(tt.name), func(t *testing.T) {
			t.Chdir(t.TempDir())
			network(t, tt.name == strangers.Jose)
			for fault, want := range tt.faults {
				require.NoError(t, os.RemoveAll("rehearsal"))
				_, status := sealctl(t, "rehearse", "-prepare", "-on-step", "true", "-peer", "public")
				require.Zero(t, status)
				only := []string{"-only", "keys/by-old"} // which holds
				for _, name := range want {
					only = append(only, "-only", name)
				}
				if tt.name != strangers.GnuPG { // it takes half a second for each message
					only = append(only, "-only", "keys/", "-only", "invalid/expired", "-only", "replies/signed", "-only", "errors/same-")
				}
				demanded, _ := rehearseAt(t, tt.name, fault, only...)
				assert.ElementsMatch(t, want, demanded, fault)
			}
			require.NoError(t, os.RemoveAll("rehearsal"))
			_, status := sealctl(t, "rehearse", "-prepare", "-on-step", "true", "-peer", "public")
			require.Zero(t, status)
			demanded, advice := rehearseAt(t, tt.name, "")
			assert.Empty(t, demanded)
			assert.Equal(t, tt.advice, advice)
		})
	}
}
