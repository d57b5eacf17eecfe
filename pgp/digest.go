package pgp

import "github.com/sealwax/sealwax/keyset"

var (
	_ keyset.Digester = (*Key)(nil)
	_ keyset.Comparer = (*Key)(nil)
)

// Digest implements [keyset.Digester]: SHA-256 over the packets of the public half,
// sorted, as they stand: keys, User IDs, self-signatures, and revocations. Parts of a
// kind that this package does not read, and signatures by others, are not part of it.
func (k *Key) Digest() string { return k.cert.Digest() }

// Lacks implements [keyset.Comparer]: it names subkeys, private halves, and
// revocations.
func (k *Key) Lacks(newer keyset.Material) []string {
	n, ok := newer.(*Key)
	if !ok {
		return []string{"all of it: the copy is no OpenPGP certificate"}
	}
	return k.cert.Lacks(n.cert)
}
