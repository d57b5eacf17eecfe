//go:build unix

package process_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/process"
)

// echo is the program of the tests: it answers each connection with one byte.
const echo = `package main

import (
	"net"
	"os"
)

func main() {
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte{1})
			_ = c.Close()
		}
	}
}
`

func TestServer(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module echo\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(echo), 0o600))
	name, err := process.Build(dir, ".")
	require.NoError(t, err)
	defer os.RemoveAll(filepath.Dir(name))
	addr, err := process.FreeAddr()
	require.NoError(t, err)
	s := &process.Server{Addr: addr, Command: func() *exec.Cmd { return exec.Command(name, addr) }}
	answers := func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
		n, _ := c.Read(make([]byte, 1))
		return n == 1
	}
	require.NoError(t, s.Start())
	assert.True(t, answers())
	resume := s.Stall()
	assert.False(t, answers())
	resume()
	require.Eventually(t, answers, 10*time.Second, 10*time.Millisecond)
	s.Kill()
	assert.False(t, answers())
	require.NoError(t, s.Start())
	assert.True(t, answers())
	s.Kill()

	_, err = process.Build(dir, "./none")
	assert.ErrorContains(t, err, "none")
}
