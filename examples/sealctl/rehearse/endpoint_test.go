package rehearse_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// serve starts an endpoint over TLS, and returns its address and what verifies it.
func serve(t testing.TB, c *tls.Config) (string, *x509.CertPool) {
	return serveWith(t, c, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
}

func serveWith(t testing.TB, c *tls.Config, answer http.HandlerFunc) (string, *x509.CertPool) {
	s := httptest.NewUnstartedServer(answer)
	s.TLS = c
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.URL, pool
}

// transport tries the cases of an endpoint, and returns the outcomes.
func transport(t testing.TB, address string, over rehearse.TLS) map[string]rehearsal.Outcome {
	e, err := rehearse.NewEndpoint(address, over)
	require.NoError(t, err)
	defer e.Close()
	k, err := jwe.GenerateKey("open", jwe.ECDHESA256KW)
	require.NoError(t, err)
	own, err := keyset.New(1, keyset.Key{Material: k, State: keyset.Active})
	require.NoError(t, err)
	network, err := rehearsal.NewNetwork(own.Public(), rehearsal.StandardPayments)
	require.NoError(t, err)
	out := map[string]rehearsal.Outcome{}
	h := &rehearsal.Rehearsal{Network: network, Partner: own.Public(), Send: e.Send, More: e.Cases(),
		Only:  func(name string) bool { return strings.HasPrefix(name, "transport/") },
		After: func(r rehearsal.Result) { out[strings.TrimPrefix(r.Name, "transport/")] = r.Outcome }}
	_, err = h.Run(t.Context())
	require.NoError(t, err)
	return out
}

func TestTransport(t *testing.T) {
	right := map[string]rehearsal.Outcome{"https": "held", "plain-http": "held", "tls-now": "held", "tls-old": "held", "weak-suites": "held", "client-certificate": "held"}
	but := func(name string, outcome rehearsal.Outcome) map[string]rehearsal.Outcome {
		out := map[string]rehearsal.Outcome{}
		for n, o := range right {
			out[n] = o
		}
		out[name] = outcome
		return out
	}
	for name, c := range map[string]struct {
		config *tls.Config
		want   map[string]rehearsal.Outcome
	}{
		"right":         {&tls.Config{MinVersion: tls.VersionTLS12}, right},
		"TLS 1.3 alone": {&tls.Config{MinVersion: tls.VersionTLS13}, right},
		"TLS 1.0":       {&tls.Config{MinVersion: tls.VersionTLS10}, but("tls-old", "failed")},
		"weak suites": {&tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}},
			but("weak-suites", "failed")},
		"a client certificate": {&tls.Config{ClientAuth: tls.RequestClientCert}, but("client-certificate", "failed")},
	} {
		t.Run(name, func(t *testing.T) {
			address, roots := serve(t, c.config)
			assert.Equal(t, c.want, transport(t, address, rehearse.TLS{Roots: roots}))
		})
	}
	t.Run("a certificate of nobody", func(t *testing.T) {
		address, _ := serve(t, nil)
		assert.Equal(t, but("tls-now", "failed"), transport(t, address, rehearse.TLS{Roots: x509.NewCertPool()}))
	})
	t.Run("plain on this machine", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		defer s.Close()
		for name, outcome := range transport(t, s.URL, rehearse.TLS{}) {
			assert.Equal(t, rehearsal.NotApplicable, outcome, name)
		}
	})
}

// What an endpoint answers is hostile: it sends us nowhere, and does not fill the memory.
func TestHostileEndpoint(t *testing.T) {
	reached := false
	mux := http.NewServeMux()
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { reached = true })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client has gone
		<-r.Context().Done()
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	ask := func(ctx context.Context, path string) (rehearsal.Answer, error) {
		e, err := rehearse.NewEndpoint(s.URL+path, rehearse.TLS{})
		require.NoError(t, err)
		defer e.Close()
		return e.Send(ctx, rehearsal.Message{Body: []byte("sealed"), ContentType: "application/octet-stream"})
	}
	a, err := ask(t.Context(), "/away")
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, a.Status)
	assert.False(t, reached, "a redirect is followed")
	a, err = ask(t.Context(), "/endless")
	require.NoError(t, err)
	assert.True(t, a.Cut)
	assert.Len(t, a.Body, 1<<20)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = ask(ctx, "/silent")
	assert.True(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "bank.example/echo", "ftp://bank.example/", "http://", "http://a b/", "://"} {
		_, err := rehearse.NewEndpoint(bad, rehearse.TLS{})
		assert.Error(t, err, bad)
	}
	for address, local := range map[string]bool{
		"http://127.0.0.1:80/echo": true, "http://localhost/echo": true, "https://[::1]:8443/": true,
		"https://bank.example/echo": false, "http://10.0.0.1/": false, "http://127.0.0.1.bank.example/": false,
	} {
		e, err := rehearse.NewEndpoint(address, rehearse.TLS{})
		require.NoError(t, err)
		assert.Equal(t, local, e.Local(), address)
	}
	e, err := rehearse.NewEndpoint("https://user:secret@bank.example/echo?token=secret#secret", rehearse.TLS{})
	require.NoError(t, err)
	assert.Equal(t, "https://bank.example/echo", e.String())
}

// A connection that the endpoint ends while it is idle loses no request.
func TestConnectionThatEnded(t *testing.T) {
	asked := 0
	address, roots := serveWith(t, &tls.Config{}, func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Values("Idempotency-Key"))
		if asked++; asked == 2 { // it has answered one, and now ends before it answers
			conn, _, err := w.(http.Hijacker).Hijack()
			if assert.NoError(t, err) {
				assert.NoError(t, conn.Close())
			}
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	})
	e, err := rehearse.NewEndpoint(address, rehearse.TLS{Roots: roots})
	require.NoError(t, err)
	defer e.Close()
	for range 2 {
		a, err := e.Send(t.Context(), rehearsal.Message{Body: []byte("sealed")})
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadRequest, a.Status)
	}
	assert.Equal(t, 3, asked)
}
