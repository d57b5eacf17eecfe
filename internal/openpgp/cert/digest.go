package cert

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// Digest returns SHA-256, in hexadecimal, over the packets of the public half of c:
// keys, User IDs, User Attributes, and the signatures that c made on itself. Each is
// written with its type and its length in the new format, whatever format the file has;
// they are sorted by bytes, and the same packet counts once. So neither armor, nor
// order, nor a private half, nor time makes a difference.
//
// Stored digests are compared with it: it must never change.
func (c *Certificate) Digest() string {
	var all [][]byte
	add := func(p openpgp.Packet) { all = append(all, p.Encode()) }
	signatures := func(sigs []selfSig) {
		for _, s := range sigs {
			add(s.raw)
		}
	}
	add(c.primary.raw)
	signatures(c.primary.sigs)
	for _, u := range c.users {
		add(u.raw)
		signatures(u.sigs)
	}
	for _, s := range c.subkeys {
		add(s.raw)
		signatures(s.sigs)
	}
	slices.SortFunc(all, bytes.Compare)
	h := sha256.New()
	for _, p := range slices.CompactFunc(all, bytes.Equal) {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Lacks names what c has and d has not: subkeys, private halves, and revocations.
func (c *Certificate) Lacks(d *Certificate) []string {
	var lost []string
	lack := func(format string, args ...any) { lost = append(lost, fmt.Sprintf(format, args...)) }
	part := func(name string, k, l Part) {
		if k.private() && !l.private() {
			lack("the private half of %s", name)
		}
		if revocationsLost(k.sigs, l.sigs) {
			lack("a revocation of %s", name)
		}
	}
	part("the primary key", c.primary, d.primary)
	for _, s := range c.subkeys {
		name := fmt.Sprintf("subkey %s", Fingerprint(s.pub))
		i := slices.IndexFunc(d.subkeys, func(t Part) bool { return bytes.Equal(t.raw.Body, s.raw.Body) })
		if i < 0 {
			lack("%s", name)
			continue
		}
		part(name, s, d.subkeys[i])
	}
	for _, u := range c.users {
		i := slices.IndexFunc(d.users, func(v User) bool { return v.key() == u.key() })
		if i < 0 && revocationsLost(u.sigs, nil) || i >= 0 && revocationsLost(u.sigs, d.users[i].sigs) {
			lack("a revocation of a User ID")
		}
	}
	return lost
}

// revocationsLost reports whether a revocation of sigs is not among others.
func revocationsLost(sigs, others []selfSig) bool {
	return slices.ContainsFunc(sigs, func(s selfSig) bool {
		revokes := s.info.revocation() || s.info.kind == sigCertRevocation
		return revokes && !slices.ContainsFunc(others, func(o selfSig) bool { return bytes.Equal(o.raw.Body, s.raw.Body) })
	})
}
