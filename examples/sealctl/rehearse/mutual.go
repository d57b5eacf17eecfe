package rehearse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync/atomic"
	"time"

	"github.com/sealwax/sealwax/internal/rehearsal"
)

// mutual are the cases of a profile whose bodies nobody signs.
func (e *Endpoint) mutual() []rehearsal.Case {
	c := func(name, demand string, certificate func() (*tls.Certificate, error)) rehearsal.Case {
		return rehearsal.NewSending("transport/"+name, demand, ofMutual, rehearsal.Demanded, func(ctx context.Context, m rehearsal.Message) (rehearsal.Outcome, string, error) {
			if e.plain() {
				return notOverTLS()
			}
			if !e.OverTLS() {
				return rehearsal.Failed, "the endpoint is asked over plain HTTP all the time", nil
			}
			shown, err := certificate()
			if err != nil {
				return "", "", err
			}
			return e.refusesWith(ctx, m, shown)
		})
	}
	return []rehearsal.Case{
		c("client-certificate", "a client certificate is asked for and required where the body is not signed", func() (*tls.Certificate, error) { return nil, nil }),
		c("client-certificate-of-a-stranger", "a client certificate that nobody has handed over is refused", strangersCertificate),
	}
}

// refusesWith sends a good message with another client certificate than the network's, or
// with none. It must not be answered: the handshake fails, or a status says so.
func (e *Endpoint) refusesWith(ctx context.Context, m rehearsal.Message, shown *tls.Certificate) (rehearsal.Outcome, string, error) {
	c := TLS{Roots: e.tls.Roots}.config()
	asked := asksFor(c, shown)
	client := e.client(c)
	defer client.CloseIdleConnections()
	a, err := send(ctx, client, e.url.String(), m)
	switch {
	case ctx.Err() != nil:
		return "", "", context.Cause(ctx)
	case err != nil && !asked.Load():
		return rehearsal.NotTried, fmt.Sprintf("no TLS: %.200q", err.Error()), nil
	case !asked.Load():
		return rehearsal.Failed, fmt.Sprintf("none is asked for: %v", a), nil
	case err != nil && timedOut(err):
		return rehearsal.NotTried, fmt.Sprintf("nobody answers: %.200q", err.Error()), nil
	case err != nil:
		return rehearsal.Held, "the connection is refused", nil
	case a.Status >= 400 && a.Status < 500:
		return rehearsal.Held, fmt.Sprintf("refused with %d", a.Status), nil
	}
	return rehearsal.Failed, fmt.Sprintf("it is not refused: %v", a), nil
}

func timedOut(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout()
}

// asksFor shows a certificate whoever may have issued it, or none if it is nil, and reports
// whether one was asked for.
func asksFor(c *tls.Config, shown *tls.Certificate) (asked *atomic.Bool) {
	asked = new(atomic.Bool)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked.Store(true)
		if shown == nil {
			return &tls.Certificate{}, nil
		}
		return shown, nil
	}
	return asked
}

func strangersCertificate() (*tls.Certificate, error) { return MakeCertificate("stranger") }

// MakeCertificate makes a client certificate that nobody else has signed. It is good for an
// hour.
func MakeCertificate(name string) (*tls.Certificate, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + ".rehearsal.invalid"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, err
}
