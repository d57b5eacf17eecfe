package valkey_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope/valkey"
)

// A server is a process of our own, which a test may kill.
type server struct {
	t    testing.TB
	dir  string
	addr string
	args []string
	cmd  *exec.Cmd
}

// program is the server that is installed.
func program(t testing.TB) string {
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
		t.Fatal("neither valkey-server nor redis-server is installed, and SEALWAX_REQUIRE_PEERS is set")
	}
	t.Skip("neither valkey-server nor redis-server is installed")
	return ""
}

func newServer(t testing.TB, args ...string) *server {
	s := &server{t: t, dir: t.TempDir(), addr: freeAddr(t), args: args}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// start starts the server, also again, and waits until it answers.
func (s *server) start() {
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(s.t, err)
	args := append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"}, s.args...)
	s.cmd = exec.Command(program(s.t), args...)
	require.NoError(s.t, s.cmd.Start())
	c := redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1})
	defer c.Close()
	require.Eventually(s.t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := c.Ping(ctx).Err()
		return err == nil || strings.HasPrefix(err.Error(), "NOAUTH")
	}, 10*time.Second, 10*time.Millisecond)
}

func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) signal(sig syscall.Signal) { require.NoError(s.t, s.cmd.Process.Signal(sig)) }

func (s *server) client() *redis.Client {
	return clientOf(s.t, &redis.Options{Addr: s.addr})
}

func clientOf(t testing.TB, o *redis.Options) *redis.Client {
	o.ContextTimeoutEnabled = true
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// do runs one command, for an operator.
func (s *server) do(args ...any) any {
	said, err := s.client().Do(context.Background(), args...).Result()
	require.NoError(s.t, err, "%v", args)
	return said
}

var names struct {
	sync.Mutex
	n int
}

// fresh is the Config of a memory that nobody else has.
func fresh() valkey.Config {
	names.Lock()
	defer names.Unlock()
	names.n++
	return valkey.Config{Environment: "test", Partner: fmt.Sprint("partner-", names.n), Direction: "orders"}
}

func newMemory(t testing.TB, client redis.UniversalClient, c valkey.Config) *valkey.Memory {
	m, err := valkey.New(context.Background(), client, c)
	require.NoError(t, err)
	return m
}

// A link carries bytes between a client and a server. It loses answers on request.
type link struct {
	net.Listener
	to string

	mu   sync.Mutex
	lose int // so many of the next answers
}

func newLink(t testing.TB, to string) *link {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	k := &link{Listener: l, to: to}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go k.carry(client)
		}
	}()
	return k
}

func (k *link) loseNext(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lose = n
}

func (k *link) lost() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lose == 0 {
		return false
	}
	k.lose--
	return true
}

func (k *link) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", k.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer server.Close()
		copyAll(server, client, func() bool { return false })
	}()
	copyAll(client, server, k.lost)
}

func copyAll(dst, src net.Conn, lost func() bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if err != nil || lost() {
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}
