package keyset

import (
	"context"
	"errors"
	"fmt"
)

// Refresh replaces the material of the key with the same ID by a newer copy: a
// certificate with a new subkey, a later end, or a revocation. Both copies are
// merged, so that nothing that was revoked comes back; see [Refresher]. State,
// order, and usage stay; evidence stays unless a part that seals has changed, or,
// for material that is no Refresher, its name, use, algorithm, or size. Private
// material must pass its self-test. source becomes the Source of the key unless
// it is empty.
//
// A Revoked key can be refreshed, and stays Revoked. Refresh returns
// [ErrNotFound] if there is no such key, and the error of the rule that the new copy
// breaks: [ErrUnproven] if an Active key that did not seal would, [ErrLastActive],
// [ErrLastOpener], or [ErrBusy] if one that did would no longer. On error the
// current set stays; a copy that adds nothing changes nothing.
func (r *Ring) Refresh(ctx context.Context, m Material, source string) error {
	if isNil(m) || isTombstone(m) {
		return errors.New("keyset: only a key can refresh another, neither nil nor a tombstone")
	}
	id := m.Info().ID
	if r.Load().editing {
		return fmt.Errorf("keyset: key %s: this ring has states only, and no copy to compare the new one with; open the keys for this step", id)
	}
	for {
		old, err := r.Load().entry(id)
		if err != nil {
			return err
		}
		merged, err := refreshed(old, m)
		if err != nil {
			return err
		}
		from := source
		if from == "" {
			from = old.Source
		}
		if sameMaterial(merged.Material, old.Material) && from == old.Source {
			return nil
		}
		// A revoked key is used for nothing and may no longer work at all.
		if old.State != Revoked {
			if err := selfTest(ctx, merged); err != nil {
				return err
			}
		}
		outrun := false
		err = r.change(func(cur *ringState) (*ringState, error) {
			e, err := cur.set.entry(id)
			if err != nil {
				return nil, err
			}
			if outrun = e.info != old.info; outrun {
				return cur, nil // another copy came in between: merge with that one
			}
			is := e.with(func(k *Key) { k.Material, k.Source = merged.Material, from })
			is.info = merged.info
			resealed := resealedCopy(e, is)
			if resealed {
				is.Evidence = ""
			}
			s, err := cur.set.replace(is)
			if err != nil {
				return nil, err
			}
			next, err := cur.step(e, is, s, defaultIdle)
			if err == nil && resealed {
				next.uses[id].reseal(clock())
				next = next.telling(id, "")
			}
			return next, err
		})
		if err != nil || !outrun {
			return err
		}
	}
}

// refreshed merges the material of old with a newer copy.
func refreshed(old *entry, newer Material) (merged *entry, err error) {
	m := newer
	if refresher, ok := old.Material.(Refresher); ok {
		if m, _, err = refresher.Refresh(newer); err != nil {
			return nil, fmt.Errorf("keyset: key %s: refresh: %w", old.info.ID, err)
		}
		if isNil(m) {
			return nil, fmt.Errorf("keyset: key %s: refresh made nothing", old.info.ID)
		}
	}
	merged = newEntry(Key{Material: m})
	return merged, sameKey(old.info, merged.info)
}

// sameKey returns an error unless is describes a copy of the key that was does.
func sameKey(was, is *Info) error {
	switch {
	case is.ID != was.ID || is.Format != was.Format:
		return fmt.Errorf("keyset: key %s: the copy is another key", was.ID)
	case is.Private != was.Private:
		return fmt.Errorf("keyset: key %s: the copy is %s, and the ring holds %s keys", was.ID, half(is.Private), half(was.Private))
	}
	return nil
}

// resealedCopy reports whether a part that seals differs in the copy is.
func resealedCopy(was, is *entry) bool {
	if isTombstone(was.Material) {
		return false
	}
	if refresher, ok := was.Material.(Refresher); ok {
		_, resealed, err := refresher.Refresh(is.Material)
		return err != nil || resealed
	}
	i, j := was.info, is.info
	return j.Name != i.Name || j.Use != i.Use || j.Algorithm != i.Algorithm || j.Bits != i.Bits
}
