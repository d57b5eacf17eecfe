package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

const nothingToDo = "nothing to do: it is so already\n"

// What a step must know of the keys of a manifest.
type needs int

const (
	uses   needs = iota // what each key is for: from its file if the manifest does not say it
	states              // nothing else, so that no key file is opened
	files               // the keys themselves
)

// A step is what rotate does to a ring.
type step struct {
	args  []string
	more  bool // the last argument may be there several times
	needs needs
	next  string // what to do after it, if that is not a matter of the key
	run   func(ctx context.Context, ring *keyset.Ring, args []string) error
}

func (r *rotation) steps() map[string]step {
	one := []string{"KEY"}
	return map[string]step{
		"show":    {needs: files},
		"add":     {args: []string{"KEYFILE"}, more: true, needs: files, run: r.add},
		"refresh": {[]string{"KEYFILE"}, true, files, "next: let every replica load this", r.refresh},
		"acknowledge": {[]string{"KEY", "EVIDENCE"}, false, uses, "next: promote, once all replicas of both sides have the key",
			func(_ context.Context, ring *keyset.Ring, args []string) error {
				return onKey(ring, args[0], func(id keyset.ID) error { return ring.Acknowledge(id, args[1]) })
			}},
		"promote": {one, false, uses, "next: let every replica load this; then retire the old key",
			func(_ context.Context, ring *keyset.Ring, args []string) error {
				return onKey(ring, args[0], ring.Promote)
			}},
		"retire": {one, false, uses, "next: let every replica load this; the old key opens what is under way; remove it when it is idle. Back: promote",
			func(_ context.Context, ring *keyset.Ring, args []string) error {
				return onKey(ring, args[0], ring.Retire)
			}},
		"remove": {one, false, uses, "", r.remove},
		"forget": {[]string{"REPLICA", "REASON"}, false, states, "next: no step waits for it; if it lives, it reports again",
			func(_ context.Context, ring *keyset.Ring, args []string) error { return ring.Forget(args[0], args[1]) }},
		"revoke": {args: one, next: "next: let every replica load this at once, and tell the partner: it does not learn of it from us"},
	}
}

func onKey(ring *keyset.Ring, name string, f func(keyset.ID) error) error {
	k, err := find(ring.Load(), name)
	if err != nil {
		return &exitError{failed, err}
	}
	return f(k.ID())
}

// refusal marks the errors of a step that is early or wrong.
func refusal(err error) error {
	for _, target := range []error{keyset.ErrTransition, keyset.ErrUnproven, keyset.ErrLastActive, keyset.ErrLastOpener, keyset.ErrBusy, keyset.ErrDuplicate, keyset.ErrIncomplete, keyset.ErrLagging} {
		if errors.Is(err, target) {
			return &exitError{refused, err}
		}
	}
	return err
}

func (r *rotation) add(ctx context.Context, ring *keyset.Ring, args []string) error {
	return r.each(ctx, ring, args, func(m keyset.Material, source string) error {
		if err := r.alike(ring.Load(), m); err != nil {
			return err
		}
		return ring.Add(ctx, m, source)
	})
}

// alike refuses a second key with one "kid": a message names its key by that alone. Users
// of OpenPGP keep their User ID.
func (r *rotation) alike(s *keyset.Set, m keyset.Material) error {
	i := m.Info()
	if i.Format != keyset.JOSE || r.sameName {
		return nil
	}
	for k := range s.All() {
		if k.Material.Info().Name == i.Name && k.ID() != i.ID && k.Material.Info().Use&i.Use != 0 {
			return &exitError{refused, fmt.Errorf("key %s has the kid of key %s, by which messages name their key: give it another with -name, or say -same-name if the partner writes it so", i.ID, describe(k))}
		}
	}
	return nil
}

func (r *rotation) refresh(ctx context.Context, ring *keyset.Ring, args []string) error {
	return r.each(ctx, ring, args, func(m keyset.Material, source string) error {
		if err := ring.Refresh(ctx, m, source); err != nil {
			return err
		}
		// Programs open the file, and take what it holds.
		held, _ := ring.Load().Lookup(m.Info().ID)
		if comparer, ok := held.Material.(keyset.Comparer); ok {
			if lost := comparer.Lacks(m); len(lost) != 0 {
				return fmt.Errorf("%w: %s lacks %s of key %s: merge both files first, for example with gpg --import",
					keyset.ErrIncomplete, source, strings.Join(lost, ", "), held.ID())
			}
		}
		return nil
	})
}

// each does f with every key of the files: the half that the manifest lists.
func (r *rotation) each(ctx context.Context, ring *keyset.Ring, names []string, f func(m keyset.Material, source string) error) error {
	for _, name := range names {
		keys, source, err := r.material(ctx, name, ring.Load().Private())
		if err != nil {
			return err
		}
		for _, m := range keys {
			if err := f(m, source); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// remove asks what the replicas have counted: this program has seen no traffic.
func (r *rotation) remove(_ context.Context, ring *keyset.Ring, args []string) error {
	return onKey(ring, args[0], func(id keyset.ID) error {
		if r.why != "" {
			return ring.RemoveUnchecked(id, r.why)
		}
		if len(r.usage) == 0 && r.asked == "" {
			return misuse("give the usage of every replica with -reports or -usage; or the reason with -unchecked if you know that the key is out of use")
		}
		return ring.Remove(id, time.Duration(r.idle))
	})
}
