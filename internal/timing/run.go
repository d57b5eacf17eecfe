package timing

import (
	"context"
	"flag"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"time"
)

// Run is a command with the arguments args: it measures the pairs and prints them.
func Run(ctx context.Context, w io.Writer, pairs []Pair, args ...string) error {
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
