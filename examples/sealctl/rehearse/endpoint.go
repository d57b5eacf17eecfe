package rehearse

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sealwax/sealwax/internal/rehearsal"
)

// What an endpoint may take and send.
const (
	maxReply = 1 << 20 // bytes
	timeout  = 30 * time.Second
)

// An Endpoint is what is rehearsed. What it sends is hostile input.
type Endpoint struct {
	url   *url.URL
	tls   TLS
	https *http.Client
}

// A TLS says how the endpoint is reached over TLS.
type TLS struct {
	Roots       *x509.CertPool   // what verifies its certificate; nil for those of the machine
	Certificate *tls.Certificate // the network's own, if the endpoint asks for one; may be nil
	Mutual      bool             // the endpoint has to ask for one: the bodies are not signed
}

// config is how the network speaks.
func (t TLS) config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.Roots}
	if t.Certificate != nil {
		c.Certificates = []tls.Certificate{*t.Certificate}
	}
	return c
}

// NewEndpoint returns the endpoint at an address of HTTP or HTTPS.
func NewEndpoint(address string, t TLS) (*Endpoint, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address is http://HOST/PATH or https://HOST/PATH")
	}
	e := &Endpoint{url: u, tls: t}
	e.https = e.client(t.config())
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

// OverTLS reports whether the address is one of HTTPS.
func (e *Endpoint) OverTLS() bool { return e.url.Scheme == "https" }

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
	// An endpoint may end a connection that is idle at the moment at which it is used: after
	// 5 s in Node. That says nothing about keys. With this entry, which is not sent,
	// net/http tries such a request once more on another connection.
	request.Header["Idempotency-Key"] = nil
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
