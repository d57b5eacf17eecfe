package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A server is a program that the example starts.
type server struct {
	program string
	args    []string
	address string
	log     io.Writer
	cmd     *exec.Cmd
}

// freePort returns a port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func newEtcd(dir string, log io.Writer) (*server, error) {
	program, err := exec.LookPath("etcd")
	if err != nil {
		return nil, err
	}
	client, err := freePort()
	if err != nil {
		return nil, err
	}
	peer, err := freePort()
	if err != nil {
		return nil, err
	}
	at, between := fmt.Sprintf("http://127.0.0.1:%d", client), fmt.Sprintf("http://127.0.0.1:%d", peer)
	return &server{program: program, address: fmt.Sprintf("127.0.0.1:%d", client), log: log, args: []string{
		"--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", at, "--advertise-client-urls", at,
		"--listen-peer-urls", between, "--initial-advertise-peer-urls", between, "--initial-cluster", "default=" + between, "--log-level", "error"}}, nil
}

func newValkey(dir string, log io.Writer) (*server, error) {
	program, err := exec.LookPath("valkey-server")
	if err != nil {
		program, err = exec.LookPath("redis-server")
	}
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return &server{program: program, address: fmt.Sprintf("127.0.0.1:%d", port), log: log, args: []string{
		"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"}}, nil
}

// start waits until the server answers.
func (s *server) start(ctx context.Context) error {
	s.cmd = exec.Command(s.program, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if c, err := net.DialTimeout("tcp", s.address, time.Second); err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return ctx.Err()
}

func (s *server) kill() {
	if s != nil && s.cmd != nil {
		_ = s.cmd.Process.Signal(os.Kill)
		_ = s.cmd.Wait()
	}
}
