package jwe

import (
	"crypto"
	"fmt"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/internal/mldsa"
	"github.com/sealwax/sealwax/keyset"
)

// An Algorithm is a value of the "alg" or "enc" header parameter.
type Algorithm string

// The algorithms of RFC 7518, RFC 8037, RFC 9864, and RFC 9964 that are allowed by default,
// and RSA1_5, which needs [InsecureRSA1_5].
const (
	RSAOAEP256   Algorithm = "RSA-OAEP-256" // "alg" of the encryption
	RSAOAEP      Algorithm = "RSA-OAEP"     // accepted, never produced unless set
	ECDHES       Algorithm = "ECDH-ES"
	ECDHESA128KW Algorithm = "ECDH-ES+A128KW"
	ECDHESA192KW Algorithm = "ECDH-ES+A192KW"
	ECDHESA256KW Algorithm = "ECDH-ES+A256KW"
	RSA1_5       Algorithm = "RSA1_5"

	A128GCM      Algorithm = "A128GCM" // "enc"
	A192GCM      Algorithm = "A192GCM"
	A256GCM      Algorithm = "A256GCM"
	A128CBCHS256 Algorithm = "A128CBC-HS256"
	A192CBCHS384 Algorithm = "A192CBC-HS384"
	A256CBCHS512 Algorithm = "A256CBC-HS512"

	PS256 Algorithm = "PS256" // "alg" of the signature
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"

	// Ed25519 is the name that RFC 9864 gives to EdDSA with a key of that curve. Both
	// names are accepted for every such key. EdDSA is written, unless the key is bound
	// to Ed25519 or the Config says so.
	Ed25519 Algorithm = "Ed25519"

	// ML-DSA of RFC 9964, which holds against a quantum computer. A program that is built
	// with Go 1.26 does without: an error that wraps [errors.ErrUnsupported] says so wherever
	// one of them is asked for.
	MLDSA44 Algorithm = "ML-DSA-44"
	MLDSA65 Algorithm = "ML-DSA-65"
	MLDSA87 Algorithm = "ML-DSA-87"

	RS256 Algorithm = "RS256" // accepted, never produced unless set; so are
	RS384 Algorithm = "RS384" // these two
	RS512 Algorithm = "RS512"
)

// Algorithms is one choice for each purpose.
type Algorithms struct {
	Key, Content, Signature Algorithm
}

// A purpose is what an algorithm is for. Zero is none that is allowed.
type purpose uint8

const (
	forKey purpose = iota + 1
	forContent
	forSignature
)

// These are the allow-list: whatever is not in them is refused, but for RSA1_5
// where it is waived.
var (
	keyAlgorithms       = []Algorithm{RSAOAEP256, RSAOAEP, ECDHES, ECDHESA128KW, ECDHESA192KW, ECDHESA256KW}
	contentAlgorithms   = []Algorithm{A128GCM, A192GCM, A256GCM, A128CBCHS256, A192CBCHS384, A256CBCHS512}
	signatureAlgorithms = []Algorithm{PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, MLDSA44, MLDSA65, MLDSA87, RS256, RS384, RS512}
)

func (a Algorithm) purpose() purpose {
	switch {
	case slices.Contains(keyAlgorithms, a), a == RSA1_5:
		return forKey
	case slices.Contains(contentAlgorithms, a):
		return forContent
	case slices.Contains(signatureAlgorithms, a):
		return forSignature
	}
	return 0
}

// known returns the name of an algorithm that is registered, and otherwise says that
// it is none: what stands in a message that was decrypted is not quoted.
func (a Algorithm) known() string {
	registered := []Algorithm{"none", "HS256", "HS384", "HS512", "ES256K", "Ed448", "Ed25519", "RS1",
		"ESP256", "ESP384", "ESP512", "ESB256"}
	if a.purpose() != 0 || slices.Contains(registered, a) {
		return string(a)
	}
	return "which is not registered"
}

// A kind is the type of a key together with its curve. One algorithm fits one
// kind, or one family of them, and no other: RFC 8725, Section 3.1.
type kind string

const (
	kindRSA     kind = "RSA"
	kindP256    kind = "P-256"
	kindP384    kind = "P-384"
	kindP521    kind = "P-521"
	kindEd25519 kind = "Ed25519"
	kindX25519  kind = "X25519"
)

// only is the one algorithm of a key of ML-DSA, whose parameters are its type; empty for
// every other kind.
func (k kind) only() Algorithm {
	if mldsa.Known(string(k)) {
		return Algorithm(k)
	}
	return ""
}

// signs reports whether a key of the kind does nothing but sign.
func (k kind) signs() bool { return k == kindEd25519 || k.only() != "" }

// postQuantum is what a key of the kind does that holds against a quantum computer.
func (k kind) postQuantum() keyset.Use {
	if k.only() != "" {
		return keyset.Signing
	}
	return 0
}

// fits reports whether keys of the kind work with the algorithm.
func (a Algorithm) fits(k kind) bool {
	switch a {
	case RSAOAEP256, RSAOAEP, RSA1_5, PS256, PS384, PS512, RS256, RS384, RS512:
		return k == kindRSA
	case ECDHES, ECDHESA128KW, ECDHESA192KW, ECDHESA256KW:
		return k == kindP256 || k == kindP384 || k == kindP521 || k == kindX25519
	case ES256:
		return k == kindP256
	case ES384:
		return k == kindP384
	case ES512:
		return k == kindP521
	case EdDSA, Ed25519:
		return k == kindEd25519
	}
	return a != "" && a == k.only()
}

