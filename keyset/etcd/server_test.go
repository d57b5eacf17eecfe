package etcd_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// A server is a real etcd, with its data in a folder of the test.
type server struct {
	t       testing.TB
	args    []string
	url     string
	process *exec.Cmd
	log     string
}

// program is the path of etcd.
func program(t testing.TB) string {
	path, err := exec.LookPath("etcd")
	if err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") == "1" {
			t.Fatal("etcd is not installed, and SEALWAX_REQUIRE_PEERS is set")
		}
		t.Skip("etcd is not installed: on Debian it is in etcd-server")
	}
	return path
}

// address is one of this machine that nobody uses at the moment.
func address(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

// members prepares a cluster of n servers; none of them runs yet.
func members(t testing.TB, n int) []*server {
	program(t)
	all, cluster := make([]*server, n), make([]string, n)
	peers := make([]string, n)
	for i := range all {
		peers[i] = address(t)
		cluster[i] = fmt.Sprintf("m%d=%s", i, peers[i])
	}
	for i := range all {
		dir, client := t.TempDir(), address(t)
		all[i] = &server{t: t, url: client, log: filepath.Join(dir, "log"), args: []string{
			"--name", fmt.Sprint("m", i), "--data-dir", filepath.Join(dir, "data"),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i],
			"--initial-cluster", strings.Join(cluster, ","),
		}}
		t.Cleanup(all[i].kill)
	}
	return all
}

// start runs one server.
func start(t testing.TB) *server {
	s := members(t, 1)[0]
	s.run()
	s.ready()
	return s
}

func (s *server) run() {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.t, err)
	defer log.Close()
	s.process = exec.Command(program(s.t), s.args...)
	s.process.Env = []string{"PATH=" + os.Getenv("PATH")} // not the ETCD_… of this machine
	s.process.Stdout, s.process.Stderr = log, log
	require.NoError(s.t, s.process.Start())
}

// kill ends the server at once, as a crash does.
func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// ready waits until the server answers.
func (s *server) ready() {
	c := s.client()
	var err error
	for range 60 {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		_, err = c.Get(ctx, "ready")
		cancel()
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	raw, _ := os.ReadFile(s.log)
	require.NoError(s.t, err, "etcd does not answer:\n%s", raw)
}

// client is a connection of its own, as another process has one.
func (s *server) client(change ...func(*clientv3.Config)) *clientv3.Client {
	config := config(s.url)
	config.DialTimeout, config.Logger = 5*time.Second, zap.NewNop()
	for _, f := range change {
		f(&config)
	}
	c, err := clientv3.New(config)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

var prefixes atomic.Int64

// prefix is one that no other test uses.
func prefix() string { return fmt.Sprintf("test/%d", prefixes.Add(1)) }
