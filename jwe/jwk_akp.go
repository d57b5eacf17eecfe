package jwe

import (
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/internal/mldsa"
)

// checkAKP says what is wrong with a key of RFC 9964 in any of its members, before it is
// parsed. "alg" is a part of the key: it says which parameters "pub" and the seed in "priv"
// are for.
func checkAKP(text map[string]string) error {
	alg := Algorithm(text["alg"])
	switch {
	case alg == "":
		return errors.New(`no "alg", without which a key of the type AKP is none`)
	case alg.purpose() == 0:
		return fmt.Errorf(`"alg" is %q, which is not supported`, cut(string(alg)))
	case !alg.mldsa():
		return fmt.Errorf(`"alg" is %s, which has no keys of the type AKP`, alg)
	case alg.runs() != nil:
		return fmt.Errorf("a key of type %s: %w", alg, alg.runs())
	}
	for _, m := range []struct {
		name string
		size int
	}{{"pub", mldsa.PublicKeySize(string(alg))}, {"priv", mldsa.SeedSize}} {
		s, present := text[m.name]
		octets, err := decodeText(s)
		switch {
		case !present && m.name == "pub":
			return errors.New(`no "pub"`)
		case !present:
		case err != nil:
			return fmt.Errorf("%q: %w", m.name, err)
		case len(octets) != m.size:
			return fmt.Errorf("%q is of %d bytes, and that of %s has %d", m.name, len(octets), alg, m.size)
		}
	}
	return nil
}
