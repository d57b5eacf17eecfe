package cert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// WhyNoSelf says why no self-signature counts.
func (c *Certificate) WhyNoSelf() string {
	primary := c.primary.pub
	var all []string
	add := func(why string) {
		if !slices.Contains(all, why) && len(all) < 8 {
			all = append(all, why)
		}
	}
	if primary.Version == 4 && len(c.users) == 0 {
		add("it has no User ID")
	}
	each := func(sigs []selfSig, from, to byte) {
		for _, s := range sigs {
			switch {
			case s.info.kind < from || s.info.kind > to || !s.info.by(primary.Fingerprint, primary.KeyId):
			case s.info.weakness(primary.Version) != "":
				add("the " + s.info.String() + " does not count: " + s.info.weakness(primary.Version))
			case s.sig == nil:
				add("the " + s.info.String() + " does not count: it says something that is not understood")
			case !s.ok:
				add("the " + s.info.String() + " does not verify")
			default:
				add("the " + s.info.String() + " has a critical notation that is not known")
			}
		}
	}
	if primary.Version == 6 {
		each(c.primary.sigs, sigDirectKey, sigDirectKey)
	}
	for _, u := range c.users {
		each(u.sigs, sigCertification, sigPositive)
	}
	if len(all) == 0 {
		return "there is none by its own key"
	}
	return strings.Join(all, "; ")
}

// WhyNoUse says of each part why it is fit for nothing.
func (c *Certificate) WhyNoUse(table []*Component, at time.Time) string {
	var all []string
	bound := map[keyset.ID]bool{}
	for _, k := range table {
		bound[k.ID] = true
		why := "not allowed"
		switch signs := k.WhyNot(keyset.Signing, at); {
		case k.Weak == k.Name:
		case k.Weak != "":
			why += ": " + k.Weak
		case c.anyPrivate() && !k.HasPrivate():
			why = "its private half is not here"
		default:
			why = signs + ", " + k.WhyNot(keyset.Encryption, at)
		}
		all = append(all, fmt.Sprintf("%s (%s): %s", k.ID, k.Name, why))
	}
	for _, p := range c.subkeys {
		if id := Fingerprint(p.pub); !bound[id] {
			all = append(all, fmt.Sprintf("%s: no binding that counts", id))
		}
	}
	return ": " + strings.Join(all, "; ")
}

// Info describes the certificate as its table makes it.
func (c *Certificate) Info(table []*Component) keyset.Info {
	i := keyset.Info{
		ID:      Fingerprint(c.primary.pub),
		Name:    c.name(),
		Format:  keyset.OpenPGP,
		Private: c.anyPrivate(),
	}
	signs := FitFor(table, keyset.Signing, i.Private)
	encrypts := FitFor(table, keyset.Encryption, i.Private)
	var names []string
	for _, use := range []struct {
		use   keyset.Use
		parts []*Component
	}{{keyset.Signing, signs}, {keyset.Encryption, encrypts}} {
		if len(use.parts) == 0 {
			continue
		}
		i.Use |= use.use
		if use.parts[0].PostQuantum() { // those come first
			i.PostQuantum |= use.use
		}
		from, to := span(use.parts)
		if from.After(i.NotBefore) {
			i.NotBefore = from
		}
		if !to.IsZero() && (i.NotAfter.IsZero() || to.Before(i.NotAfter)) {
			i.NotAfter = to
		}
		for _, k := range use.parts {
			i.Subkey = i.Subkey || use.use == keyset.Encryption && !k.Primary
			if k.bits != 0 && (i.Bits == 0 || k.bits < i.Bits) {
				i.Bits = k.bits
			}
		}
		if n := use.parts[0].Name; len(names) == 0 || names[0] != n {
			names = append(names, n)
		}
	}
	i.Algorithm = strings.Join(names, "+")
	return i
}

// FitFor returns the components for one use: post-quantum ones before others, the newest
// first, a subkey before a primary key of the same age, and of two such subkeys always the
// same one. Revoked ones are among them: a revoked certificate must be readable to be merged.
func FitFor(table []*Component, use keyset.Use, private bool) []*Component {
	var out []*Component
	for _, k := range table {
		fit := k.Sign && use == keyset.Signing || k.Encrypt && use == keyset.Encryption
		if !fit || k.Weak != "" || private && !k.HasPrivate() {
			continue
		}
		i := 0
		for i < len(out) && !k.before(out[i]) {
			i++
		}
		out = append(out[:i], append([]*Component{k}, out[i:]...)...)
	}
	return out
}

// before reports whether k is used rather than other, which stands before it.
func (k *Component) before(other *Component) bool {
	if k.PostQuantum() != other.PostQuantum() {
		return k.PostQuantum()
	}
	if c := k.NotBefore.Compare(other.NotBefore); c != 0 {
		return c > 0
	}
	return other.Primary || !k.Primary && k.ID > other.ID
}

// span returns from when to when at least one of the components is valid.
func span(parts []*Component) (from, to time.Time) {
	for n, k := range parts {
		if n == 0 || k.NotBefore.Before(from) {
			from = k.NotBefore
		}
		switch end := k.NotAfter; {
		case n == 0:
			to = end
		case end.IsZero() || to.IsZero():
			to = time.Time{}
		case end.After(to):
			to = end
		}
	}
	return from, to
}

// name returns the primary User ID.
func (c *Certificate) name() string {
	var best *selfSig
	name := ""
	marked := func(s *selfSig) bool { return s.sig.IsPrimaryId != nil && *s.sig.IsPrimaryId }
	for _, u := range c.users {
		self, revoked := u.self(true, time.Now())
		if self == nil || revoked {
			continue
		}
		if best == nil || marked(self) && !marked(best) || marked(self) == marked(best) && self.after(best) {
			best, name = self, string(u.raw.Body)
		}
	}
	return name
}
