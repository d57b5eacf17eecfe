//go:build unix

package vault_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"
)

const token = "a token of the test"

// built is the engine with its listener, which is built once: minutes for the first time.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "transit")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "engine")
	cmd := exec.Command("go", "build", "-tags", "engine", "-o", name, "./engine")
	cmd.Dir = "enginetest"
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false") // without -race and -json
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
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
	binary, dir, addr string
	cmd               *exec.Cmd
	config            *api.Client

	mu     sync.Mutex
	answer func(*http.Request) (status int, body string) // in place of the engine; nil, or status 0, if it is asked
	asked  []string
}

// newServer starts a server with a key of each type that we use, and returns a client of it.
func newServer(t testing.TB) (*server, *api.Client) {
	binary, err := built()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{binary: binary, dir: t.TempDir(), addr: listener.Addr().String()}
	require.NoError(t, listener.Close())
	s.start(t)
	t.Cleanup(func() { s.kill() })
	client, err := api.NewClient(&api.Config{Address: "http://" + s.addr, HttpClient: &http.Client{Transport: s}, MaxRetries: 2})
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

func (s *server) start(t testing.TB) {
	s.cmd = exec.Command(s.binary, "-addr", s.addr, "-dir", s.dir, "-token", token)
	require.NoError(t, s.cmd.Start())
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, 20*time.Second, 5*time.Millisecond)
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) stop(t testing.TB) func() func() {
	return func() func() {
		s.kill()
		return func() { s.start(t) }
	}
}

func (s *server) stall() func() {
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	_, _ = syscall.Wait4(s.cmd.Process.Pid, nil, syscall.WUNTRACED, nil) // until it has stopped
	return func() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
}

func (s *server) throttle() func() {
	return s.answering(http.StatusTooManyRequests, `{"errors":["rate limit quota exceeded"]}`)
}

// answering gives an answer in place of the engine, until the returned function is called.
func (s *server) answering(status int, body string) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
	s.answer = func(*http.Request) (int, string) { return status, body }
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
