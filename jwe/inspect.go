package jwe

import (
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// Inspect reports what a message says about itself to anyone, in whichever
// serialization it is. It needs no key, and nothing it reports is authenticated.
// It judges no algorithm. It returns an [*envelope.OpenError] if sealed is not a
// JWE.
func Inspect(sealed []byte) (*envelope.Outline, error) {
	t, err := parseSealed(sealed)
	if err != nil {
		return nil, malformed(err)
	}
	out := &envelope.Outline{
		Format: keyset.JOSE, Encoding: t.encoding, Content: cut(string(t.header.enc)),
		Size: int64(decodedLen(t.aad) + len(t.iv) + t.bodySize()),
	}
	for _, r := range t.recipients {
		out.Algorithms = append(out.Algorithms, cut(string(r.header.alg)))
		if r.header.kid != "" {
			out.Recipients = append(out.Recipients, keyset.ID(cut(r.header.kid)))
		}
		out.Size += int64(len(r.key))
	}
	return out, nil
}
