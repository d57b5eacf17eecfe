package rehearse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/sealwax/sealwax/internal/rehearsal"
)

const (
	ofEcho   = "Standard Payments, echo"
	ofTLS    = "RFC 8996; Standard Payments, echo"
	ofMutual = "Standard Payments, application-layer encryption"
)

// Cases are those that only a network shows.
func (e *Endpoint) Cases() []rehearsal.Case {
	c := func(name, demand, source string, level rehearsal.Level, try func(context.Context) (rehearsal.Outcome, string, error)) rehearsal.Case {
		return rehearsal.NewCase("transport/"+name, demand, source, level, func(ctx context.Context) (rehearsal.Outcome, string, error) {
			if e.plain() {
				return notOverTLS()
			}
			return try(ctx)
		})
	}
	cases := []rehearsal.Case{
		c("https", "the endpoint is reached over TLS", ofEcho, rehearsal.Demanded, func(context.Context) (rehearsal.Outcome, string, error) {
			return verdict(e.OverTLS(), "the address is "+e.url.Scheme)
		}),
		c("plain-http", "plain HTTP is refused", ofEcho, rehearsal.Demanded, e.tryPlain),
		c("tls-now", "TLS 1.2 or 1.3 is spoken, with a certificate that verifies", ofTLS, rehearsal.Demanded, func(ctx context.Context) (rehearsal.Outcome, string, error) {
			state, err := e.handshake(ctx, e.tls.config())
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
	}
	if e.tls.Mutual {
		return append(cases, e.mutual()...)
	}
	return append(cases, c("client-certificate", "no client certificate is asked for where the body is signed", ofMutual, rehearsal.Demanded, e.tryClientCertificate))
}

func (e *Endpoint) plain() bool { return !e.OverTLS() && e.Local() }

func notOverTLS() (rehearsal.Outcome, string, error) {
	return rehearsal.NotApplicable, "plain HTTP on this machine", nil
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
// is not asked. An endpoint that asks for a client certificate has accepted the version and
// the suite, whatever it thinks of the certificate.
func (e *Endpoint) refused(ctx context.Context, c *tls.Config) (rehearsal.Outcome, string, error) {
	if !e.OverTLS() {
		return rehearsal.NotTried, "the endpoint is not reached over TLS", nil
	}
	c.InsecureSkipVerify = true
	asked := asksFor(c, e.tls.Certificate)
	state, err := e.handshake(ctx, c)
	if ctx.Err() != nil {
		return "", "", context.Cause(ctx)
	}
	if err != nil && asked.Load() {
		return rehearsal.Failed, "accepted, and a client certificate is asked for", nil
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
	if !e.OverTLS() {
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
	c := &tls.Config{InsecureSkipVerify: true}
	asked := asksFor(c, nil)
	_, err := e.handshake(ctx, c)
	switch {
	case ctx.Err() != nil:
		return "", "", context.Cause(ctx)
	case asked.Load():
		return rehearsal.Failed, "one is asked for", nil
	case err != nil:
		return rehearsal.NotTried, fmt.Sprintf("no TLS: %.200q", err.Error()), nil
	}
	return rehearsal.Held, "none is asked for", nil
}
