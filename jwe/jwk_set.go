package jwe

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

var errHalves = errors.New("private and public keys in one set: nobody hands out private keys, and a file of our own has no public ones")

// readSet reads what it can of a JWK Set.
func readSet(set map[string]any, given keyset.Use, strict bool) (file, error) {
	f := file{what: fileJWKSet}
	list, ok := set["keys"].([]any)
	if !ok {
		return file{}, within(f.what, errors.New(`"keys" is not an array`))
	}
	if len(list) == 0 {
		return file{}, within(f.what, errors.New("it is empty"))
	}
	if err := sameHalves(list); err != nil {
		return file{}, within(f.what, err)
	}
	var entries []int // of f.keys, in list
	for i, v := range list[:min(len(list), maxSetKeys)] {
		members, ok := v.(map[string]any)
		if !ok {
			f.passed = append(f.passed, PassedOver{Entry: i + 1, Err: errNotObject})
			continue
		}
		var k *Key
		found, err := findJWK(members)
		if err == nil {
			k, err = found.key(given, strict)
		}
		if err != nil {
			f.passed = append(f.passed, passedOver(i+1, members, err))
			continue
		}
		at := slices.IndexFunc(f.keys, func(o *Key) bool { return o.info.ID == k.info.ID })
		if at < 0 {
			f.keys, entries = append(f.keys, k), append(entries, i+1)
			continue
		}
		switch one := f.keys[at]; {
		case k.rsa15() == one.rsa15():
			f.keys[at] = one.with(k)
		case k.rsa15():
			f.passed = append(f.passed, passedOver(i+1, members, fmt.Errorf("it is key %d once more, and a key for RSA1_5 does nothing else", entries[at])))
		default:
			f.passed = append(f.passed, passedOver(entries[at], list[entries[at]-1].(map[string]any), fmt.Errorf("it is key %d once more, and a key for RSA1_5 does nothing else", i+1)))
			f.keys[at], entries[at] = k, i+1
		}
	}
	if more := len(list) - maxSetKeys; more > 0 {
		f.passed = append(f.passed, PassedOver{Entry: maxSetKeys + 1, Err: fmt.Errorf("it and what follows, %d entries, are not looked at: %d are the most", more, maxSetKeys)})
	}
	if len(f.keys) != 0 {
		return f, nil
	}
	return file{}, within(f.what, noKey(f.passed))
}

// noKey is the error of a set of which every entry is passed over. It wraps the error of
// each.
type noKey []PassedOver

func (all noKey) Error() string {
	var texts []string
	for _, p := range all {
		texts = append(texts, p.String())
	}
	return "no key that can be used: " + strings.Join(texts, "; ")
}

func (all noKey) Unwrap() []error {
	var errs []error
	for _, p := range all {
		errs = append(errs, p.Err)
	}
	return errs
}

// sameHalves refuses sets with a secret among public keys, whatever else is wrong
// with the entry: whoever wrote it made a mistake that must not pass in silence.
func sameHalves(list []any) error {
	private := 0
	objects := 0
	for i, v := range list {
		members, ok := v.(map[string]any)
		if !ok {
			continue
		}
		objects++
		if isSymmetric(members) {
			return fmt.Errorf("%s", passedOver(i+1, members, errSymmetric))
		}
		if hasSecret(members) {
			private++
		}
		if private != 0 && private != objects {
			return fmt.Errorf("%s", passedOver(i+1, members, errHalves))
		}
	}
	return nil
}

func passedOver(entry int, members map[string]any, err error) PassedOver {
	quoted := func(name string) string {
		s, _ := members[name].(string)
		return cut(s)
	}
	return PassedOver{Entry: entry, Type: quoted("kty"), Use: quoted("use"), Algorithm: quoted("alg"), KeyID: quoted("kid"), Err: err}
}

func (k *Key) rsa15() bool { return slices.Contains(k.algs, RSA1_5) }

// with returns one key for what both of them say: for the uses and algorithms of
// either, while both are valid.
func (k *Key) with(other *Key) *Key {
	out := *k
	out.info.Use |= other.info.Use
	out.algs = nil
	for _, use := range []keyset.Use{keyset.Signing, keyset.Encryption} {
		ours, theirs := forUse(k.algs, use), forUse(other.algs, use)
		free := k.info.Use&use != 0 && len(ours) == 0 || other.info.Use&use != 0 && len(theirs) == 0
		if free {
			continue // an entry without an algorithm is for all of the use
		}
		for _, alg := range slices.Concat(ours, theirs) {
			if !slices.Contains(out.algs, alg) {
				out.algs = append(out.algs, alg)
			}
		}
	}
	if other.info.NotBefore.After(k.info.NotBefore) {
		out.info.NotBefore = other.info.NotBefore
	}
	if end := other.info.NotAfter; !end.IsZero() && (k.info.NotAfter.IsZero() || end.Before(k.info.NotAfter)) {
		out.info.NotAfter, out.info.EndsWith = end, other.info.EndsWith
	}
	first := func(use keyset.Use) *Key {
		if k.info.Use&use != 0 {
			return k
		}
		return other
	}
	out.encKid = first(keyset.Encryption).kid(keyset.Encryption)
	if out.info.Name = out.encKid; out.info.Use&keyset.Signing != 0 {
		out.info.Name = first(keyset.Signing).kid(keyset.Signing)
	}
	out.hints = slices.Clone(k.hints)
	for _, hint := range append(slices.Clone(other.hints), k.info.Name, other.info.Name, out.encKid) {
		if !slices.Contains(out.hints, hint) {
			out.hints = append(out.hints, hint)
		}
	}
	out.chain = slices.Clone(k.chain)
	for _, der := range other.chain {
		if !slices.ContainsFunc(out.chain, func(c []byte) bool { return string(c) == string(der) }) {
			out.chain = append(out.chain, der)
		}
	}
	return &out
}
