package rehearse

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sealwax/sealwax/internal/rehearsal"
)

// What an endpoint may take and send.
const (
	maxReply = 1 << 20 // octets
	timeout  = 30 * time.Second
)

// An Endpoint is what is rehearsed. What it sends is hostile input.
type Endpoint struct {
	url   *url.URL
	roots *x509.CertPool // nil for those of the machine
	https *http.Client
}

// NewEndpoint returns the endpoint at an address of HTTP or HTTPS.
func NewEndpoint(address string, roots *x509.CertPool) (*Endpoint, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address is http://HOST/PATH or https://HOST/PATH")
	}
	e := &Endpoint{url: u, roots: roots}
	e.https = e.client(&tls.Config{RootCAs: roots})
	return e, nil
}

// client follows no redirect: a sealed request is for nobody else.
func (e *Endpoint) client(c *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: c, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost: 8, IdleConnTimeout: 20 * time.Second, ForceAttemptHTTP2: true},
	}
}

// Close ends its connections.
func (e *Endpoint) Close() { e.https.CloseIdleConnections() }

// String is the address without what may be secret in it: the user, and the query.
func (e *Endpoint) String() string {
	return (&url.URL{Scheme: e.url.Scheme, Host: e.url.Host, Path: e.url.Path}).String()
}

// Local reports whether the endpoint is on this machine, by its address alone.
func (e *Endpoint) Local() bool {
	host := e.url.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send implements Send of a rehearsal.
func (e *Endpoint) Send(ctx context.Context, m rehearsal.Message) (rehearsal.Answer, error) {
	return send(ctx, e.https, e.url.String(), m)
}

func send(ctx context.Context, c *http.Client, address string, m rehearsal.Message) (a rehearsal.Answer, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(m.Body))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", m.ContentType)
	request.Header.Set("User-Agent", "sealctl rehearse")
	began := time.Now()
	response, err := c.Do(request)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	a.Body, err = io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	if err != nil {
		return a, err
	}
	a.Took = time.Since(began)
	if a.Cut = len(a.Body) > maxReply; a.Cut {
		a.Body = a.Body[:maxReply]
	}
	a.Status, a.Header, a.ContentType = response.StatusCode, response.Header, response.Header.Get("Content-Type")
	return a, nil
}

const (
	ofEcho   = "Standard Payments, echo"
	ofTLS    = "RFC 8996; Standard Payments, echo"
	ofMutual = "Standard Payments, application-layer encryption"
)

// Cases are those that only a network shows.
func (e *Endpoint) Cases() []rehearsal.Case {
	c := func(name, demand, source string, level rehearsal.Level, try func(context.Context) (rehearsal.Outcome, string, error)) rehearsal.Case {
		return rehearsal.NewCase("transport/"+name, demand, source, level, func(ctx context.Context) (rehearsal.Outcome, string, error) {
			if e.url.Scheme == "http" && e.Local() {
				return rehearsal.NotApplicable, "plain HTTP on this machine", nil
			}
			return try(ctx)
		})
	}
	return []rehearsal.Case{
		c("https", "the endpoint is reached over TLS", ofEcho, rehearsal.Demanded, func(context.Context) (rehearsal.Outcome, string, error) {
			return verdict(e.url.Scheme == "https", "the address is "+e.url.Scheme)
		}),
		c("plain-http", "plain HTTP is refused", ofEcho, rehearsal.Demanded, e.tryPlain),
		c("tls-now", "TLS 1.2 or 1.3 is spoken, with a certificate that verifies", ofTLS, rehearsal.Demanded, func(ctx context.Context) (rehearsal.Outcome, string, error) {
			state, err := e.handshake(ctx, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: e.roots})
			if err != nil {
				return rehearsal.Failed, fmt.Sprintf("%.200q", err.Error()), nil
			}
			return rehearsal.Held, tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite), nil
		}),
		c("tls-old", "TLS 1.0 and 1.1 are refused", ofTLS, rehearsal.Demanded, func(ctx context.Context) (rehearsal.Outcome, string, error) {
			return e.refused(ctx, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		}),
		c("weak-suites", "cipher suites with RC4, 3DES, or RSA key exchange are refused", ofEcho, rehearsal.Demanded, func(ctx context.Context) (rehearsal.Outcome, string, error) {
			var weak []uint16
			for _, s := range tls.InsecureCipherSuites() {
				weak = append(weak, s.ID)
			}
			return e.refused(ctx, &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: weak})
		}),
		c("client-certificate", "no client certificate is asked for where the body is signed", ofMutual, rehearsal.Demanded, e.tryClientCertificate),
	}
}

