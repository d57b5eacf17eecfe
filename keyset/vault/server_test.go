//go:build unix

package vault_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/process"
)

const token = "a token of the test"

// built is the engine with its listener, which is built once: minutes for the first time.
var built = sync.OnceValues(func() (string, error) {
	return process.Build("enginetest", "-tags", "engine", "./engine")
})

// TestMain removes what was built.
func TestMain(m *testing.M) {
	code := m.Run()
	if name, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(name))
	}
	os.Exit(code)
}

// A server is the engine as a process, and what stands before it.
type server struct {
	process.Server
	config *api.Client

	mu     sync.Mutex
	answer func(*http.Request) (status int, body string) // in place of the engine; nil, or status 0, if it is asked
	asked  []string
}

// newServer starts a server with a key of each type that we use, and returns a client of it.
func newServer(t testing.TB) (*server, *api.Client) {
	binary, err := built()
	require.NoError(t, err)
	addr, err := process.FreeAddr()
	require.NoError(t, err)
	dir := t.TempDir()
	s := &server{Server: process.Server{Addr: addr, Command: func() *exec.Cmd { return exec.Command(binary, "-addr", addr, "-dir", dir, "-token", token) }}}
	require.NoError(t, s.Start())
	t.Cleanup(s.Kill)
	client, err := api.NewClient(&api.Config{Address: "http://" + addr, HttpClient: &http.Client{Transport: s}, MaxRetries: 2})
	require.NoError(t, err)
	client.SetToken(token)
	s.config = client
	for name, kind := range map[string]string{"rsa": "rsa-2048", "p256": "ecdsa-p256", "p384": "ecdsa-p384", "ed25519": "ed25519", "aes": "aes256-gcm96"} {
		s.write(t, "keys/"+name, map[string]any{"type": kind})
	}
	return s, client
}

// write is what an operator does.
func (s *server) write(t testing.TB, path string, data map[string]any) {
	_, err := s.config.Logical().WriteWithContext(t.Context(), "transit/"+path, data)
	require.NoError(t, err)
}

func (s *server) stop(t testing.TB) func() func() {
	return func() func() {
		s.Kill()
		return func() { require.NoError(t, s.Start()) }
	}
}

func (s *server) throttle() func() {
	return s.answering(http.StatusTooManyRequests, `{"errors":["rate limit quota exceeded"]}`)
}

// answering gives an answer in place of the engine, until the returned function is called.
func (s *server) answering(status int, body string) (end func()) {
	return s.instead(func(*http.Request) (int, string) { return status, body })
}

// refusing has the engine lack a permission, likewise.
func (s *server) refusing(operation string) (end func()) {
	return s.instead(func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.Path, "/"+operation+"/") {
			return http.StatusForbidden, `{"errors":["permission denied"]}`
		}
		return 0, ""
	})
}

func (s *server) instead(answer func(*http.Request) (int, string)) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.asked = answer, nil
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answer = nil
	}
}

// questions are the paths that were asked for since answering was called.
func (s *server) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

var direct = &http.Transport{DisableKeepAlives: true}

// RoundTrip implements [http.RoundTripper].
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	answer := s.answer
	s.asked = append(s.asked, r.URL.Path)
	s.mu.Unlock()
	if answer != nil {
		if status, body := answer(r); status != 0 {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(body)), ProtoMajor: 1, ProtoMinor: 1}, nil
		}
	}
	return direct.RoundTrip(r)
}
