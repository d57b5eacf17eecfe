package timing

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"time"
)

// Main is a command that measures and prints the pairs that list returns. It does not
// return.
func Main(args []string, list func(context.Context) ([]Pair, error)) {
	if err := Run(context.Background(), os.Stdout, args, list); err != nil {
		fmt.Fprintln(os.Stderr, "timing:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Run is Main with where it prints, and an error.
func Run(ctx context.Context, w io.Writer, args []string, list func(context.Context) ([]Pair, error)) error {
	flags := flag.NewFlagSet("timing", flag.ContinueOnError)
	m := Method{Now: Clock()}
	flags.IntVar(&m.Rounds, "rounds", 4000, "how many rounds of each pair")
	flags.Uint64Var(&m.Seed, "seed", 1, "of the order of each round")
	name := flags.String("pair", "", "measure only the pairs whose names match this regular expression")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*name)
	if err != nil {
		return err
	}
	pairs, err := list(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %s, %d cores of %s; intervals at %.1f%%\n\n", time.Now().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), runtime.GOARCH, 100*Confidence)
	for _, p := range pairs {
		if !wanted.MatchString(p.Name) {
			continue
		}
		s, err := m.Measure(ctx, p)
		if err != nil {
			return err
		}
		if err := Print(w, p, s); err != nil {
			return err
		}
	}
	return nil
}
