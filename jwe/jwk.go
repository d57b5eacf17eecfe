package jwe

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/sealwax/sealwax/keyset"
)

// errPassOver says that a JWK is of a kind that is not known here.
var errPassOver = errors.New("a type of key that is not supported")

// jwkMembers are the members that mean something here.
var jwkMembers = []string{
	"kty", "crv", "kid", "use", "key_ops", "alg", "x", "y", "n", "e",
	"d", "p", "q", "dp", "dq", "qi", "oth", "k", "x5c", "x5t#S256", "keys",
}

func parseJWKSet(text []byte) ([]*Key, error) {
	object, err := parseObject(text, jwkMembers)
	if err != nil {
		return nil, fmt.Errorf("JWK Set: %w", err)
	}
	list, ok := object["keys"].([]any)
	if !ok {
		return nil, errors.New(`not a JWK Set: no array "keys"`)
	}
	if len(list) > maxSetKeys {
		return nil, fmt.Errorf("JWK Set of %d keys: %w", len(list), errTooLarge)
	}
	var keys []*Key
	for i, v := range list {
		members, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("key %d: not a JSON object", i+1)
		}
		k, err := keyOfJWK(members, 0)
		if errors.Is(err, errPassOver) {
			continue
		}
		if err != nil {
			kid, _ := members["kid"].(string)
			return nil, fmt.Errorf("key %d (kid %q): %w", i+1, cut(kid), err)
		}
		if len(keys) > 0 && (keys[0].private == nil) != (k.private == nil) {
			return nil, fmt.Errorf("key %d (kid %q): a set mixes private and public keys", i+1, cut(k.info.Name))
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("a JWK Set without a key that is supported")
	}
	return keys, nil
}

func parseJWK(text []byte, use keyset.Use) (*Key, error) {
	members, err := parseObject(text, jwkMembers)
	if err != nil {
		return nil, fmt.Errorf("JWK: %w", err)
	}
	return keyOfJWK(members, use)
}

// keyOfJWK checks what a JWK says about its key; the key itself is parsed by
// go-jose. given is the use that the caller knows, perhaps none.
func keyOfJWK(jwk map[string]any, given keyset.Use) (*Key, error) {
	text := map[string]string{}
	for _, name := range []string{"kty", "crv", "kid", "use", "alg", "x", "y", "n", "e", "d", "p", "q", "x5t#S256"} {
		v, present := jwk[name]
		if !present {
			continue
		}
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%q is not a string", name)
		}
		text[name] = s
	}
	switch crv := kind(text["crv"]); text["kty"] {
	case "RSA":
	case "EC":
		if crv != kindP256 && crv != kindP384 && crv != kindP521 {
			return nil, errPassOver
		}
	case "OKP":
		if crv != kindEd25519 && crv != kindX25519 {
			return nil, errPassOver
		}
	case "oct":
		return nil, errors.New("a symmetric key; both parties need key pairs")
	case "":
		return nil, errors.New(`no "kty"`)
	default:
		return nil, errPassOver
	}
	if _, multi := jwk["oth"]; multi {
		return nil, errors.New("an RSA key of more than two primes")
	}
	_, private := jwk["d"]
	s, err := certifiedJWK(jwk, text)
	if err != nil {
		return nil, err
	}
	if s.use, err = useOfJWK(jwk, text, private, given); err != nil {
		return nil, err
	}
	s.kid, s.alg = text["kid"], Algorithm(text["alg"])
	if x5t := text["x5t#S256"]; x5t != "" {
		s.hints = append(s.hints, x5t)
	}
	key, err := materialOfJWK(jwk, text, private)
	if err != nil {
		return nil, err
	}
	if private {
		s.private = key
	} else {
		s.public = key
	}
	return newKey(s)
}

// operations of "key_ops", RFC 7517, Section 4.3, and the half of the key
// that they need.
var operations = map[string]struct {
	use     keyset.Use
	private bool
}{
	"sign": {keyset.Signing, true}, "verify": {keyset.Signing, false},
	"decrypt": {keyset.Encryption, true}, "encrypt": {keyset.Encryption, false},
	"unwrapKey": {keyset.Encryption, true}, "wrapKey": {keyset.Encryption, false},
	"deriveKey": {keyset.Encryption, true}, "deriveBits": {keyset.Encryption, true},
}

