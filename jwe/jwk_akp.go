package jwe

import (
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/internal/mldsa"
)

// materialOfAKP reads a key of RFC 9964. "alg" is a part of the key: it says which parameters
// "pub" and the seed in "priv" are for.
func materialOfAKP(text map[string]string, private bool) (any, error) {
	alg := Algorithm(text["alg"])
	switch _, public := text["pub"]; {
	case alg == "":
		return nil, errors.New(`no "alg", without which a key of the type AKP is none`)
	case alg.purpose() == 0:
		return nil, fmt.Errorf(`"alg" is %q, which is not supported`, cut(string(alg)))
	case !alg.mldsa():
		return nil, fmt.Errorf(`"alg" is %s, which has no keys of the type AKP`, alg)
	case alg.runs() != nil:
		return nil, fmt.Errorf("a key of type %s: %w", alg, alg.runs())
	case !public:
		return nil, errors.New(`no "pub"`)
	}
	encoding, err := decodeText(text["pub"])
	if err != nil {
		return nil, fmt.Errorf(`"pub": %w`, err)
	}
	public, err := mldsa.NewPublicKey(string(alg), encoding)
	if err != nil {
		return nil, fmt.Errorf(`"pub": %w`, err)
	}
	if !private {
		return public, nil
	}
	seed, err := decodeText(text["priv"])
	if err != nil {
		return nil, fmt.Errorf(`"priv": %w`, err)
	}
	key, err := mldsa.NewPrivateKey(string(alg), seed)
	switch {
	case err != nil:
		return nil, fmt.Errorf(`"priv": %w`, err)
	case !equalPublic(mldsa.Public(key), public):
		return nil, fmt.Errorf(`"priv" is the seed of another %s key than "pub"`, alg)
	}
	return key, nil
}

// membersOfAKP are those of k, with the seed if it is here.
func (k *Key) membersOfAKP(public *mldsa.PublicKey) map[string]any {
	members := map[string]any{"kty": "AKP", "alg": string(k.kind), "pub": rawURL.EncodeToString(mldsa.Encoding(public))}
	if private, here := k.private.(*mldsa.PrivateKey); here {
		members["priv"] = rawURL.EncodeToString(mldsa.Seed(private))
	}
	return members
}
