package jwe

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/internal/secret"
	"github.com/sealwax/sealwax/keyset"
)

// ReadKeys reads every key of one file, from at most 1 MiB of r. The file is one of
//
//   - a JWK Set or a JWK,
//   - PEM: a key (PKCS #8, PKCS #1, SEC 1, SubjectPublicKeyInfo), a certificate or a
//     chain of certificates, or a private key with its certificate,
//   - the same key or certificate as DER, or as base64 of DER.
//
// Text around the PEM blocks and a byte order mark are ignored. An error says what the
// file is, which entry of it is wrong, and what to do. PKCS #12 is read by package
// jwe/pkcs12, which is a module of its own.
//
// use says what keys are for that do not say so themselves, by "use", "key_ops",
// "alg", the key usage of their certificate, or their type (Ed25519, X25519, ML-DSA). If it
// is zero, there must be none.
//
// The key of a certificate is valid as long as the certificate is; its signature and
// its issuer are not checked. Of a chain the key is that of the leaf. A JWK is valid
// within "nbf" and "exp" too, and one with "revoked" is an error.
//
// In a JWK Set an entry that cannot be used costs itself (RFC 7517, Section 5) and is
// in passed; the error says if no key remains. Other errors are those of the whole
// set: a symmetric key in it, or private keys beside public ones. At most 256 entries
// are looked at. Two keys may have one "kid". One key that is listed twice, as for two
// algorithms or for both uses, becomes one that does both, unless it is for RSA1_5.
func ReadKeys(r io.Reader, use keyset.Use) (keys []*Key, passed []PassedOver, err error) {
	f, err := readFile(r, use, false)
	return f.keys, f.passed, prefixed(err)
}

// ReadKey is [ReadKeys] for a file of exactly one key. use must not contradict what
// the key says. A JWK Set must have no other entry.
func ReadKey(r io.Reader, use keyset.Use) (*Key, error) {
	f, err := readFile(r, use, true)
	switch {
	case err != nil:
		return nil, prefixed(err)
	case len(f.passed) != 0:
		return nil, fmt.Errorf("jwe: %s: %s; use ReadKeys, which passes it over", f.what, f.passed[0])
	case len(f.keys) != 1:
		return nil, fmt.Errorf("jwe: %s of %d keys where one was expected; use ReadKeys", f.what, len(f.keys))
	}
	return f.keys[0], nil
}

// PassedOver is an entry of a JWK Set that cannot be used, and why. Of the entry it
// has "kty", "use", "alg", and "kid", each without what does not print and of at most
// 128 bytes, and empty if it is missing or no string.
type PassedOver struct {
	Entry                       int // from 1
	Type, Use, Algorithm, KeyID string
	Err                         error // quotes nothing else of the entry
}

// String returns the entry and why it is passed over, in one line.
func (p PassedOver) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "key %d", p.Entry)
	separator := " ("
	for _, m := range []struct{ name, value string }{{"kty", p.Type}, {"use", p.Use}, {"alg", p.Algorithm}, {"kid", p.KeyID}} {
		if m.value != "" {
			fmt.Fprintf(&b, "%s%s %q", separator, m.name, m.value)
			separator = ", "
		}
	}
	if separator == ", " {
		b.WriteByte(')')
	}
	fmt.Fprintf(&b, ": %v", p.Err)
	return b.String()
}

// A file is what was read of one.
type file struct {
	what   string // what it is, in errors
	keys   []*Key
	passed []PassedOver
}

// readFile is the one way from bytes to keys. If strict is set, what is given must
// not contradict what a key says.
func readFile(r io.Reader, given keyset.Use, strict bool) (file, error) {
	return secret.Value(func() (file, error) { return parseFile(r, given, strict) })
}

func parseFile(r io.Reader, given keyset.Use, strict bool) (file, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxKeyFile+1))
	if err != nil {
		return file{}, fmt.Errorf("reading a key: %w", err)
	}
	if len(text) > maxKeyFile {
		return file{}, fmt.Errorf("reading a key: more than %d bytes: %w", maxKeyFile, errTooLarge)
	}
	what, found, err := sniff(text)
	if err != nil {
		return file{}, within(what, err)
	}
	if found.set != nil {
		return readSet(found.set, given, strict)
	}
	k, err := found.key(given, strict)
	if err != nil {
		return file{}, within(what, err)
	}
	return file{what: what, keys: []*Key{k}}, nil
}

func within(what string, err error) error {
	if what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// A finding is what a file or an entry says of one key, before anything is decided.
type finding struct {
	spec
	says []claim        // what it is for
	set  map[string]any // a JWK Set in place of a key, still to be read
}

// A claim is what one part of a finding says that the key is for.
type claim struct {
	by  string
	use keyset.Use
}

// key decides what the key is for, and makes it.
func (f finding) key(given keyset.Use, strict bool) (*Key, error) {
	use, err := f.decide(given, strict)
	if err != nil {
		return nil, err
	}
	f.use = use
	return newKey(f.spec)
}

const bothUses = keyset.Signing | keyset.Encryption

var errNoUse = errors.New("it does not say what it is for, and no use is given: signing or encryption")

// decide brings together what the parts of a finding say and what the caller knows.
// None may contradict another.
func (f *finding) decide(given keyset.Use, strict bool) (keyset.Use, error) {
	if given&^bothUses != 0 {
		return 0, fmt.Errorf("unknown use %d", given)
	}
	says := f.says
	if kind := kindOfKey(f.public, f.private); kind.signs() {
		says = append(says, claim{"the type of the key", keyset.Signing})
	} else if kind == kindX25519 {
		says = append(says, claim{"the type of the key", keyset.Encryption})
	}
	use := bothUses
	for _, c := range says {
		if use &= c.use; use == 0 {
			return 0, fmt.Errorf("%s contradicts the use of the key: it does not allow that", c.by)
		}
	}
	switch {
	case given == 0 && len(says) == 0:
		return 0, errNoUse
	case given == 0, !strict && given&use == 0:
		return use, nil
	case strict && given&^use != 0:
		i := slices.IndexFunc(says, func(c claim) bool { return given&^c.use != 0 })
		return 0, fmt.Errorf("%s contradicts the use that is given: it does not allow %s", says[i].by, given)
	}
	return given & use, nil
}