// useOfJWK brings together "use", "key_ops", "alg", and what the caller says:
// each may be absent, and none may contradict another.
func useOfJWK(jwk map[string]any, text map[string]string, private bool, given keyset.Use) (keyset.Use, error) {
	use := given
	narrow := func(name string, allowed keyset.Use) error {
		if use == 0 {
			use = allowed
		}
		if use &= allowed; use == 0 || given&^use != 0 {
			return fmt.Errorf("%q contradicts the use of the key", name)
		}
		return nil
	}
	if u, present := text["use"]; present {
		allowed, ok := map[string]keyset.Use{"sig": keyset.Signing, "enc": keyset.Encryption}[u]
		if !ok {
			return 0, fmt.Errorf(`"use" is %q`, cut(u))
		}
		if err := narrow("use", allowed); err != nil {
			return 0, err
		}
	}
	allowed, err := usesOfOperations(jwk["key_ops"], text["kty"] != "RSA", private)
	if err != nil {
		return 0, err
	}
	if allowed != 0 {
		if err := narrow("key_ops", allowed); err != nil {
			return 0, err
		}
	}
	if alg, present := text["alg"]; present {
		allowed := Algorithm(alg).use()
		if allowed == 0 {
			return 0, fmt.Errorf(`"alg" is %q, which is not supported`, cut(alg))
		}
		if err := narrow("alg", allowed); err != nil {
			return 0, err
		}
	}
	if use == 0 {
		return 0, errors.New(`neither "use" nor "key_ops" nor "alg", and no use given`)
	}
	return use, nil
}

// usesOfOperations returns zero if there are none to go by: an empty list is
// what WebCrypto writes for a public key of ECDH.
func usesOfOperations(v any, agrees, private bool) (keyset.Use, error) {
	if v == nil {
		return 0, nil
	}
	list, ok := v.([]any)
	if !ok {
		return 0, errors.New(`"key_ops" is not an array`)
	}
	var use keyset.Use
	var seen []string
	for _, v := range list {
		name, ok := v.(string)
		if !ok || slices.Contains(seen, name) {
			return 0, errors.New(`"key_ops" is not an array of different strings`)
		}
		seen = append(seen, name)
		op, known := operations[name]
		// A public key that derives is the other half of an agreement.
		if known && (op.private == private || agrees && (name == "deriveKey" || name == "deriveBits")) {
			use |= op.use
		}
	}
	if use == 0 && len(list) > 0 {
		return 0, errors.New(`"key_ops" allows nothing that this half of the key does`)
	}
	return use, nil
}

// certifiedJWK takes the validity from the certificate of the key, if any.
func certifiedJWK(jwk map[string]any, text map[string]string) (spec, error) {
	chain, present := jwk["x5c"]
	if !present {
		return spec{}, nil
	}
	if list, ok := chain.([]any); !ok || len(list) == 0 || len(list) > 16 {
		return spec{}, errors.New(`"x5c" is not a chain of certificates`)
	}
	public := map[string]any{"x5c": chain}
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} {
		if s, ok := text[name]; ok {
			public[name] = s
		}
	}
	parsed, err := parseJOSE(public) // which compares the two keys
	if err != nil || len(parsed.Certificates) == 0 {
		return spec{}, errors.New(`"x5c" does not parse, or is about another key`)
	}
	s := certified(parsed.Certificates[0])
	for _, c := range parsed.Certificates[1:] {
		s.chain = append(s.chain, c.Raw)
	}
	return s, nil
}

// materialOfJWK parses the numbers of the key.
func materialOfJWK(jwk map[string]any, text map[string]string, private bool) (any, error) {
	if kind(text["crv"]) == kindX25519 {
		return materialOfX25519(text, private)
	}
	names := []string{"kty", "crv", "x", "y", "n", "e"}
	if private {
		names = append(names, "d", "p", "q")
	} else {
		for _, name := range []string{"p", "q", "dp", "dq", "qi"} {
			if _, present := jwk[name]; present {
				return nil, errors.New("private members without the private key")
			}
		}
	}
	members := map[string]any{}
	for _, name := range names {
		if s, ok := text[name]; ok {
			members[name] = s
		}
	}
	parsed, err := parseJOSE(members)
	if err != nil {
		return nil, err
	}
	return parsed.Key, nil
}

// parseJOSE is the one place where a third-party parser sees what strangers
// wrote; that it panics is an error of the key, not of this program.
func parseJOSE(members map[string]any) (jwk jose.JSONWebKey, err error) {
	defer func() {
		if r := recover(); r != nil {
			jwk, err = jose.JSONWebKey{}, errors.New("a key that cannot be parsed")
		}
	}()
	text, err := json.Marshal(members)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&jwk); err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("the members of the key do not fit together: %w", err)
	}
	return jwk, nil
}

func materialOfX25519(text map[string]string, private bool) (any, error) {
	x, err := decodeText(text["x"])
	if err != nil {
		return nil, fmt.Errorf(`"x": %w`, err)
	}
	public, err := ecdh.X25519().NewPublicKey(x)
	if err != nil || !private {
		return public, err
	}
	d, err := decodeText(text["d"])
	if err != nil {
		return nil, fmt.Errorf(`"d": %w`, err)
	}
	key, err := ecdh.X25519().NewPrivateKey(d)
	if err == nil && !key.PublicKey().Equal(public) {
		err = errors.New("the halves of an X25519 key do not belong together")
	}
	return key, err
}
