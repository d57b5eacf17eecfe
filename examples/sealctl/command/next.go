package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// keyLines describes each key in a line.
func keyLines(s *keyset.Set) string {
	var b strings.Builder
	for k := range s.All() {
		fmt.Fprintf(&b, "  %s\n", describe(k))
	}
	return b.String()
}

// changed describes the keys that a step has changed, each in a line.
func changed(before, after *keyset.Set) string {
	var b strings.Builder
	for k := range after.All() {
		was, ok := before.Lookup(k.ID())
		if !ok || was.State != k.State || was.Evidence != k.Evidence || was.Source != k.Source || was.Material != k.Material {
			fmt.Fprintf(&b, "  %s\n", describe(k))
		}
	}
	for was := range before.All() {
		if _, ok := after.Lookup(was.ID()); !ok {
			fmt.Fprintf(&b, "  %s\n", strings.Replace(describe(was), "("+was.State.String(), "("+was.State.String()+" until now", 1))
		}
	}
	return b.String()
}

// next says what to do after a step: what is possible with those keys.
func (r *rotation) next(name string, s step, before, after *keyset.Set) string {
	switch name {
	case "add":
		return nextOfAdded(before, after)
	case "remove":
		text := "next: let every replica load this; then destroy the private half. Until it is destroyed, rotate add brings the key back"
		if !after.Private() {
			text = "next: let every replica load this. Back: rotate add"
		}
		switch {
		case r.why != "":
			text = "note: no replica was asked whether it still uses the key\n" + text
		case r.asked == "":
			text = fmt.Sprintf("note: the replicas of %s were asked, and no other\n", strings.Join(r.usage, ", ")) + text
		}
		if r.why != "" || time.Duration(r.idle) < week {
			text = "note: a server that follows asks the same when it loads this, for a week or what keyset.IdleFor says, and keeps the key until then\n" + text
		}
		return text
	}
	return s.next
}

// nextOfAdded says how a new key is proven. A key that only decrypts seals nothing, so that
// it is the other side that shows it.
func nextOfAdded(before, after *keyset.Set) string {
	use := keyset.Use(0)
	for k := range after.All() {
		if _, ok := before.Lookup(k.ID()); !ok {
			use |= k.Material.Info().Use
		}
	}
	switch {
	case after.Private() && use == keyset.Encryption:
		return "next: let every replica load this; promote it, and hand over the public half: sealctl public; then the partner seals an echo to it, and sealctl open says that it was decrypted by this key"
	case after.Private():
		return "next: let every replica load this; hand over the public half, and compare the fingerprint; then seal -probe, and acknowledge"
	case use == keyset.Signing:
		return "next: compare the fingerprint with the partner's; let every replica load this; then its signatures count, and sealctl open says so: acknowledge that, and promote"
	}
	return "next: compare the fingerprint with the partner's; let every replica load this; then seal -probe, to it alone, and acknowledge the answer"
}
