package rehearsal

import (
	"slices"

	"github.com/sealwax/sealwax/keyset"
)

// A Step is a time of the rotation, and which keys of the network the endpoint has to
// trust from then on.
type Step struct {
	Name string // "second"
	Do   string // what the owner of the endpoint has to do
	keys []string
	gone string // a key that is revoked from here on
}

// The keys of the network. A stranger is never handed out.
const (
	first    = "network-1"
	second   = "network-2"
	third    = "network-3"
	expired  = "expired"
	revoked  = "revoked"
	stranger = "stranger"
)

var steps = []Step{
	{Name: "first", Do: "trust network-1, and no other key of the network", keys: []string{first}},
	{Name: "second", Do: "trust network-2 beside network-1", keys: []string{first, second}},
	{Name: "without-first", Do: "remove network-1", keys: []string{second}},
	{Name: "third", Do: "trust network-3 beside network-2", keys: []string{second, third}},
	{Name: "emergency", Do: "revoke network-2 at once: it has leaked", keys: []string{third}, gone: second},
}

// Steps are those of a rotation, in their order.
func Steps() []Step { return slices.Clone(steps) }

// Standing is the step of an endpoint that stays as it is: it trusts two keys.
func Standing() Step { return stepNamed("second") }

// Beginning is where a rotation begins: the endpoint trusts one key.
func Beginning() Step { return steps[0] }

// stepNamed returns a step, all of which are known here.
func stepNamed(name string) Step {
	for _, s := range steps {
		if s.Name == name {
			return s
		}
	}
	panic("rehearsal: no step " + name)
}

// Trusted returns the public keys that an endpoint has to know at a step: those that it
// trusts as active, one that has expired, and those that are revoked.
func (n *Network) Trusted(s Step) (*keyset.Set, error) {
	keys := n.entries(s.keys, keyset.Active)
	for _, k := range n.entries([]string{expired}, keyset.Active) {
		k.NotAfter = n.made.Add(-overFor) // as the certificate says; a JWK has no end of its own
		keys = append(keys, k)
	}
	n.revision++
	return keyset.New(n.revision, append(keys, n.entries(n.goneBy(s), keyset.Revoked)...)...)
}

// public returns public keys that are all active.
func (n *Network) public(names []string) (*keyset.Set, error) {
	return keyset.New(1, n.entries(names, keyset.Active)...)
}

func (p *party) is(id keyset.ID) bool {
	return slices.ContainsFunc(p.material, func(m keyset.Material) bool { return m.Info().ID == id })
}

func (n *Network) entries(names []string, state keyset.State) (keys []keyset.Key) {
	for _, name := range names {
		for _, k := range n.parties[name].material {
			keys = append(keys, keyset.Key{Material: k.Public(), State: state})
		}
	}
	return keys
}

// goneBy are the keys that are revoked at a step.
func (n *Network) goneBy(s Step) []string {
	gone := []string{revoked}
	for _, earlier := range steps {
		if earlier.gone != "" {
			gone = append(gone, earlier.gone)
		}
		if earlier.Name == s.Name {
			break
		}
	}
	return gone
}

// Manifest returns what Trusted does as a manifest of this module, whose sources are those
// files in folder. A follower removes no key that it has just used: a key that an earlier step
// trusted, and this one does not, is revoked in it.
func (n *Network) Manifest(s Step, folder string) (*keyset.Manifest, error) {
	trusted, err := n.Trusted(s)
	if err != nil {
		return nil, err
	}
	m := trusted.Manifest()
	if n.format == keyset.JOSE { // the files are what is trusted, and nobody is to install this one
		m.Keys = slices.DeleteFunc(m.Keys, func(k keyset.ManifestKey) bool { return n.parties[expired].is(k.ID) })
	}
	for i := range m.Keys {
		if m.Keys[i].State == keyset.Active {
			m.Keys[i].Evidence = "handed over for a rehearsal"
		}
		if m.Keys[i].State == keyset.Active || n.format == keyset.OpenPGP { // a certificate says itself that it is revoked
			m.Keys[i].Source = "file:" + folder + n.fileOf(m.Keys[i].ID)
		}
	}
	for _, earlier := range steps {
		if earlier.Name == s.Name {
			break
		}
		for _, k := range n.entries(earlier.keys, keyset.Revoked) {
			if _, ok := trusted.Lookup(k.ID()); !ok && !slices.ContainsFunc(m.Keys, func(l keyset.ManifestKey) bool { return l.ID == k.ID() }) {
				m.Keys = append(m.Keys, keyset.ManifestKey{ID: k.ID(), State: keyset.Revoked})
			}
		}
	}
	return m, nil
}