func verdict(holds bool, saw string) (rehearsal.Outcome, string, error) {
	if holds {
		return rehearsal.Held, saw, nil
	}
	return rehearsal.Failed, saw, nil
}

// handshake speaks TLS and nothing else.
func (e *Endpoint) handshake(ctx context.Context, c *tls.Config) (state tls.ConnectionState, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	port := e.url.Port()
	if port == "" {
		port = "443"
	}
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", net.JoinHostPort(e.url.Hostname(), port))
	if err != nil {
		return state, err
	}
	return conn.(*tls.Conn).ConnectionState(), conn.Close()
}

// refused tries what must not succeed. Whether the certificate verifies does not matter: it
// is not asked.
func (e *Endpoint) refused(ctx context.Context, c *tls.Config) (rehearsal.Outcome, string, error) {
	if e.url.Scheme != "https" {
		return rehearsal.NotTried, "the endpoint is not reached over TLS", nil
	}
	c.InsecureSkipVerify = true
	state, err := e.handshake(ctx, c)
	if ctx.Err() != nil {
		return "", "", context.Cause(ctx)
	}
	if err == nil {
		return rehearsal.Failed, "accepted: " + tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite), nil
	}
	if network, ok := errors.AsType[*net.OpError](err); ok && network.Op == "dial" {
		return rehearsal.NotTried, fmt.Sprintf("nobody answers: %.200q", err.Error()), nil
	}
	return rehearsal.Held, "refused", nil
}

// tryPlain asks over plain HTTP where HTTPS is, and where HTTP usually is.
func (e *Endpoint) tryPlain(ctx context.Context) (rehearsal.Outcome, string, error) {
	if e.url.Scheme != "https" {
		return rehearsal.Failed, "the endpoint is asked over plain HTTP all the time", nil
	}
	plain := e.client(nil)
	defer plain.CloseIdleConnections()
	saw := "nobody answers there"
	for _, host := range []string{e.url.Host, e.url.Hostname()} {
		address := (&url.URL{Scheme: "http", Host: host, Path: e.url.Path}).String()
		a, err := send(ctx, plain, address, rehearsal.Message{Body: []byte("x"), ContentType: "application/octet-stream"})
		switch {
		case ctx.Err() != nil:
			return "", "", context.Cause(ctx)
		case err != nil:
		case a.Status == http.StatusBadRequest && host == e.url.Host || a.Status >= 300 && a.Status < 400 || a.Status == http.StatusForbidden || a.Status == http.StatusUpgradeRequired:
			saw = fmt.Sprintf("refused with %d", a.Status)
		default:
			return rehearsal.Failed, fmt.Sprintf("%s answers: %v", address, a), nil
		}
	}
	return rehearsal.Held, saw, nil
}

func (e *Endpoint) tryClientCertificate(ctx context.Context) (rehearsal.Outcome, string, error) {
	asked := false
	_, err := e.handshake(ctx, &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return &tls.Certificate{}, nil
	}})
	switch {
	case ctx.Err() != nil:
		return "", "", context.Cause(ctx)
	case asked:
		return rehearsal.Failed, "one is asked for", nil
	case err != nil:
		return rehearsal.NotTried, fmt.Sprintf("no TLS: %.200q", err.Error()), nil
	}
	return rehearsal.Held, "none is asked for", nil
}
