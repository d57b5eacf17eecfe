// Package command is sealctl, for programs that read further kinds of key files, or use
// keys in a service: see [Main].
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// KeyFiles reads files with JOSE keys, and opens keys in services. It is the one place
// where sealctl can be built with more than [Files] reads.
type KeyFiles struct {
	Read func(r io.Reader, use keyset.Use, password func() ([]byte, error)) ([]*jwe.Key, []jwe.PassedOver, error)
	Open func(fsys fs.FS, password func(context.Context, keyset.ManifestKey) ([]byte, error)) keyset.Opener // of sources "file:NAME"

	// Services opens sources of other schemes, such as "pkcs11" for "pkcs11:token=bank",
	// wherever a key file or a manifest is named.
	Services map[string]Service
}

// Files reads what package jwe does, which has no files with passwords.
var Files = KeyFiles{
	Read: func(r io.Reader, use keyset.Use, _ func() ([]byte, error)) ([]*jwe.Key, []jwe.PassedOver, error) {
		return jwe.ReadKeys(r, use)
	},
	Open: func(fsys fs.FS, _ func(context.Context, keyset.ManifestKey) ([]byte, error)) keyset.Opener {
		return jwe.OpenFile(fsys)
	},
}

// Main runs the command line of the program, and exits.
func Main(files KeyFiles) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status := Run(ctx, files, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// The exit statuses.
const (
	done = iota
	failed
	misused
	rejected
	found
	refused
)

// A command is one word of the command line.
type command struct {
	name, args string
	what       string // one line
	help       string // what a person needs to know beside the flags
	run        func(ctx context.Context, c *call) error
}

func commands() []command {
	return []command{keygen, public, fingerprint, seal, open, inspect, check, cbom, rotate, serve, rehearseURL, completion(), man(), helpOn()}
}

// Run runs one command and returns the exit status.
func Run(ctx context.Context, files KeyFiles, args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 {
		usage(errs)
		return misused
	}
	switch args[0] {
	case "-h", "-help", "--help":
		usage(out)
		return done
	}
	for _, cmd := range commands() {
		if cmd.name != args[0] {
			continue
		}
		c := newCall(cmd, files, args[1:], in, out, errs)
		err := cmd.run(ctx, c)
		if err == nil {
			return done
		}
		if errors.Is(err, flag.ErrHelp) {
			c.usage(out)
			return done
		}
		return c.fail(err)
	}
	fmt.Fprintf(errs, "sealctl: there is no command %q; sealctl -h lists them\n", args[0])
	return misused
}

func usage(w io.Writer) {
	fmt.Fprint(w, "sealctl seals and opens messages, in OpenPGP and in JOSE, and rotates the keys.\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  sealctl %-11s %s\n", cmd.name, cmd.what)
	}
	fmt.Fprint(w, topHelp+"\nsealctl help COMMAND says more, and sealctl help keys what a key file is.\n")
}

// An exitError is an error with the status that it ends the program with.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func misuse(format string, args ...any) error {
	return &exitError{misused, fmt.Errorf(format, args...)}
}

func status(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.status
	}
	if errors.Is(err, envelope.ErrRejected) {
		return rejected
	}
	return failed
}
