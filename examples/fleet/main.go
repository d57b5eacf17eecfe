// Fleet is a payment shop that serves a partner from three replicas, each a process of its
// own, while an operator rotates all four keys of the relationship. The manifests lie in
// etcd, and the memory of messages in Valkey or Redis, both of which it starts. The
// partner sends without a pause, and sends every tenth message once more, to another
// replica. One replica is killed at the worst moment of each step, one is cut off from its
// store for ten seconds, two operators act at once, and etcd is killed and started again.
// At the end no request has failed, and no message was accepted twice:
//
//	cd examples/fleet && go run .
//
// Without etcd or Valkey it says what to install, and runs on a folder and on the memory
// of each process instead. The operator's command is the program itself:
//
//	fleet rotate -store etcd://127.0.0.1:2379/shop -keys keys promote own.json sign-2
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run, args := story, os.Args[1:]
	if len(args) != 0 {
		switch args[0] {
		case "replica":
			run, args = replica, args[1:]
		case "rotate":
			run, args = rotate, args[1:]
		}
	}
	err := run(ctx, args)
	var coded *exitError
	switch {
	case errors.As(err, &coded):
		fmt.Fprintln(os.Stderr, coded)
		os.Exit(coded.status)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// An exitError is an error with the exit status of the program.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }
