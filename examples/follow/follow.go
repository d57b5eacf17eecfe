// Package follow keeps the rings of a server up to date with the manifests that
// its operators write, and tells them what needs their attention. The runbook in
// docs/rotation.md quotes it.
package follow

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// idle is how long a key must have been unused before it may be removed: as long
// as a message can be under way.
const idle = 7 * 24 * time.Hour

// Follow reads the manifest and brings the ring up to it. On error the ring
// stays as it was, revocations apart, and the next call tries again.
func Follow(ctx context.Context, ring *keyset.Ring, keys *os.Root, name string) error {
	f, err := keys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, err := keyset.ReadManifest(f)
	if err != nil {
		return err
	}
	_, err = ring.Reload(ctx, manifest, idle, pgp.OpenFile(keys.FS(), nil))
	return err
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

// Usage returns what this replica has counted of every key, as "sealctl rotate
// remove -usage" reads it.
func Usage(ring *keyset.Ring) ([]byte, error) {
	all := map[keyset.ID]keyset.Usage{}
	for k := range ring.Load().All() {
		if u, ok := ring.Usage(k.ID()); ok {
			all[k.ID()] = u
		}
	}
	return json.Marshal(all)
}
