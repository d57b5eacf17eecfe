package jwe_test

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os/exec"
	"slices"
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

// shortSecret reports whether the secret that a compact JWE agrees upon begins with a
// zero, as one in 256 does. RFC 7518, Section 4.6.2, has it as long as the curve;
// rhonabwy leaves the zero out, and then has another key than everybody else.
func shortSecret(t *testing.T, token string, private json.RawMessage) bool {
	type point struct{ Kty, Crv, X, Y, D string }
	var header struct{ EPK point }
	var own point
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &header))
	require.NoError(t, json.Unmarshal(private, &own))
	if header.EPK.Kty != "EC" {
		return false
	}
	curve := map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()}[own.Crv]
	size := map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}[own.Crv]
	whole := func(s string) []byte { // it leaves out the zeros of coordinates, too
		octets, err := base64.RawURLEncoding.DecodeString(s)
		require.NoError(t, err)
		return new(big.Int).SetBytes(octets).FillBytes(make([]byte, size))
	}
	key, err := curve.NewPrivateKey(whole(own.D))
	require.NoError(t, err)
	epk, err := curve.NewPublicKey(slices.Concat([]byte{4}, whole(header.EPK.X), whole(header.EPK.Y)))
	require.NoError(t, err)
	secret, err := key.ECDH(epk)
	require.NoError(t, err)
	return secret[0] == 0
}
