//go:build unix

// Package process runs the servers that the tests of adapters, and examples, kill, stop, and
// start again.
package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Build builds a program of the module in dir, into a folder of its own that the caller
// removes. The flags of this run, such as -race and -json, are not for it.
func Build(dir string, args ...string) (name string, err error) {
	folder, err := os.MkdirTemp("", "server")
	if err != nil {
		return "", err
	}
	name = filepath.Join(folder, "server")
	cmd := exec.Command("go", append([]string{"build", "-o", name}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("%w: %s", err, out), os.RemoveAll(folder))
	}
	return name, nil
}

// FreeAddr returns an address of this machine on which nobody listens at the moment.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// A Server is a program that listens on Addr. It is used by one goroutine.
type Server struct {
	Addr    string
	Command func() *exec.Cmd // for each start

	cmd *exec.Cmd
}

// patience is how long a server takes to listen.
const patience = 20 * time.Second

// Start starts the server, also again, and waits until it listens.
func (s *Server) Start() error {
	s.cmd = s.Command()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", s.Addr)
		if err == nil {
			return c.Close()
		}
		if time.Since(began) > patience {
			return err
		}
	}
}

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Stall has the server take what it is asked and not answer, until resume is called.
func (s *Server) Stall() (resume func()) {
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	_, _ = syscall.Wait4(s.cmd.Process.Pid, nil, syscall.WUNTRACED, nil) // until it has stopped
	return func() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
}
