package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/sealwax/sealwax/keyset"
)

// follow returns a ring with the keys of the files. If they are a manifest, the ring
// follows it until ctx ends, and the group ends after that.
func (s *settings) follow(ctx context.Context, group *sync.WaitGroup, what string, files []string, want half) (*keyset.Ring, error) {
	set, err := s.keys.set(ctx, what, files, want)
	if err != nil {
		return nil, err
	}
	file := files[0]
	raw, err := os.ReadFile(file)
	if err != nil || !isManifest(raw) || set.Private() != (want == private) { // standard input, or not a file that can change
		return keyset.NewRing(set), nil
	}
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	ring := new(keyset.Ring)
	report := func(o keyset.Outcome, err error) {
		fmt.Fprintf(s.c.err, "sealctl %s: %s: %v\n", s.c.name, file, o)
		if err != nil {
			fmt.Fprintf(s.c.err, "sealctl %s: %s: %v\n", s.c.name, file, err)
		}
	}
	follower, err := keyset.Follow(ctx, ring, keyset.File(root, filepath.Base(file)), s.keys.opener(set.Format(), file), keyset.OnOutcome(report))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	group.Go(func() {
		defer root.Close()
		_ = follower.Run(ctx) // it ends with ctx
	})
	return ring, nil
}
