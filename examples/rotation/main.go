// Rotation is a program in which two parties replace every key they have while
// they exchange messages without pause, and not one message fails.
//
// Each party is an HTTP server with an echo endpoint and a client that calls
// the other's. Workers send sealed requests in both directions all the time.
// Meanwhile both sides walk through the procedure of package keyset:
//
//	add       the next key is generated and added: it opens, it does not seal
//	hand over its public half is added on the other side, likewise
//	prove     an echo sealed with it is answered, which is the evidence
//	promote   it seals
//	retire    the old key no longer seals
//	remove    the old key has been idle, and others have done its work
//
// Then one key is revoked as compromised. What was sealed with the removed and
// revoked keys is replayed, and must be rejected.
//
// The exit status is 1 if a request failed, or if a removed or revoked key was
// still accepted.
//
// With -format openpgp-pq the two go from RSA to post-quantum keys, and one of them back.
//
// On a terminal a picture of the keys and the requests is below the timeline, and
// lines are broken where the terminal ends. Where TERM is empty or "dumb", or the
// output is a file or a pipe, neither is. Where NO_COLOR is set and not empty, the
// picture has no colors.
//
//	go run ./examples/rotation -format pgp -duration 5s -workers 4
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program, and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("rotation", flag.ContinueOnError)
	flags.SetOutput(stderr)
	name := flags.String("format", "both", "`name` of the format: pgp, jose, both, or openpgp-pq")
	duration := flags.Duration("duration", 5*time.Second, "how long messages flow in each format, at least")
	workers := flags.Int("workers", 4, "how many `workers` send in each direction, from 1 to 100")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	chosen, known := formats[*name]
	if !known || *duration < 0 || *workers < 1 || *workers > 100 || flags.NArg() != 0 {
		fmt.Fprintln(stderr, "rotation: cannot make sense of the arguments")
		flags.Usage()
		return 2
	}
	if isTerminal(stdout, os.Getenv("TERM")) {
		terminal := stdout.(*os.File)
		screen := newScreen(terminal, func() int { return columns(terminal) }, os.Getenv("NO_COLOR") == "")
		defer screen.close()
		stdout = screen
	}
	return play(ctx, chosen, *workers, *duration, stdout, nil)
}

// play runs one format after the other. before, if not nil, is called before
// each step: tests do harm there.
func play(ctx context.Context, chosen []*format, workers int, duration time.Duration, out io.Writer, before func(step string, s *story)) int {
	status := 0
	var requests, failed uint64
	for n, f := range chosen {
		s := newStory(f, workers, duration, out, before)
		s.picture.before, s.picture.of = n*s.steps(), len(chosen)*s.steps()
		if err := s.tell(ctx); err != nil {
			fmt.Fprintf(out, "\nFAILED: %v\n", err)
			status = 1
		}
		requests += s.traffic.requests.Load()
		failed += s.traffic.failed.Load()
	}
	fmt.Fprintf(out, "\nrequests %d, failed %d\n", requests, failed)
	if failed != 0 || requests == 0 {
		status = 1
	}
	return status
}
