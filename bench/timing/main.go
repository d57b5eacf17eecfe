// Command timing tells what can be told apart by how long it takes to open it: see package
// internal/timing, which judges it. It is no test: machines differ, and a person reads it.
//
//	cd bench && go run ./timing                      # every pair, some minutes
//	cd bench && go run ./timing -pair 'PKCS #1 v1.5' # pairs whose names match
//
// Pairs of keys in services are benchmarks of the adapters, where the services are:
//
//	cd keyset/pkcs11 && go test -run '^$' -bench Timing -benchtime 4000x # awskms, vault
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/sealwax/sealwax/internal/timing"
)

func main() {
	ctx := context.Background()
	all, err := pairs(ctx)
	if err == nil {
		err = timing.Run(ctx, os.Stdout, all, os.Args[1:]...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "timing:", err)
		os.Exit(1)
	}
}

func pairs(ctx context.Context) (all []timing.Pair, err error) {
	for _, list := range []func(context.Context) ([]timing.Pair, error){unwrapping, bodies, keys, signers} {
		some, err := list(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
