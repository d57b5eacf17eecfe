//go:build unix

package awskms_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/process"
)

const (
	region = "eu-central-1"
	child  = "AWSKMS_TEST_OF_PSS" // names local-kms for the process that TestPSSOfLocalKMS runs
)

// built is local-kms, which is built once.
var built = sync.OnceValues(func() (string, error) {
	if name := os.Getenv(child); name != "" {
		return name, nil // this process is one of TestPSSOfLocalKMS, which has built it
	}
	return process.Build("localkms", "github.com/nsmithuk/local-kms")
})

// TestMain removes what was built.
func TestMain(m *testing.M) {
	code := m.Run()
	if name, err := built(); err == nil && os.Getenv(child) == "" {
		_ = os.RemoveAll(filepath.Dir(name))
	}
	os.Exit(code)
}

// The keys that a server has.
const (
	rsaSign    = "11111111-0000-4000-8000-000000000001"
	rsaDecrypt = "11111111-0000-4000-8000-000000000002"
	p256       = "11111111-0000-4000-8000-000000000003"
	p384       = "11111111-0000-4000-8000-000000000004"
	symmetric  = "11111111-0000-4000-8000-000000000005"
	hmacKey    = "11111111-0000-4000-8000-000000000006"
)

func arn(id string) string { return "arn:aws:kms:" + region + ":111122223333:key/" + id }

// A server is local-kms as a process, and what stands before it.
type server struct {
	*process.Server

	mu      sync.Mutex
	answers func(*http.Request) *http.Response // in place of the service; nil, or the answer nil, if it is asked
	asked   []string
}

// newServer starts a server with keys of every kind, and returns a client of it.
func newServer(t testing.TB) (*server, *kms.Client) {
	binary, err := built()
	require.NoError(t, err)
	dir := t.TempDir()
	seeds := filepath.Join(dir, "seed.yaml")
	require.NoError(t, os.WriteFile(seeds, []byte(seed(t)), 0o600))
	local, err := process.LocalKMS(binary, dir, region, "KMS_SEED_PATH="+seeds)
	require.NoError(t, err)
	s := &server{Server: local}
	require.NoError(t, s.Start())
	t.Cleanup(s.Kill)
	client := kms.New(kms.Options{Region: region, BaseEndpoint: aws.String("http://" + s.Addr), HTTPClient: s,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
	return s, client
}

func seed(t testing.TB) string {
	var b strings.Builder
	block := func(id, usage string, der []byte, err error) {
		require.NoError(t, err)
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		fmt.Fprintf(&b, "      - Metadata:\n          KeyId: %s\n          KeyUsage: %s\n        PrivateKeyPem: |\n", id, usage)
		for line := range strings.Lines(string(text)) {
			b.WriteString("          " + line)
		}
	}
	ec := func(id string, c elliptic.Curve) {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalECPrivateKey(key)
		block(id, "SIGN_VERIFY", der, err)
	}
	b.WriteString("Keys:\n  Symmetric:\n    Aes:\n      - Metadata:\n          KeyId: " + symmetric + "\n        BackingKeys:\n          - " + strings.Repeat("5c", 32) + "\n")
	b.WriteString("    Hmac:\n      - Metadata:\n          KeyId: " + hmacKey + "\n          KeyUsage: GENERATE_VERIFY_MAC\n          KeySpec: HMAC_256\n        BackingKeys:\n          - " + strings.Repeat("5c", 32) + "\n")
	b.WriteString("  Asymmetric:\n    Rsa:\n")
	for id, usage := range map[string]string{rsaSign: "SIGN_VERIFY", rsaDecrypt: "ENCRYPT_DECRYPT"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		block(id, usage, der, err)
	}
	b.WriteString("    Ecc:\n")
	ec(p256, elliptic.P256())
	ec(p384, elliptic.P384())
	b.WriteString("Aliases:\n  - AliasName: alias/sign\n    TargetKeyId: " + p256 + "\n")
	return b.String()
}

func (s *server) stop(t testing.TB) func() func() {
	return func() func() {
		s.Kill()
		return func() { require.NoError(t, s.Start()) }
	}
}

// answering gives answers in place of the service, until the returned function is called.
func (s *server) answering(answers func(*http.Request) *http.Response) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers, s.asked = answers, nil
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answers = nil
	}
}

// questions are the operations that were asked for since answering was called.
func (s *server) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

func (s *server) throttle() func() {
	return s.answering(func(*http.Request) *http.Response { return failure("ThrottlingException", "Rate exceeded") })
}

// failure is how AWS KMS writes an error: AWS JSON 1.1.
func failure(code, message string) *http.Response {
	status := http.StatusBadRequest
	if strings.HasPrefix(code, "KMSInternal") {
		status = http.StatusInternalServerError
	}
	return success(status, fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message))
}

func success(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1}
}

// operationOf names what is asked for.
func operationOf(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
}

var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Do implements the HTTP client of the SDK.
func (s *server) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	answers := s.answers
	s.asked = append(s.asked, operationOf(r))
	s.mu.Unlock()
	if answers != nil {
		if a := answers(r); a != nil {
			a.Request = r
			return a, context.Cause(r.Context())
		}
	}
	return direct.Do(r)
}
