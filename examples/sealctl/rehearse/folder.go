// Package rehearse plays the network that tests an endpoint before its launch, over HTTP:
// the cases are those of envelopetest.Rehearse, and what only a network shows.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/keyset"
)

// A Folder holds the keys with which the network is played:
//
//	private/    the network's own, for nobody else
//	trust/      the public keys that the endpoint has to trust at this step, a file each
//	peer.json   the same as a manifest of this module, which an endpoint can follow
//	step        the step
type Folder struct {
	name    string
	Network *rehearsal.Network
	step    string // of an earlier rehearsal
}

// MakeFolder makes a folder with new keys, and what the endpoint has to trust at first: one
// key if it is to rotate, and otherwise two.
func MakeFolder(ctx context.Context, name string, partner *keyset.Set, profile rehearsal.Profile, rotates bool) (*Folder, error) {
	f := &Folder{name: name}
	if _, err := os.Stat(name); err == nil {
		return nil, fmt.Errorf("%s exists: keys are never written over others; name another folder with -keys", name)
	}
	var err error
	if f.Network, err = rehearsal.NewNetwork(partner, profile); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.path("private"), 0o700); err != nil {
		return nil, err
	}
	for _, file := range f.Network.Files() {
		if err := os.WriteFile(f.path("private", file.Name), file.Data, 0o600); err != nil {
			return nil, err
		}
	}
	at := rehearsal.Standing()
	if rotates {
		at = rehearsal.Beginning()
	}
	if err := f.Write(ctx, at); err != nil {
		return nil, err
	}
	// Last: until it is there, the keys are not whole.
	return f, os.WriteFile(f.path("private", "made"), fmt.Appendf(nil, "%s %s\n", f.Network.Made().Format(time.RFC3339), profile), 0o600)
}

// OpenFolder reads a folder that was made for the same.
func OpenFolder(name string, partner *keyset.Set, profile rehearsal.Profile, rotates bool) (*Folder, error) {
	f := &Folder{name: name}
	made, err := os.ReadFile(f.path("private", "made"))
	if err != nil {
		return nil, err
	}
	date, madeFor, _ := strings.Cut(strings.TrimSpace(string(made)), " ")
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path("private", "made"), err)
	}
	if madeFor != string(profile) {
		return nil, fmt.Errorf("the keys of %s are for profile %q: name another folder with -keys, or that profile", name, madeFor)
	}
	f.Network, err = rehearsal.ReadNetwork(partner.Format(), profile, at, func(name string) ([]byte, error) { return os.ReadFile(f.path("private", name)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no keys for %s: name another folder with -keys: %w", name, partner.Format(), err)
	}
	if err != nil {
		return nil, err
	}
	step, err := os.ReadFile(f.path("step"))
	if err != nil {
		return nil, err
	}
	f.step = strings.TrimSpace(string(step))
	switch begins := f.step == rehearsal.Beginning().Name; {
	case time.Now().After(f.Network.Over()):
		return nil, fmt.Errorf("the keys of %s ended on %s: name another folder with -keys, and have the endpoint remove these", name, f.Network.Over().Format(time.DateOnly))
	case rotates && !begins:
		return nil, fmt.Errorf("the keys of %s stand at step %q: a rotation begins with new ones, since what it revokes is so for ever; name another folder with -keys", name, f.step)
	case !rotates && f.step != rehearsal.Standing().Name:
		return nil, fmt.Errorf("the keys of %s stand at step %q of a rotation: name another folder with -keys, or go on with -wait or -on-step", name, f.step)
	}
	return f, nil
}

func (f *Folder) path(parts ...string) string {
	return filepath.Join(append([]string{f.name}, parts...)...)
}

// Write writes what the endpoint has to trust at a step.
func (f *Folder) Write(ctx context.Context, s rehearsal.Step) error {
	files, err := f.Network.TrustFiles(ctx, s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.path("trust"), 0o755); err != nil {
		return err
	}
	there, err := os.ReadDir(f.path("trust"))
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, file := range files {
		wanted[file.Name] = true
		if err := replace(f.path("trust", file.Name), file.Data); err != nil {
			return err
		}
	}
	m, err := f.Network.Manifest(s, "trust/")
	if err != nil {
		return err
	}
	if err := m.WriteFile(f.path("peer.json")); err != nil {
		return err
	}
	// After the manifest, so that what it names is there all the time.
	for _, old := range there {
		if !wanted[old.Name()] {
			if err := os.Remove(f.path("trust", old.Name())); err != nil {
				return err
			}
		}
	}
	f.step = s.Name
	return replace(f.path("step"), []byte(s.Name+"\n"))
}

// replace writes a file whole: an endpoint may read it at any time.
func replace(name string, data []byte) error {
	if err := os.WriteFile(name+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
