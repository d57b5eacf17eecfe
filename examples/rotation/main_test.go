package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// harm runs the program with a hook before each step, and returns what it prints
// and its exit status. All keys are on curves, which are quick to generate.
func harm(t *testing.T, name string, before func(step string, s *story)) (out string, status int) {
	quick := *formats[name][0]
	slow := quick.generate
	quick.generate = func(party string, use keyset.Use, n int) (keyset.Material, error) { return slow(party, use, n+1) }
	var stdout bytes.Buffer
	status = play(t.Context(), []*format{&quick}, 1, 0, &stdout, before)
	return stdout.String(), status
}

// total returns the numbers of the last line.
func total(t *testing.T, out string) (requests, failed int) {
	found := regexp.MustCompile(`(?m)\nrequests (\d+), failed (\d+)\n\z`).FindStringSubmatch(out)
	require.Len(t, found, 3, "the last line of:\n%s", out)
	requests, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	failed, err = strconv.Atoi(found[2])
	require.NoError(t, err)
	return requests, failed
}

func TestRotation(t *testing.T) {
	for name, want := range map[string][]string{
		"pgp": {
			`signed by bank-1, decrypted by shop-1\n`,
			`bank adds bank-2 \(Ed25519\+X25519\): pending`,
			`shop adds bank-2, fingerprint [0-9A-F]{8} compared: pending`,
			`bank signs an echo with bank-2 alone, shop answers it: acknowledged`,
			`shop encrypts an echo to bank-2 alone, bank answers it: acknowledged`,
			`bank promotes bank-2: active`,
			`signed by bank-1 and bank-2, decrypted by shop-2\n`,
			`bank retires bank-1\n`,
			`signed by bank-2, decrypted by shop-2\n`,
			`bank removes bank-1, idle for [0-9.]+m?s`,
			`shop rejects the message signed by bank-1: unknown_signer\n`,
			`bank rejects the message encrypted to bank-1: not_for_us\n`,
			`shop revokes bank-2`,
			`signed by bank-3, decrypted by shop-2\n`,
			`shop rejects the message signed by bank-2: revoked_signer\n`,
			`bank rejects the message encrypted to bank-2: revoked_recipient\n`,
			`\nshop, peer +bank-2 +Ed25519\+X25519 +signing\+encryption +revoked +[1-9]\d* +[1-9]\d* +\d+\.\d+s\n`,
			`\nbank, own +bank-1 +RSA-3072 +signing\+encryption +removed +[1-9]\d* +[1-9]\d* +\d+\.\d+s\n`,
			`\nPROVEN\n  3 keys were replaced on both sides while \d+ requests were answered: none failed\n`,
			`: 6 echoes\n  \d+ steps were refused: .*\n  of the 6 messages that somebody had recorded, none was accepted`,
		},
		"openpgp-pq": {
			`signed by bank-1, decrypted by shop-1\n`,
			`bank adds bank-2 \(ML-DSA-65\+Ed25519\+ML-KEM-768\+X25519\): pending`,
			`bank signs an echo with bank-2 alone, shop answers it: acknowledged`,
			`signed by bank-1 and bank-2, decrypted by shop-2\n`,
			`signed by bank-2, decrypted by shop-2\n`,
			`bank adds bank-3 \(RSA-3072\): pending`,
			`signed by bank-3, decrypted by shop-2\n`,
			`shop rejects the message signed by bank-2: revoked_signer\n`,
			`\nbank, own +bank-3 +RSA-3072 +signing\+encryption +active `,
		},
		"jose": {
			`signed by bank-signing-1, decrypted by shop-encryption-1\n`,
			`bank adds bank-encryption-2 \(P-256\): pending`,
			`shop adds bank-encryption-2, fingerprint .{8} compared: pending`,
			`bank signs an echo with bank-signing-2 alone, shop answers it: acknowledged`,
			`bank encrypts an echo to shop-encryption-2 alone, shop answers it: acknowledged`,
			`bank promotes bank-signing-2: active`,
			`signed by shop-signing-2, decrypted by bank-encryption-2\n`,
			`shop retires shop-encryption-1\n`,
			`shop removes shop-encryption-1, idle for `,
			`shop rejects the message signed by bank-signing-1: unknown_signer\n`,
			`bank rejects the message encrypted to bank-encryption-1: not_for_us\n`,
			`shop revokes bank-signing-2`,
			`signed by bank-signing-3, decrypted by shop-encryption-2\n`,
			`shop rejects the message signed by bank-signing-2: revoked_signer\n`,
			`\nshop, peer +bank-signing-2 +P-256 +signing +revoked +0 +[1-9]\d* +\d+\.\d+s\n`,
			`\nbank, own +bank-encryption-1 +RSA-3072 +encryption +removed +0 +[1-9]\d* +\d+\.\d+s\n`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "jose" {
				t.Skip("a rotation under load takes five seconds")
			}
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), []string{"-format", name, "-duration", "1s", "-workers", "2"}, &stdout, &stderr)
			out := stdout.String()
			assert.Zero(t, status, out)
			assert.Empty(t, stderr.String())
			requests, failed := total(t, out)
			assert.Positive(t, requests)
			assert.Zero(t, failed)
			var steps []string
			for _, found := range regexp.MustCompile(`(?m)^ +\d+\.\d{3}s  ([A-Z ]+): `).FindAllStringSubmatch(out, -1) {
				steps = append(steps, strings.ToLower(found[1]))
			}
			assert.Equal(t, []string{"meet", "start", "add", "hand over", "prove", "promote", "record", "retire", "remove", "replay",
				"compromise", "record", "revoke", "replay", "end"}, steps)
			for _, line := range want {
				assert.Regexp(t, line, out)
			}
			assert.NotContains(t, out, "FAILED")
		})
	}
}

