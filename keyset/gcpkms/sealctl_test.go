//go:build linux

package gcpkms_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/credentials"

	"github.com/sealwax/sealwax/internal/sealctltest"
)

const google = "cloudkms.googleapis.com"

// Sealctl, built with this module, does with keys of the service what it does with files. It
// is the program as it is used: what stands for Google's service is behind a proxy, with a
// certificate that the program is told to trust.
func TestSealctl(t *testing.T) {
	s, _ := newServer(t)
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{google}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	roots := filepath.Join(dir, "roots.pem")
	require.NoError(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	proxy := httptest.NewServer(tunnel(s.serve(t, credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}))))
	t.Cleanup(proxy.Close)

	account, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err = x509.MarshalPKCS8PrivateKey(account)
	require.NoError(t, err)
	secret := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	raw, err := json.Marshal(map[string]string{"type": "service_account", "project_id": "bank", "private_key_id": "1", "private_key": secret,
		"client_email": "sealctl@bank.iam.gserviceaccount.com", "client_id": "1", "token_uri": "https://oauth2.googleapis.com/token"})
	require.NoError(t, err)
	login := filepath.Join(dir, "account.json")
	require.NoError(t, os.WriteFile(login, raw, 0o600))

	p := sealctltest.Build(t, secret, "SSL_CERT_FILE="+roots, "HTTPS_PROXY="+proxy.URL, "GOOGLE_APPLICATION_CREDENTIALS="+login)
	source := func(key string) string { return "gcpkms:" + nameOf(key) }
	p.Exchange(sealctltest.Keys{Sign: source("p256"), Read: source("oaep"), Next: source("p384")})
	p.Run("keygen", "-format", "pgp", "-name", "Bank <keys@bank.example>", "-o", "own.asc")
	p.Fails("OpenPGP needs PKCS #1 v1.5, which Cloud KMS does not do", "rotate", "pgp.json", "init", source("oaep")+"?certificate=own.asc")
	p.Fails("no such version", "check", source("none"))
}

// tunnel is a proxy that knows one way: to addr, which stands for Google's service.
func tunnel(addr string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != google+":443" {
			http.Error(w, r.Host, http.StatusForbidden)
			return
		}
		to, err := net.Dial("tcp", addr)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		from, sent, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, sent) }()
		_, _ = io.Copy(from, to)
	}
}
