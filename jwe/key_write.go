package jwe

import (
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/keyset"
)

// WritePublicJWK writes the public half of k as a JWK, with the certificates that it
// came with. A key that was read from several entries of a JWK Set, for several
// algorithms, is written as such a set.
func (k *Key) WritePublicJWK(w io.Writer) error {
	jwks, err := k.publicKey().jwks()
	if err != nil {
		return prefixed(err)
	}
	return writeJWKs(w, jwks)
}

// WriteInsecurePrivateJWK writes k with its private half, unencrypted, as a JWK. It
// returns an error wrapping [errors.ErrUnsupported] for public and for remote keys.
func (k *Key) WriteInsecurePrivateJWK(w io.Writer) error {
	if k.private == nil || k.remote() != nil {
		return fmt.Errorf("jwe: key %s has no private half here: %w", k.info.ID, errors.ErrUnsupported)
	}
	jwks, err := k.jwks()
	if err != nil {
		return prefixed(err)
	}
	return writeJWKs(w, jwks)
}

func writeJWKs(w io.Writer, jwks []map[string]any) error {
	if len(jwks) == 1 {
		return writeJSON(w, jwks[0])
	}
	return writeJSON(w, map[string]any{"keys": jwks})
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
		jwks, err := k.publicKey().jwks()
		if err != nil {
			return prefixed(err)
		}
		keys = append(keys, jwks...)
	}
	return writeJSON(w, map[string]any{"keys": keys})
}

// jwks returns the members of k, private ones included if k has them, once for each of
// the algorithms that k is bound to. A key that is bound to none has an entry for each
// use, or one with "key_ops".
func (k *Key) jwks() ([]map[string]any, error) {
	members, err := k.numbers()
	if err != nil {
		return nil, err
	}
	if len(k.chain) != 0 {
		members["x5c"] = k.chain // which bounds the key (RFC 7517, Section 4.7)
	}
	if len(k.algs) == 0 && k.info.Use == bothUses && k.kid(keyset.Encryption) == k.info.Name {
		members["kid"], members["key_ops"] = k.info.Name, k.operations() // "use" has no value for both
		return []map[string]any{members}, nil
	}
	var out []map[string]any
	for _, use := range []keyset.Use{keyset.Signing, keyset.Encryption} {
		algs := forUse(k.algs, use)
		switch {
		case k.info.Use&use == 0:
			continue
		case len(algs) == 0:
			algs = []Algorithm{""}
		}
		for _, alg := range algs {
			entry := maps.Clone(members)
			entry["kid"], entry["use"] = k.kid(use), jwkUses[use]
			if alg != "" {
				entry["alg"] = string(alg)
			}
			out = append(out, entry)
		}
	}
	return out, nil
}

var jwkUses = map[keyset.Use]string{keyset.Signing: "sig", keyset.Encryption: "enc"}

// numbers returns the members with the key itself.
func (k *Key) numbers() (map[string]any, error) {
	members := map[string]any{}
	if k.kind == kindX25519 {
		for name, v := range publicJWK(k.dh) {
			members[name] = v
		}
		if private, ok := k.private.(*ecdh.PrivateKey); ok {
			members["d"] = rawURL.EncodeToString(private.Bytes())
		}
		return members, nil
	}
	key := any(k.public)
	if k.private != nil {
		key = k.private
	}
	text, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		return nil, fmt.Errorf("key %s cannot be written as a JWK", k.info.ID)
	}
	return members, json.Unmarshal(text, &members)
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
