package rehearse_test

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
	"github.com/sealwax/sealwax/internal/rehearsal"
)

// certificate is the network's own, and what an endpoint verifies it with.
func certificate(t testing.TB) (*tls.Certificate, *x509.CertPool) {
	own, err := rehearse.MakeCertificate("network")
	require.NoError(t, err)
	read, err := x509.ParseCertificate(own.Certificate[0])
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(read)
	return own, pool
}

// Where nobody signs, the endpoint has to know who calls.
func TestMutualTLS(t *testing.T) {
	own, known := certificate(t)
	answer := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	right := map[string]rehearsal.Outcome{"https": "held", "plain-http": "held", "tls-now": "held", "tls-old": "held", "weak-suites": "held",
		"client-certificate": "held", "client-certificate-of-a-stranger": "held"}
	for name, c := range map[string]struct {
		config *tls.Config
		answer http.HandlerFunc
		but    map[string]rehearsal.Outcome
	}{
		"right":         {&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}, answer, nil},
		"TLS 1.2 alone": {&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: tls.VersionTLS12}, answer, nil},
		"the server lets everybody in, and the handler refuses": {&tls.Config{ClientAuth: tls.VerifyClientCertIfGiven}, func(w http.ResponseWriter, r *http.Request) {
			if len(r.TLS.VerifiedChains) == 0 {
				w.WriteHeader(http.StatusBadRequest)
			}
		}, nil},
		"none is asked for": {&tls.Config{}, answer, map[string]rehearsal.Outcome{"client-certificate": "failed", "client-certificate-of-a-stranger": "failed"}},
		"one is asked for, and not required": {&tls.Config{ClientAuth: tls.VerifyClientCertIfGiven}, answer,
			map[string]rehearsal.Outcome{"client-certificate": "failed"}},
		"any will do": {&tls.Config{ClientAuth: tls.RequireAnyClientCert}, answer,
			map[string]rehearsal.Outcome{"client-certificate-of-a-stranger": "failed"}},
		"an outage is no refusal": {&tls.Config{ClientAuth: tls.RequestClientCert}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
			map[string]rehearsal.Outcome{"client-certificate": "failed", "client-certificate-of-a-stranger": "failed"}},
		"TLS 1.0, and one is required": {&tls.Config{MinVersion: tls.VersionTLS10, ClientAuth: tls.RequireAndVerifyClientCert}, answer,
			map[string]rehearsal.Outcome{"tls-old": "failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.ClientCAs = known
			address, roots := serveWith(t, c.config, c.answer)
			want := maps.Clone(right)
			maps.Copy(want, c.but)
			assert.Equal(t, want, transport(t, address, rehearse.TLS{Roots: roots, Certificate: own, Mutual: true}))
		})
	}
	t.Run("an old version is seen without a certificate, too", func(t *testing.T) {
		address, roots := serveWith(t, &tls.Config{MinVersion: tls.VersionTLS10, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known}, answer)
		assert.Equal(t, rehearsal.Failed, transport(t, address, rehearse.TLS{Roots: roots})["tls-old"])
	})
	t.Run("plain on this machine", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		defer s.Close()
		for name, outcome := range transport(t, s.URL, rehearse.TLS{Mutual: true}) {
			assert.Equal(t, rehearsal.NotApplicable, outcome, name)
		}
	})
	t.Run("nobody is there", func(t *testing.T) {
		s := httptest.NewTLSServer(http.NotFoundHandler())
		s.Close()
		outcomes := transport(t, s.URL, rehearse.TLS{Certificate: own, Mutual: true})
		assert.Equal(t, rehearsal.NotTried, outcomes["client-certificate"])
		assert.Equal(t, rehearsal.NotTried, outcomes["client-certificate-of-a-stranger"])
	})
	t.Run("the network's own certificate is shown", func(t *testing.T) {
		address, roots := serveWith(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known}, answer)
		e, err := rehearse.NewEndpoint(address, rehearse.TLS{Roots: roots, Certificate: own})
		require.NoError(t, err)
		defer e.Close()
		a, err := e.Send(t.Context(), rehearsal.Message{Body: []byte("sealed")})
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, a.Status)
	})
}