// use is what a key does that is bound to the algorithm.
func (a Algorithm) use() keyset.Use {
	switch a.purpose() {
	case forKey:
		return keyset.Encryption
	case forSignature:
		return keyset.Signing
	}
	return 0
}

// same reports whether both are names of one algorithm.
func (a Algorithm) same(b Algorithm) bool { return a == b || a.edwards() && b.edwards() }

func (a Algorithm) edwards() bool { return a == EdDSA || a == Ed25519 }

// mldsa reports whether the algorithm is of RFC 9964.
func (a Algorithm) mldsa() bool { return mldsa.Known(string(a)) }

// whole reports whether a signature is over all of the input, and not over a hash.
func (a Algorithm) whole() bool { return a.edwards() || a.mldsa() }

// hash is that of a signature; EdDSA and ML-DSA have none.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case PS256, RS256, ES256:
		return crypto.SHA256
	case PS384, RS384, ES384:
		return crypto.SHA384
	case PS512, RS512, ES512:
		return crypto.SHA512
	}
	return 0
}

// defaultFor is what Seal uses with a key that is bound to no algorithm.
func defaultFor(use keyset.Use, k kind) Algorithm {
	if use == keyset.Encryption {
		if k == kindRSA {
			return RSAOAEP256
		}
		return ECDHESA256KW
	}
	switch k {
	case kindRSA:
		return PS256
	case kindP256:
		return ES256
	case kindP384:
		return ES384
	case kindP521:
		return ES512
	case kindEd25519:
		return EdDSA
	}
	return k.only()
}

// may reports whether k is allowed to do this: by its use, by the algorithms it is
// bound to, and by what it is: traps J2 and J3. RSA1_5 needs a key that is bound to
// it: whoever can make a key decrypt RSA1_5 can do with it what else it does.
func (k *Key) may(use keyset.Use, alg Algorithm) bool {
	if k.info.Use&use == 0 || alg.use() != use || !alg.fits(k.kind) {
		return false
	}
	bound := k.bound(use)
	return len(bound) == 0 && alg != RSA1_5 || slices.ContainsFunc(bound, alg.same)
}

// bound returns the algorithms that k is bound to for a use. If there are none, k is
// not bound.
func (k *Key) bound(use keyset.Use) []Algorithm {
	algs := forUse(k.algs, use)
	if len(algs) == 0 && k.seen != nil {
		if seen := k.seen.Load(); seen != nil {
			return forUse(*seen, use)
		}
	}
	return algs
}

func forUse(list []Algorithm, use keyset.Use) []Algorithm {
	var out []Algorithm
	for _, a := range list {
		if a.use()&use != 0 {
			out = append(out, a)
		}
	}
	return out
}

// choose returns the algorithm to seal with under k: set, or one that k is bound to,
// or the default.
func choose(k *Key, use keyset.Use, set Algorithm) (Algorithm, error) {
	alg, bound := set, k.bound(use)
	if alg == "" {
		alg = defaultFor(use, k.kind)
		if len(bound) != 0 && !slices.Contains(bound, alg) {
			alg = bound[0]
		}
	}
	if err := alg.runs(); err != nil {
		return "", fmt.Errorf("key %s: %w", k.info.ID, err)
	}
	switch {
	case k.may(use, alg):
		return alg, nil
	case len(bound) != 0:
		return "", fmt.Errorf("key %s is bound to %s, and Config.Seal says %s", k.info.ID, names(bound), alg)
	case alg == RSA1_5 && k.kind == kindRSA && k.info.Use&use != 0:
		return "", fmt.Errorf("key %s is not bound to RSA1_5: bind it with WithAlgorithm", k.info.ID)
	}
	return "", fmt.Errorf("%s does not fit key %s (%s)", alg, k.info.ID, k.info.Algorithm)
}

func names(list []Algorithm) string {
	var b strings.Builder
	for i, a := range list {
		if i != 0 {
			b.WriteString(" and ")
		}
		b.WriteString(cut(string(a)))
	}
	return b.String()
}

// An acceptance is the set of algorithms to open with.
type acceptance map[Algorithm]bool

// accepting narrows the allow-list to list, purpose by purpose.
func accepting(list []Algorithm, rsa15 bool) (acceptance, error) {
	narrowed := map[purpose]bool{}
	for _, a := range list {
		p := a.purpose()
		if p == 0 {
			return nil, fmt.Errorf("algorithm %q in Accept is not allowed", a)
		}
		if a == RSA1_5 && !rsa15 {
			return nil, fmt.Errorf("algorithm %q in Accept is not allowed without InsecureRSA1_5", a)
		}
		if err := a.runs(); err != nil {
			return nil, fmt.Errorf("algorithm %q in Accept: %w", a, err)
		}
		narrowed[p] = true
	}
	accept := acceptance{}
	for _, a := range list {
		accept[a] = true
	}
	all := slices.Concat(keyAlgorithms, contentAlgorithms, signatureAlgorithms)
	if rsa15 {
		all = append(all, RSA1_5)
	}
	for _, a := range all {
		if !narrowed[a.purpose()] && a.runs() == nil {
			accept[a] = true
		}
	}
	return accept, nil
}
