package command

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
	"github.com/sealwax/sealwax/keyset"
)

// olderKeys makes the keys of an endpoint of the older profile: two, which decrypt.
func olderKeys(t testing.TB) (own []string, public string) {
	for _, name := range []string{"open-old", "open-new"} {
		var out, errs bytes.Buffer
		args := []string{"keygen", "-format", "jose", "-alg", "RSA1_5", "-name", name, "-o", name + ".jwk"}
		require.Equal(t, done, Run(t.Context(), Files, args, nil, &out, &errs), "%s", &errs)
		own = append(own, name+".jwk")
	}
	var out, errs bytes.Buffer
	require.Equal(t, done, Run(t.Context(), Files, append([]string{"public", "-o", "public"}, own...), nil, &out, &errs), "%s", &errs)
	return own, "public"
}

// waives are the flags with which sealctl serve is an endpoint of the older profile.
var waives = []string{"-content-alg", "A128CBC-HS256", "-waive", "jwe.InsecureEncryptOnly=older profile",
	"-waive", "jwe.InsecureRSA1_5=older profile", "-waive", "jwe.InsecureCompression=older profile"}

const olderProfile = "standard-payments-older"

// A partner of the older profile walks the same rotation. Nobody signs: what is replaced is
// what replies are sealed to.
func TestRehearseTheOlderProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("a rehearsal against keys that are made for it takes ten seconds")
	}
	t.Chdir(t.TempDir())
	own, public := olderKeys(t)
	sealctl(t, "rehearse", "-profile", olderProfile, "-prepare", "-on-step", "./installed", "-peer", public)
	url, log := serving(t, slices.Concat(flags("-own", own...), waives, []string{"-peer", "rehearsal/peer.json"})...)
	defer installs(t, log)()
	r, status := rehearsed(t, "-profile", olderProfile, "-on-step", "./installed", "-peer", public, "-report", "report.md", url)
	assert.Equal(t, done, status, "%s\n%s", named(r, "failed"), log)
	assert.Empty(t, named(r, "failed"))
	assert.Empty(t, named(r, "not tried"))
	assert.Equal(t, olderProfile, r.Profile)
	assert.Subset(t, named(r, "held"), []string{"keys/compressed", "keys/to-each", "emergency/reply-not-to-it", "invalid/bomb", "rotation/second"})
	assert.NotContains(t, named(r, "held"), "keys/by-new")
	raw, err := os.ReadFile("report.md")
	require.NoError(t, err)
	assert.Contains(t, string(raw), "profile "+olderProfile)
}

// overTLS starts an endpoint that demands a client certificate in front of another, and
// writes what the network needs: ca.pem, client.pem, client.key.
func overTLS(t *testing.T, url string, auth tls.ClientAuthType) string {
	own, err := rehearse.MakeCertificate("network")
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	known := x509.NewCertPool()
	read, err := x509.ParseCertificate(own.Certificate[0])
	require.NoError(t, err)
	known.AddCert(read)
	behind, err := neturl.Parse(url)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host }})
	s.TLS = &tls.Config{ClientAuth: auth, ClientCAs: known}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: s.Certificate().Raw}, "client.pem": {Type: "CERTIFICATE", Bytes: own.Certificate[0]}, "client.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
	}
	return s.URL + behind.Path
}

// The transport of the older profile authenticates, and an endpoint that lets anybody in is
// named.
func TestRehearseClientCertificates(t *testing.T) {
	if testing.Short() {
		t.Skip("a rehearsal against keys that are made for it takes ten seconds")
	}
	t.Chdir(t.TempDir())
	own, public := olderKeys(t)
	sealctl(t, "rehearse", "-profile", olderProfile, "-prepare", "-peer", public)
	url, _ := serving(t, slices.Concat(flags("-own", own...), waives, []string{"-peer", "rehearsal/peer.json"})...)
	for auth, want := range map[tls.ClientAuthType][]string{
		tls.RequireAndVerifyClientCert: nil,
		tls.RequireAnyClientCert:       {"transport/client-certificate-of-a-stranger"},
		tls.NoClientCert:               {"transport/client-certificate", "transport/client-certificate-of-a-stranger"},
	} {
		r, status := rehearsed(t, "-profile", olderProfile, "-peer", public, "-only", "transport/", "-only", "keys/",
			"-ca", "ca.pem", "-cert", "client.pem", "-key", "client.key", overTLS(t, url, auth))
		assert.Equal(t, want == nil, status == done, "%v", auth)
		assert.Equal(t, want, named(r, "failed"), "%v", auth)
		assert.Contains(t, named(r, "held"), "keys/to-each")
	}
}

// What does not go with a profile is told before anything is sent.
func TestProfileMisused(t *testing.T) {
	if testing.Short() {
		t.Skip("makes keys for ten seconds")
	}
	t.Chdir(t.TempDir())
	_, public := olderKeys(t)
	sealctl(t, "rehearse", "-profile", olderProfile, "-prepare", "-peer", public)
	require.NoError(t, os.Mkdir("openpgp", 0o700))
	require.NoError(t, os.WriteFile("not.pem", []byte("secret"), 0o600))
	const local, tlsToo = "http://127.0.0.1:1/echo", "https://127.0.0.1:1/echo"
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-profile", "visa", "-peer", public, local}, misused, `there is no profile "visa"`},
		{[]string{"-peer", public, local}, failed, `are for profile "standard-payments-older"`},
		{[]string{"-profile", olderProfile, "-peer", public, tlsToo}, misused, "-cert and -key are missing"},
		{[]string{"-profile", olderProfile, "-peer", public, "-cert", "not.pem", tlsToo}, misused, "-cert and -key go together"},
		{[]string{"-profile", olderProfile, "-peer", public, "-cert", "not.pem", "-key", "not.pem", tlsToo}, failed, "-cert not.pem"},
		{[]string{"-profile", olderProfile, "-peer", public, "-cert", "none.pem", "-key", "not.pem", tlsToo}, failed, "none.pem"},
	} {
		said, status := refusedBy(t, c.args...)
		assert.Equal(t, c.status, status, "%v: %s", c.args, said)
		assert.Contains(t, said, c.says)
		assert.NotContains(t, said, "secret")
	}
	t.Chdir("openpgp")
	_, public = twoKeys(t, keyset.OpenPGP)
	said, status := refusedBy(t, "-profile", olderProfile, "-prepare", "-peer", public)
	assert.Equal(t, misused, status)
	assert.Contains(t, said, "is for JOSE")
}
