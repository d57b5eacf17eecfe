//go:build search

package modeltest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// temptations tries every step and every edit of one key on the ring of each replica
// that has not been tried yet, and asks for the promises.
func (w *world) temptations(t *testing.T, tried map[string]bool) (n int) {
	for i, p := range w.parties {
		for at, r := range p.replicas {
			name := fmt.Sprint(i, describeRing(r), counted(r, w.now), keyset.Gone(r))
			if tried[name] {
				continue
			}
			tried[name] = true
			for what, do := range w.tempting(i, r) {
				ring := keyset.Clone(r)
				keyset.SetClock(tick(w.now))
				do(ring)
				n++
				if broken := promised(r, ring, w.now, strings.HasPrefix(what, knowing)); broken != "" {
					t.Fatalf("counterexample of %d steps:\n%s\n%02d:00  replica %d of %c: %s\n       %s: it had %v, and has %v",
						w.depth+1, w.timeline(), w.now, at+1, 'A'+i, what, broken, listed(r), listed(ring))
				}
			}
		}
	}
	return n
}

// knowing begins the names of steps by somebody who knows better than the usage.
const knowing = "removes, knowing better, "

// tempting are the steps and the edits that somebody might try.
func (w *world) tempting(i int, r *keyset.Ring) map[string]func(*keyset.Ring) {
	all := map[string]func(*keyset.Ring){}
	doc := r.Load().Manifest()
	doc.Revision = w.parties[i].doc.Revision + 1
	edited := func(what string, edit func(*keyset.Manifest)) {
		m := *doc
		m.Keys = slices.Clone(doc.Keys)
		edit(&m)
		if len(m.Keys) == 0 {
			return
		}
		all["a manifest in which "+what] = func(r *keyset.Ring) {
			_, _ = r.Reload(context.Background(), &m, openerOf(i == 0), keyset.IdleFor(idleTicks*time.Hour))
		}
	}
	for n, k := range doc.Keys {
		for s := keyset.Pending; s <= keyset.Retiring; s++ {
			edited(fmt.Sprintf("%s is %v", k.ID, s), func(m *keyset.Manifest) { m.Keys[n].State = s })
		}
		edited(fmt.Sprintf("%s is gone", k.ID), func(m *keyset.Manifest) { m.Keys = slices.Delete(m.Keys, n, n+1) })
		edited(fmt.Sprintf("%s has ended", k.ID), func(m *keyset.Manifest) { m.Keys[n].NotAfter = tick(-1) })
		edited(fmt.Sprintf("%s is another copy, which lacks a part", k.ID), func(m *keyset.Manifest) {
			m.Keys[n].Source, m.Keys[n].Digest = "file:q", certificate(k.ID, i == 0, "q").Digest()
		})
		all["promotes "+string(k.ID)] = func(r *keyset.Ring) { _ = r.Promote(k.ID) }
		all["retires "+string(k.ID)] = func(r *keyset.Ring) { _ = r.Retire(k.ID) }
		all[knowing+string(k.ID)] = func(r *keyset.Ring) { _ = r.RemoveUnchecked(k.ID, "out of use") }
		all["removes "+string(k.ID)] = func(r *keyset.Ring) { _ = r.Remove(k.ID, idleTicks*time.Hour) }
	}
	for _, id := range keyNames {
		if _, ok := r.Load().Lookup(id); !ok {
			edited(fmt.Sprintf("%s is there, and active", id), func(m *keyset.Manifest) {
				m.Keys = append(m.Keys, keyset.ManifestKey{ID: id, State: keyset.Active, Source: "file:p"})
			})
		}
	}
	return all
}

// promised compares a ring before and after, and returns the promise that was broken.
// It says what the rules are for, and not what they are. Who knows better is promised
// nothing about usage.
func promised(before, after *keyset.Ring, now int, knows bool) string {
	was, is := before.Load(), after.Load()
	seals := func(s *keyset.Set) bool { return len(sealingNow(s, now)) != 0 }
	opensNow := func(s *keyset.Set, id keyset.ID) bool {
		for k := range s.Opening() {
			if k.ID() == id && (k.Material.Info().Private || k.ValidAt(tick(now))) {
				return true
			}
		}
		return false
	}
	any := func(s *keyset.Set) bool {
		for k := range s.All() {
			if opensNow(s, k.ID()) {
				return true
			}
		}
		return false
	}
	if seals(was) && !seals(is) {
		return "nothing seals any more"
	}
	if any(was) && !any(is) {
		return "nothing opens any more"
	}
	for k := range is.All() {
		old, had := was.Lookup(k.ID())
		used := old.State == keyset.Active || old.State == keyset.Retiring
		u, _ := before.Usage(k.ID())
		if (k.State == keyset.Active || k.State == keyset.Retiring) && !used && k.Evidence == "" && (!had || u.LastOpened.IsZero()) {
			return fmt.Sprintf("%s may seal, and nobody has shown that the partner has it", k.ID())
		}
		if used && k.State == keyset.Pending {
			return fmt.Sprintf("%s was in use, and is pending", k.ID())
		}
	}
	for k := range was.All() {
		now2, has := is.Lookup(k.ID())
		if k.State == keyset.Revoked {
			if !has || now2.State != keyset.Revoked {
				return fmt.Sprintf("%s was revoked", k.ID())
			}
			continue
		}
		if has && k.Material.(*copied).parts == "p" && now2.Material.(*copied).parts != "p" {
			return fmt.Sprintf("%s has lost a part", k.ID())
		}
		if knows || has && (opensNow(is, k.ID()) || !opensNow(was, k.ID())) {
			continue
		}
		u, _ := before.Usage(k.ID())
		if tick(now).Sub(u.Since) < idleTicks*time.Hour || tick(now).Sub(u.LastUsed()) < idleTicks*time.Hour {
			return fmt.Sprintf("%s was in use a moment ago", k.ID())
		}
		heir := false
		for o := range is.All() {
			v, _ := before.Usage(o.ID())
			heir = heir || o.ID() != k.ID() && o.State != keyset.Revoked && !v.LastOpened.IsZero() && !v.LastOpened.Before(u.LastOpened)
		}
		if !heir {
			return fmt.Sprintf("%s is given up, and no other key has opened a message since", k.ID())
		}
	}
	return ""
}
