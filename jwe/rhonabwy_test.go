package jwe_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runRhonabwy runs the program of the library rhonabwy, once for each message. It knows
// JWTs alone: both layers are compact, and it prints the payload as JSON of its own.
func runRhonabwy(t *testing.T, jobs []matrixJob) []matrixResult {
	program, err := exec.LookPath("rnbyc")
	if err != nil {
		missing(t, "rnbyc, the program of rhonabwy")
	}
	var results []matrixResult
	for _, j := range jobs {
		out, err := rhonabwy(t, program, j)
		r := matrixResult{Out: out}
		if err != nil {
			r.Err = err.Error()
		}
		results = append(results, r)
	}
	return results
}

func rhonabwy(t *testing.T, program string, j matrixJob) (string, error) {
	run := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if err != nil {
			return "", errors.New(string(out))
		}
		return string(out), nil
	}
	signer, recipient := j.Signers[0], j.Recipients[0]
	if j.Token == "" {
		payload, err := base64.StdEncoding.DecodeString(j.Payload)
		require.NoError(t, err)
		out, err := run("-s", string(payload), "-K", jwks(signer), "-a", signer.Alg, "-P", jwks(recipient), "-l", recipient.Alg, "-e", j.Enc)
		return strings.TrimSpace(out), err
	}
	out, err := run("-t", j.Token, "-K", jwks(recipient), "-P", jwks(signer))
	if err != nil {
		return "", err
	}
	// It reports the signature in words, and in them alone.
	said, payload, found := strings.Cut(out, "{")
	if !found || said != "Token payload decrypted\nToken signature verified\n" {
		return "", errors.New(out)
	}
	return base64.StdEncoding.EncodeToString([]byte("{" + payload)), nil
}

func jwks(p party) string {
	text, _ := json.Marshal(map[string][]json.RawMessage{"keys": {p.JWK}}) // which is JSON already
	return string(text)
}
