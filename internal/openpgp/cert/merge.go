package cert

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// ErrOtherKey is returned for copies of two certificates.
var ErrOtherKey = errors.New("the copy holds another key")

// Merge returns the union of two copies of one certificate, and whether d added
// anything. Key bytes are compared, because two keys can be made to share a
// version 4 fingerprint.
func (c *Certificate) Merge(d *Certificate) (union *Certificate, added bool, err error) {
	if !bytes.Equal(c.primary.raw.Body, d.primary.raw.Body) {
		return nil, false, ErrOtherKey
	}
	out := &Certificate{primary: c.primary, users: slices.Clone(c.users), subkeys: slices.Clone(c.subkeys)}
	added = out.primary.merge(d.primary)
	out.loose = slices.Clone(c.loose)
	added = mergeSigs(&out.loose, d.loose) || added
	users := make(map[string]int, len(out.users))
	for i, u := range out.users {
		users[u.key()] = i
	}
	for _, u := range d.users {
		i, known := users[u.key()]
		if !known {
			users[u.key()] = len(out.users)
			out.users, added = append(out.users, u), true
			continue
		}
		added = mergeSigs(&out.users[i].sigs, u.sigs) || added
	}
	for _, s := range d.subkeys {
		i := slices.IndexFunc(out.subkeys, func(t Part) bool { return bytes.Equal(t.raw.Body, s.raw.Body) })
		if i < 0 {
			if len(out.subkeys) == maxSubkeys {
				return nil, false, fmt.Errorf("more than %d subkeys together", maxSubkeys)
			}
			out.subkeys, added = append(out.subkeys, s), true
			continue
		}
		added = out.subkeys[i].merge(s) || added
	}
	return out, added, out.countSelf()
}

// key tells User IDs apart.
func (u *User) key() string { return string(u.raw.Tag) + string(u.raw.Body) }

func (k *Part) merge(l Part) (added bool) {
	if !k.private() && l.private() {
		k.priv, k.remote, added = l.priv, l.remote, true
	}
	if k.stub.Tag == 0 {
		k.stub = l.stub
	}
	return mergeSigs(&k.sigs, l.sigs) || added
}

// mergeSigs adds to sigs what it lacks, in memory of its own.
func mergeSigs(sigs *[]selfSig, from []selfSig) (added bool) {
	known := make(map[string]bool, len(*sigs))
	for _, s := range *sigs {
		known[string(s.raw.Body)] = true
	}
	out := slices.Clone(*sigs)
	for _, s := range from {
		if !known[string(s.raw.Body)] {
			known[string(s.raw.Body)] = true
			out, added = append(out, s), true
		}
	}
	*sigs = out
	return added
}

// mergeCopies merges the certificates that have one fingerprint (T9).
func mergeCopies(in []*Certificate) ([]*Certificate, error) {
	var out []*Certificate
	place := map[string]int{}
	for _, c := range in {
		i, known := place[string(c.primary.pub.Fingerprint)]
		if !known {
			place[string(c.primary.pub.Fingerprint)] = len(out)
			out = append(out, c)
			continue
		}
		m, _, err := out[i].Merge(c)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", Fingerprint(c.primary.pub), err)
		}
		out[i] = m
	}
	return out, nil
}

// refile hands a revocation that stands in another certificate of the same file to
// the one whose key made it.
func refile(all []*Certificate) {
	if len(all) == 1 {
		return
	}
	owners := map[string]*Certificate{}
	for _, c := range all {
		owners[string(Fingerprint(c.primary.pub))] = c
		owners[keyIDName(c.primary.pub.KeyId)] = c
	}
	for _, c := range all {
		moved := func(s selfSig) bool {
			to := owners[s.info.Name()]
			if !s.info.revocation() || to == nil || to == c {
				return false
			}
			again := newSelfSig(s.raw, to.primary.pub)
			if s.info.kind == sigKeyRevocation {
				to.primary.sigs = append(to.primary.sigs, again)
			} else {
				to.loose = append(to.loose, again)
			}
			return true
		}
		c.primary.sigs = slices.DeleteFunc(slices.Clone(c.primary.sigs), moved)
		c.loose = slices.DeleteFunc(slices.Clone(c.loose), moved)
		for i := range c.subkeys {
			c.subkeys[i].sigs = slices.DeleteFunc(c.subkeys[i].sigs, moved)
		}
	}
}
