package jwe

import (
	"fmt"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// Inspect reports what a message says about itself to anyone. It needs no key,
// and nothing it reports is authenticated. It judges no algorithm. It returns
// an [*envelope.OpenError] if sealed is not a JWE in compact serialization.
func Inspect(sealed []byte) (*envelope.Outline, error) {
	parts, err := split(sealed, 5)
	if err != nil {
		return nil, envelope.Reject(envelope.Malformed, fmt.Errorf("not a JWE in compact serialization: %w", err))
	}
	h, err := parseHeader(parts[0])
	if err != nil {
		return nil, envelope.Reject(envelope.Malformed, err)
	}
	out := &envelope.Outline{
		Format: keyset.JOSE, Encoding: "compact",
		Algorithms: []string{cut(string(h.alg))}, Content: cut(string(h.enc)),
	}
	if h.kid != "" {
		out.Recipients = []keyset.ID{keyset.ID(cut(h.kid))}
	}
	for _, part := range parts {
		out.Size += int64(decodedLen(part))
	}
	return out, nil
}