// The keys of either side, every one of which is needed before the next ones
// are promoted.
var firstKeys = map[string]func(s *story) place{
	"shop no longer verifies": func(s *story) place { return place{s.shop, s.shop.peer, false} },
	"bank no longer decrypts": func(s *story) place { return place{s.bank, s.bank.own, true} },
	"shop no longer signs":    func(s *story) place { return place{s.shop, s.shop.own, true} },
	"bank cannot encrypt":     func(s *story) place { return place{s.bank, s.bank.peer, false} },
}

func TestKeyEndedTooEarly(t *testing.T) {
	for what, where := range firstKeys {
		t.Run(what, func(t *testing.T) {
			out, status := harm(t, "pgp", func(step string, s *story) {
				if step == "promote" {
					revokeFirst(t, where(s).ring)
					require.Eventually(t, func() bool { return s.traffic.failed.Load() > 0 }, 20*time.Second, time.Millisecond)
				}
			})
			assert.Equal(t, 1, status)
			requests, failed := total(t, out)
			assert.Positive(t, failed)
			assert.GreaterOrEqual(t, requests, failed)
			assert.Regexp(t, `FAILED: request \d+ of (bank|shop): `, out)
		})
	}
}

// revokeFirst ends the oldest key of a ring. To revoke is the only step that no rule
// holds back: removing the key here would be refused.
func revokeFirst(t *testing.T, ring *keyset.Ring) {
	for k := range ring.Load().All() {
		require.Error(t, ring.RemoveUnchecked(k.ID(), "out of use"))
		require.NoError(t, ring.Revoke(k.ID()))
		return
	}
}

// A key that comes back after it was removed opens what was recorded. No
// request fails; the replay must notice.
func TestRemovedKeyThatReturns(t *testing.T) {
	for _, format := range []string{"pgp", "jose"} {
		t.Run(format, func(t *testing.T) {
			var first keyset.Key
			out, status := harm(t, format, func(step string, s *story) {
				switch step {
				case "add":
					for k := range s.shop.peer.Load().Opening() {
						first = k
						break
					}
				case "replay":
					if len(s.captured) > 0 && s.shop.peer.Add(context.Background(), first.Material, "the archive") == nil {
						t.Log("the key is back")
					}
				}
			})
			assert.Equal(t, 1, status)
			_, failed := total(t, out)
			assert.Zero(t, failed)
			assert.NotContains(t, out, "PROVEN")
			assert.Regexp(t, `FAILED: replay: shop still accepts the message signed by bank(-signing)?-2: status 200`, out)
		})
	}
}

// An answer to another request is no answer.
func TestReplyToAnotherRequest(t *testing.T) {
	out, status := harm(t, "jose", func(step string, s *story) {
		if step == "add" {
			sealed, err := s.bank.request(t.Context(), s.bank.asClient, 1_000_000)
			require.NoError(t, err)
			_ = s.traffic.count(s.bank, func(number uint64) error {
				return s.bank.send(t.Context(), s.bank.asClient, sealed, number)
			})
		}
	})
	assert.Equal(t, 1, status)
	_, failed := total(t, out)
	assert.Equal(t, 1, failed)
	assert.Contains(t, out, "the reply is not to this request")
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-format", "xml"}, {"-workers", "0"}, {"-workers", "101"}, {"-duration", "-1s"}, {"-duration", "soon"}, {"more"}, {"-nonsense"},
	} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, 2, run(t.Context(), args, &stdout, &stderr))
			assert.Empty(t, stdout.String())
			assert.Contains(t, stderr.String(), "-duration")
		})
	}
	var stdout, stderr bytes.Buffer
	assert.Zero(t, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "-workers")
}
