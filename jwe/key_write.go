package jwe

import (
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-jose/go-jose/v4"
	"github.com/sealwax/sealwax/keyset"
)

// WritePublicJWK writes the public half of k as a JWK, with the certificates that it
// came with.
func (k *Key) WritePublicJWK(w io.Writer) error {
	jwk, err := k.publicKey().jwk()
	if err != nil {
		return prefixed(err)
	}
	return writeJSON(w, jwk)
}

// WriteInsecurePrivateJWK writes k with its private half, unencrypted, as a
// JWK. It returns an error wrapping [errors.ErrUnsupported] for public and for
// remote keys.
func (k *Key) WriteInsecurePrivateJWK(w io.Writer) error {
	if k.private == nil || k.remote() != nil {
		return fmt.Errorf("jwe: key %s has no private half here: %w", k.info.ID, errors.ErrUnsupported)
	}
	jwk, err := k.jwk()
	if err != nil {
		return prefixed(err)
	}
	return writeJSON(w, jwk)
}

// WriteJWKSet writes the public halves of the Pending and Active keys of s, and
// of Retiring ones that sign, as a JWK Set: the document to hand to the partner.
// Leaving a key out does not revoke it there.
func WriteJWKSet(w io.Writer, s *keyset.Set) error {
	keys := []map[string]any{}
	for entry := range s.All() {
		switch entry.State {
		case keyset.Pending, keyset.Active:
		case keyset.Retiring:
			if entry.Material.Info().Use&keyset.Signing == 0 {
				continue
			}
		default:
			continue
		}
		k, ok := entry.Material.(*Key)
		if !ok {
			return fmt.Errorf("jwe: key %s is not a key of this package but a %T", entry.ID(), entry.Material)
		}
		jwk, err := k.publicKey().jwk()
		if err != nil {
			return prefixed(err)
		}
		keys = append(keys, jwk)
	}
	return writeJSON(w, map[string]any{"keys": keys})
}

// jwk returns the members of k, private ones included if k has them.
func (k *Key) jwk() (map[string]any, error) {
	members := map[string]any{}
	switch {
	case k.kind == kindX25519:
		for name, v := range publicJWK(k.dh) {
			members[name] = v
		}
		if private, ok := k.private.(*ecdh.PrivateKey); ok {
			members["d"] = rawURL.EncodeToString(private.Bytes())
		}
	default:
		key := any(k.public)
		if k.private != nil {
			key = k.private
		}
		text, err := json.Marshal(jose.JSONWebKey{Key: key})
		if err != nil {
			return nil, fmt.Errorf("key %s cannot be written as a JWK", k.info.ID)
		}
		if err := json.Unmarshal(text, &members); err != nil {
			return nil, err
		}
	}
	members["kid"] = k.info.Name
	if len(k.chain) != 0 {
		members["x5c"] = k.chain // which bounds the key (RFC 7517, Section 4.7)
	}
	if k.alg != "" {
		members["alg"] = string(k.alg)
	}
	switch k.info.Use {
	case keyset.Signing:
		members["use"] = "sig"
	case keyset.Encryption:
		members["use"] = "enc"
	default: // "use" has no value for both
		members["key_ops"] = k.operations()
	}
	return members, nil
}

// operations are those of a key with both uses.
func (k *Key) operations() []string {
	switch {
	case k.private != nil && k.kind == kindRSA:
		return []string{"sign", "unwrapKey"}
	case k.private != nil:
		return []string{"sign", "deriveKey"}
	case k.kind == kindRSA:
		return []string{"verify", "wrapKey"}
	}
	return []string{"verify", "deriveKey"}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
