// Package sealctltest runs the sealctl that a module of an adapter builds, as an operator
// does. Each adapter holds its own to the same.
package sealctltest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Program is a sealctl, and the folder that it works in.
type Program struct {
	Dir string

	t            testing.TB
	name, secret string
	env          []string
}

// Build builds the package ./sealctl beside the test. env is what it is told beside the
// environment of the test. It never prints the secret.
func Build(t testing.TB, secret string, env ...string) *Program {
	dir := t.TempDir()
	p := &Program{Dir: dir, t: t, name: filepath.Join(dir, "sealctl"), secret: secret, env: env}
	out, err := exec.Command("go", "build", "-o", p.name, "./sealctl").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return p
}

// Write writes a file that the program reads.
func (p *Program) Write(name, text string) {
	require.NoError(p.t, os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o600))
}

func (p *Program) run(args ...string) (said string, err error) {
	c := exec.Command(p.name, args...)
	c.Dir, c.Env = p.Dir, append(os.Environ(), p.env...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	said = out.String() + errs.String()
	assert.NotContains(p.t, said, p.secret, args)
	return said, err
}

// Run runs a command that succeeds, and returns what it says.
func (p *Program) Run(args ...string) string {
	p.t.Helper()
	said, err := p.run(args...)
	require.NoError(p.t, err, "%v: %s", args, said)
	return said
}

// Fails runs a command that does not succeed, and says what is wanted.
func (p *Program) Fails(want string, args ...string) {
	p.t.Helper()
	said, err := p.run(args...)
	assert.Error(p.t, err, args)
	assert.Contains(p.t, said, want, args)
}

// Keys are sources of keys in a service, as the program takes them.
type Keys struct {
	Sign, Read string // of the manifest
	Next       string // a key that signs, which is added
}

// Exchange does with keys in a service what can be done with files: it makes a manifest,
// audits it, exchanges a message each way with a partner whose keys are files, and adds a
// key. Every command gets the flags.
func (p *Program) Exchange(k Keys, flags ...string) {
	with := func(args ...string) []string { return append(args, flags...) }
	p.Write("order.json", `{"amount":"12.50"}`)
	partner := []string{"-own", "shop-sign.jwk", "-own", "shop-enc.jwk", "-peer", "own.jwks"}
	p.Run("keygen", "-format", "jose", "-alg", "ES256", "-name", "shop", "-o", "shop-sign.jwk")
	p.Run("keygen", "-format", "jose", "-alg", "ECDH-ES+A256KW", "-name", "shop", "-o", "shop-enc.jwk")
	p.Run("public", "shop-sign.jwk", "shop-enc.jwk", "-o", "shop.jwks")
	p.Run(with("rotate", "own.json", "init", k.Sign, k.Read)...)
	assert.Contains(p.t, p.Run(with("check", "own.json")...), "nothing to report")
	p.Run(with("public", "own.json", "-o", "own.jwks")...)
	p.Run(with("seal", "-own", "own.json", "-peer", "shop.jwks", "-o", "sealed", "order.json")...)
	assert.Contains(p.t, p.Run(append([]string{"open", "sealed"}, partner...)...), "12.50")
	p.Run(append([]string{"seal", "-o", "sealed", "order.json"}, partner...)...)
	assert.Contains(p.t, p.Run(with("open", "-own", "own.json", "-peer", "shop.jwks", "sealed")...), "12.50")
	assert.Contains(p.t, p.Run(with("rotate", "own.json", "add", k.Next)...), "revision 2")
	assert.Contains(p.t, p.Run(with("rotate", "own.json")...), k.Next)
}
