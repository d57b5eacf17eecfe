package rehearsal

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// TrustFiles are the public keys that an endpoint has to know at a step, as files: in
// OpenPGP a certificate for each key, one of which has expired and others of which are
// revoked; in JOSE a JWK for each key, and network.jwks with all of them.
func (n *Network) TrustFiles(ctx context.Context, s Step) (files []File, err error) {
	write := func(name string, to func(io.Writer) error) {
		var b bytes.Buffer
		if err == nil {
			err = to(&b)
			files = append(files, File{name, b.Bytes()})
		}
	}
	if n.format == keyset.OpenPGP {
		for _, name := range append(slices.Clone(s.keys), expired) {
			write(name+".asc", n.parties[name].material[0].(*pgp.Key).WriteCertificate)
		}
		for _, name := range n.goneBy(s) {
			write(name+".asc", func(w io.Writer) error { return n.writeRevocation(ctx, w, name) })
		}
		return files, err
	}
	for _, name := range s.keys {
		for i, m := range n.parties[name].material {
			write(n.profile.parts()[i].file(name), m.(*jwe.Key).WritePublicJWK)
		}
	}
	set, setErr := n.public(s.keys)
	if setErr != nil {
		return nil, setErr
	}
	write("network.jwks", func(w io.Writer) error { return jwe.WriteJWKSet(w, set) })
	return files, err
}

// fileOf is the file that TrustFiles writes for a key.
func (n *Network) fileOf(id keyset.ID) string {
	for name, p := range n.parties {
		for i, m := range p.material {
			switch {
			case m.Info().ID != id:
			case n.format == keyset.OpenPGP:
				return name + ".asc"
			default:
				return n.profile.parts()[i].file(name)
			}
		}
	}
	return ""
}
