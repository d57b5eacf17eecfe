package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// init makes a manifest. One that was lost is made anew with a revision above the last:
// replicas take none that is older than what they have.
func (r *rotation) init(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return misuse("init takes MANIFEST KEYFILE...")
	}
	if r.revision == 0 {
		return misuse("-revision is at least 1")
	}
	exists := fmt.Errorf("%s exists: init does not write over a manifest", r.file)
	if _, err := os.Lstat(r.file); err == nil {
		return exists
	}
	var entries []keyset.Key
	for _, file := range files {
		keys, source, err := r.material(ctx, file, !r.public)
		if err != nil {
			return err
		}
		for _, m := range keys {
			entries = append(entries, keyset.Key{Material: m, State: keyset.Active, Source: source, Since: r.now.UTC().Truncate(time.Second)})
		}
	}
	s, err := keyset.New(r.revision, entries...)
	if err != nil {
		return err
	}
	for k := range s.All() {
		if err := r.alike(s, k.Material); err != nil {
			return err
		}
	}
	folder, err := os.OpenRoot(filepath.Dir(r.file))
	if err != nil {
		return err
	}
	defer folder.Close()
	err = keyset.Create(ctx, keyset.File(folder, filepath.Base(r.file)), s.Manifest())
	if errors.Is(err, keyset.ErrConflict) {
		return exists // somebody was first
	}
	if err != nil {
		return err
	}
	return r.say(keyset.NewRing(s), fmt.Sprintf("made %s: revision %d\n%s", r.file, r.revision, keyLines(s)))
}
