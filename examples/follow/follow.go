// Package follow keeps the rings of a server up to date with the manifests that
// its operators write, and tells them what needs their attention. The runbook in
// docs/rotation.md quotes it.
package follow

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Follow loads the manifest, so that a server that listens afterwards has keys, and
// goes on with it until ctx ends. Whatever is wrong with the file, the ring keeps the
// keys that it has; what is refused is tried again every minute.
func Follow(ctx context.Context, ring *keyset.Ring, keys *os.Root, name string, log *slog.Logger) error {
	report := func(o keyset.Outcome, err error) {
		level := slog.LevelInfo
		if err != nil || len(o.Refused) != 0 {
			level = slog.LevelError
		}
		log.Log(ctx, level, "keys", "file", name, "outcome", o, "error", err)
	}
	follower, err := keyset.Follow(ctx, ring, keyset.File(keys, name), pgp.OpenFile(keys.FS(), nil), keyset.OnOutcome(report))
	if err != nil {
		return err
	}
	go follower.Run(ctx)
	return nil
}

// Alarms returns what a person should look at today: one line for each finding,
// stable in its first word.
func Alarms(ring *keyset.Ring, now time.Time) []string {
	var lines []string
	for _, f := range ring.Load().Check(now, keyset.Requirements{
		Lead:        60 * 24 * time.Hour,
		MaxLifetime: 731 * 24 * time.Hour, // agreed with the partner
		MinRSABits:  2048,
		Linger:      60 * 24 * time.Hour,
		Subkey:      true,
	}) {
		lines = append(lines, f.String())
	}
	return lines
}
