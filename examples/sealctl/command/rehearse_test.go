package command

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
	"github.com/sealwax/sealwax/keyset"
)

// twoKeys makes an endpoint's keys, of which two decrypt, and returns the files, private
// and public.
func twoKeys(t testing.TB, format keyset.Format) (own []string, public string) {
	run := func(args ...string) {
		var out, errs bytes.Buffer
		require.Equal(t, done, Run(t.Context(), Files, args, strings.NewReader(""), &out, &errs), "%v: %s", args, &errs)
	}
	for _, k := range map[keyset.Format][][2]string{
		keyset.OpenPGP: {{"old.asc", "curve25519"}, {"new.asc", "curve25519"}},
		keyset.JOSE:    {{"sign.jwk", "ES256"}, {"open-old.jwk", "ECDH-ES+A256KW"}, {"open-new.jwk", "ECDH-ES+A256KW"}},
	}[format] {
		word := map[keyset.Format]string{keyset.OpenPGP: "pgp", keyset.JOSE: "jose"}[format]
		run("keygen", "-format", word, "-alg", k[1], "-name", k[0], "-o", k[0])
		own = append(own, k[0])
	}
	run(append([]string{"public", "-o", "public"}, own...)...)
	return own, "public"
}

// rehearsed runs sealctl rehearse and returns its report, and how it ended.
func rehearsed(t testing.TB, args ...string) (r rehearse.Report, status int) {
	var out, errs bytes.Buffer
	status = Run(t.Context(), Files, append([]string{"rehearse", "-json", "-fast"}, args...), strings.NewReader(""), &out, &errs)
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), "%s%s", &out, &errs)
	return r, status
}

// named lists the cases that came to an outcome.
func named(r rehearse.Report, outcome string) (names []string) {
	for _, l := range r.Cases {
		if l.Outcome == outcome && l.Name != "errors/timing" { // a machine that is busy decides that
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	return names
}

// The ten minutes of docs/launch-checklist.md: keys, an endpoint, and a rotation that it
// follows.
func TestRehearseARotation(t *testing.T) {
	if testing.Short() {
		t.Skip("whole rehearsals take ten seconds")
	}
	eachFormat(t, func(t *testing.T, format keyset.Format) {
		own, public := twoKeys(t, format)
		sealctl(t, "rehearse", "-prepare", "-on-step", "./installed", "-peer", public)
		url, log := serving(t, slices.Concat(flags("-own", own...), []string{"-peer", "rehearsal/peer.json"})...)
		defer installs(t, log)()
		r, status := rehearsed(t, "-on-step", "./installed", "-peer", public, "-report", "report.html", "-junit", "report.xml", url)
		assert.Equal(t, done, status, "%s\n%s", named(r, "failed"), log)
		assert.Equal(t, []string{"invalid/replayed"}, named(r, "failed"), "sealctl serve remembers nothing")
		assert.Empty(t, named(r, "not tried"))
		assert.True(t, r.Ended)
		assert.Contains(t, named(r, "held"), "rotation/emergency")
		for _, file := range []string{"report.html", "report.xml"} {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Contains(t, string(raw), "to-each")
			assert.NotContains(t, string(raw), "PRIVATE KEY")
		}
		said, status := refusedBy(t, "-on-step", "./installed", "-peer", public, url)
		assert.Equal(t, failed, status, "keys that were revoked are not used again")
		assert.Contains(t, said, "name another folder")
	})
}

// refusedBy is for calls that come to no report.
func refusedBy(t testing.TB, args ...string) (said string, status int) {
	var out, errs bytes.Buffer
	status = Run(t.Context(), Files, append([]string{"rehearse", "-fast"}, args...), strings.NewReader(""), &out, &errs)
	return out.String() + errs.String(), status
}

// installs writes the program ./installed for -on-step: an endpoint follows the manifest,
// and the step is over when its log says so. The file log is kept up to date until stop.
func installs(t *testing.T, j *journal) (stop func()) {
	require.NoError(t, os.WriteFile("installed", []byte(`#!/bin/sh
revision=$(sed -n 's/.*"revision": \([0-9]*\).*/\1/p' "$2/peer.json")
until grep -q "peer.json: revision $revision" log; do sleep 0.05; done
`), 0o700))
	stopping := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			select {
			case <-stopping:
				return
			case <-time.After(20 * time.Millisecond):
			}
			_ = os.WriteFile("log.new", []byte(j.String()), 0o600)
			_ = os.Rename("log.new", "log")
		}
	})
	return func() { close(stopping); writing.Wait() } // or it writes into another folder
}

