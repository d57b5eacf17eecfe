package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/keyset"
)

// revoke waits for nothing: neither for key files, nor for others who write, nor for a
// file that can be read as a whole. What else a torn one should say is not clear, so that
// nothing else in it changes.
func (r *rotation) revoke(ctx context.Context, name, next string) error {
	id := keyset.ID(name)
	ring, err := r.load(ctx, states)
	var torn *keyset.ManifestError
	if err != nil && !errors.As(err, &torn) {
		return err
	}
	if torn == nil {
		err := onKey(ring, name, func(found keyset.ID) error { id = found; return nil })
		if err != nil {
			return err
		}
	}
	if err := r.do(ctx, func(is *keyset.Ring) error { return is.Revoke(id) }); err != nil {
		return fmt.Errorf("nothing is written: %w; mend it, or revoke the key in the programs that run: keyset.Ring.RevokeAll(%q)", err, id)
	}
	if torn != nil {
		text := fmt.Sprintf(`revoke: key %s is revoked in %s, which cannot be read: %v
next: let every replica load this at once: programs that follow it take what it revokes,
and nothing else of it. Then mend it, and keep every entry that is revoked, also one
that stands behind the end
`, id, r.file, torn)
		return r.c.say(tornReport{id, torn.Line, torn.Error()}, text, false)
	}
	before := ring.Load().Revision()
	if ring, err = r.load(ctx, states); err != nil {
		return err
	}
	if ring.Load().Revision() == before {
		return r.say(ring, nothingToDo)
	}
	return r.say(ring, fmt.Sprintf("revoke: revision %d\n%s\n", ring.Load().Revision(), next))
}

// A tornReport is what revoke says in JSON of a file that is no manifest.
type tornReport struct {
	Revoked keyset.ID `json:"revoked"`
	Line    int       `json:"line,omitempty"`
	Torn    string    `json:"torn"`
}
