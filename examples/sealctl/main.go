// Sealctl makes keys, seals, opens, and explains messages, and walks keys through
// a rotation, from the command line. It is written on the public packages of
// this module alone.
//
//	go run github.com/sealwax/sealwax/examples/sealctl -h
//
// Keys are read from files, or from standard input as "-", never from arguments.
// What a command makes goes to standard output, or to the file of -o; what it
// says about it goes to standard error, or to standard output if nothing else is
// there. With -json it is one JSON object.
//
// The exit status is
//
//	0  done
//	1  not done: a file, a key, or a setting is at fault, or a key service
//	2  not understood: see -h
//	3  the message is rejected (open, inspect)
//	4  there are findings (check)
//	5  the step is refused: too early, or the wrong one (rotate)
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/sealwax/sealwax/envelope"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
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
	return []command{keygen, public, seal, open, inspect, check, rotate}
}

// run runs one command and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 {
		usage(errs)
		return misused
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		usage(out)
		return done
	}
	for _, cmd := range commands() {
		if cmd.name != args[0] {
			continue
		}
		c := newCall(cmd, args[1:], in, out, errs)
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
		fmt.Fprintf(w, "  sealctl %-8s %s\n", cmd.name, cmd.what)
	}
	fmt.Fprint(w, `
sealctl COMMAND -h says more. Keys are read from files, or from standard input as
"-". A key file is an OpenPGP certificate or keyring, a JWK, a JWK Set, PEM, DER, or a
manifest, which lists key files with their states. The exit status is 0 when it
is done, 1 when something on our side is at fault, 2 for a command line that is
not understood, 3 for a rejected message, 4 for findings of check, and 5 for a
step that rotate refuses.
`)
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