// Each mistake that sealctl serve makes is named by a case.
func TestRehearsalFindsFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("a rehearsal for each fault")
	}
	finds := map[string]string{
		"first-key": "keys/to-each", "first-signature": "keys/by-known-and-unknown", "kid-required": "keys/no-kid", "expired-signer": "invalid/expired",
		"revoked-signer": "invalid/revoked", "unsigned": "invalid/unsigned", "text": "errors/same-for-all-signatures", "outage": "invalid/stranger",
		"lax-json": "request/comment", "stale": "request/too-old", "no-limit": "", "reply-old-key": "replies/signed-by-every-key",
		"reply-wrong-recipient": "keys/by-old", "reply-plain": "keys/by-old",
	}
	// What is read of a body of any length is nothing that can be seen from outside.
	eachFormat(t, func(t *testing.T, format keyset.Format) {
		own, public := twoKeys(t, format)
		sealctl(t, "rehearse", "-prepare", "-peer", public)
		for _, f := range faults() {
			if f.format != "" && f.format != format {
				continue
			}
			t.Run(f.name, func(t *testing.T) {
				require.Contains(t, finds, f.name, "say which case finds it")
				url, _ := serving(t, slices.Concat(flags("-own", own...), []string{"-peer", "rehearsal/peer.json", "-fault", f.name})...)
				r, status := rehearsed(t, "-only", "keys/", "-only", "invalid/", "-only", "request/", "-only", "replies/", "-only", "errors/same", "-peer", public, url)
				want := finds[f.name]
				if format == keyset.JOSE && slices.Contains([]string{"reply-old-key", "expired-signer", "revoked-signer"}, f.name) {
					want = "" // one key signs in any case; nobody is handed a JWK that has ended
				}
				if want == "" {
					assert.Equal(t, done, status, "%s", named(r, "failed"))
					return
				}
				assert.Equal(t, found, status)
				assert.Contains(t, named(r, "failed"), want)
			})
		}
	})
}

// A mistake in the call is told before anything is sent.
func TestRehearseMisused(t *testing.T) {
	t.Chdir(t.TempDir())
	asked := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer s.Close()
	_, public := twoKeys(t, keyset.JOSE)
	sealctl(t, "rehearse", "-prepare", "-peer", public)
	sealctl(t, "rehearse", "-prepare", "-wait", "-keys", "rotating", "-peer", public)
	require.NoError(t, os.WriteFile("payload", nil, 0o600))
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-peer", public}, misused, "URL is missing"},
		{[]string{"-peer", public, "bank.example/echo"}, misused, "the address is"},
		{[]string{"-peer", public, "https://bank.example/echo"}, misused, "-fast is for endpoints on this machine"},
		{[]string{s.URL}, misused, "-peer is missing"},
		{[]string{"-peer", public, "-keys", "nowhere", s.URL}, failed, "make them with -prepare"},
		{[]string{"-peer", public, "-wait", s.URL}, failed, "a rotation begins with new ones"},
		{[]string{"-peer", public, "-keys", "rotating", s.URL}, failed, "of a rotation"},
		{[]string{"-peer", public, "-keys", "rotating", "-wait", s.URL}, failed, "nobody pressed Enter"},
		{[]string{"-peer", public, "-keys", "rotating", "-on-step", "./nothing", s.URL}, failed, "-on-step ./nothing first"},
		{[]string{"-peer", public, "-ca", public, s.URL}, failed, "no certificate in PEM"},
		{[]string{"-peer", public, "-prepare"}, failed, "exists"},
	} {
		said, status := refusedBy(t, c.args...)
		assert.Equal(t, c.status, status, "%v: %s", c.args, said)
		assert.Contains(t, said, c.says)
	}
	assert.False(t, asked)
	left, err := filepath.Glob("rehearsal/private/*")
	require.NoError(t, err)
	for _, file := range left {
		info, err := os.Stat(file)
		require.NoError(t, err)
		if !strings.HasSuffix(file, "made") {
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
		}
	}
}
