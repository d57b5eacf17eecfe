package jwe

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/keyset"
)

// jwkMembers are the members that mean something here.
var jwkMembers = []string{
	"kty", "crv", "kid", "use", "key_ops", "alg", "x", "y", "n", "e",
	"d", "p", "q", "dp", "dq", "qi", "oth", "k", "pub", "priv", "x5c", "x5t#S256", "keys", "exp", "nbf", "revoked",
}

// secretMembers are what only a private or a symmetric key has.
var secretMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

func hasSecret(jwk map[string]any) bool {
	return slices.ContainsFunc(secretMembers, func(name string) bool { _, present := jwk[name]; return present })
}

var errSymmetric = errors.New("a symmetric key; both parties need key pairs")

func isSymmetric(jwk map[string]any) bool {
	kty, _ := jwk["kty"].(string)
	_, octets := jwk["k"]
	return octets || kty == "oct" || kty == "oct-HSM"
}

// keyTypes are the values of "kty", with those that Azure Key Vault writes for a
// public key whose other half is in hardware, the member of each that only a private key
// has, and the other members with a number.
var keyTypes = map[string]struct {
	kty, private string
	members      []string
}{
	"RSA": {"RSA", "d", []string{"n", "e", "p", "q"}}, "RSA-HSM": {"RSA", "d", []string{"n", "e", "p", "q"}},
	"EC": {"EC", "d", []string{"crv", "x", "y"}}, "EC-HSM": {"EC", "d", []string{"crv", "x", "y"}},
	"OKP": {"OKP", "d", []string{"crv", "x"}},
	"AKP": {"AKP", "priv", []string{"alg", "pub"}},
}

// findJWK checks what a JWK says about its key; the key itself is parsed by go-jose.
// "kty" decides which members are looked at, as RFC 7517, Section 4, has it.
func findJWK(jwk map[string]any) (f finding, err error) {
	if isSymmetric(jwk) {
		return f, errSymmetric
	}
	if _, revoked := jwk["revoked"]; revoked {
		return f, errors.New(`whoever published it has revoked it ("revoked")`)
	}
	said := map[string]string{}
	if err := textMembers(jwk, said, "kty", "kid", "use", "alg", "x5t#S256"); err != nil {
		return f, err
	}
	_, private := jwk[keyTypes[said["kty"]].private]
	key, err := materialOfJWK(jwk, said["kty"], private)
	if err != nil {
		return f, err
	}
	f.kid = said["kid"]
	if private {
		f.private = key
	} else {
		f.public = key
	}
	if err := f.usesOfJWK(jwk, said, private); err != nil {
		return f, err
	}
	if chain, present := jwk["x5c"]; present {
		if err := f.chainOfJWK(chain); err != nil {
			return f, fmt.Errorf(`"x5c": %w`, err)
		}
	}
	if x5t := said["x5t#S256"]; x5t != "" {
		f.hints = append(f.hints, x5t)
	}
	return f, f.validityOfJWK(jwk)
}

// textMembers takes the members of those names that are there, and are strings.
func textMembers(jwk map[string]any, into map[string]string, names ...string) error {
	for _, name := range names {
		v, present := jwk[name]
		if !present {
			continue
		}
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("%q is not a string", name)
		}
		into[name] = s
	}
	return nil
}

func checkCurve(kty, crv string) error {
	supported := map[string][]kind{"EC": {kindP256, kindP384, kindP521}, "OKP": {kindEd25519, kindX25519}}[kty]
	if supported == nil || slices.Contains(supported, kind(crv)) {
		return nil
	}
	if crv == "" {
		return errors.New(`no "crv"`)
	}
	return curveError(crv)
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

// usesOfJWK takes what "use", "key_ops", and "alg" say: each may be absent.
func (f *finding) usesOfJWK(jwk map[string]any, said map[string]string, private bool) error {
	whole := bothUses // of "use"
	if u, present := said["use"]; present {
		use, ok := map[string]keyset.Use{"sig": keyset.Signing, "enc": keyset.Encryption}[u]
		if !ok {
			return fmt.Errorf(`"use" is %q, and not "sig" or "enc"`, cut(u))
		}
		f.says, whole = append(f.says, claim{`"use"`, use}), use
	}
	use, all, err := usesOfOperations(jwk["key_ops"], keyTypes[said["kty"]].kty != "RSA", private)
	switch {
	case err != nil:
		return err
	case all&^whole != 0: // RFC 7517, Section 4.3: they should not be together, and must agree
		return errors.New(`"key_ops" contradicts the use of the key, "use"`)
	case use != 0:
		f.says = append(f.says, claim{`"key_ops"`, use})
	}
	if alg, present := said["alg"]; present {
		use := Algorithm(alg).use()
		if use == 0 {
			return fmt.Errorf(`"alg" is %q, which is not supported`, cut(alg))
		}
		f.says, f.algs = append(f.says, claim{`"alg"`, use}), []Algorithm{Algorithm(alg)}
	}
	return nil
}

// usesOfOperations returns what this half of the key may do, and what either may. Both
// are zero if there is nothing to go by: an empty list is what WebCrypto writes for a
// public key of ECDH.
func usesOfOperations(v any, agrees, private bool) (use, all keyset.Use, err error) {
	if v == nil {
		return 0, 0, nil
	}
	list, ok := v.([]any)
	if !ok {
		return 0, 0, errors.New(`"key_ops" is not an array`)
	}
	var seen []string
	for _, v := range list {
		name, ok := v.(string)
		if !ok || slices.Contains(seen, name) {
			return 0, 0, errors.New(`"key_ops" is not an array of different strings`)
		}
		seen = append(seen, name)
		op, known := operations[name]
		all |= op.use
		// A public key that derives is the other half of an agreement.
		if known && (op.private == private || agrees && (name == "deriveKey" || name == "deriveBits")) {
			use |= op.use
		}
	}
	if use == 0 && len(list) > 0 {
		return 0, 0, errors.New(`"key_ops" allows nothing that this half of the key does`)
	}
	return use, all, nil
}

// chainOfJWK takes what the certificate of the key says.
func (f *finding) chainOfJWK(v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > maxChain {
		return errors.New("not a chain of certificates")
	}
	var ders [][]byte
	for _, v := range list {
		s, _ := v.(string)
		der, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return errors.New("not base64 of certificates")
		}
		ders = append(ders, der)
	}
	return f.certify(ders, "the certificate in \"x5c\"")
}

// validityOfJWK narrows the validity to what OpenID Federation, Section 8.7, lets a
// publisher say.
func (f *finding) validityOfJWK(jwk map[string]any) error {
	var at [2]time.Time
	for i, name := range []string{"nbf", "exp"} {
		v, present := jwk[name]
		if !present {
			continue
		}
		date, err := numericDate(v)
		if err != nil {
			return fmt.Errorf("%q is no date in seconds", name)
		}
		at[i] = date
	}
	if at[0].After(f.notBefore) {
		f.notBefore = at[0]
	}
	if !at[1].IsZero() && (f.notAfter.IsZero() || at[1].Before(f.notAfter)) {
		f.notAfter, f.endsWith = at[1], `"exp" of the JWK`
	}
	return nil
}

// materialOfJWK parses the numbers of the key.
func materialOfJWK(jwk map[string]any, kty string, private bool) (any, error) {
	typ, known := keyTypes[kty]
	switch _, several := jwk["oth"]; {
	case kty == "":
		return nil, errors.New(`no "kty"`)
	case !known:
		return nil, errors.New("a type of key that is not supported; RSA, EC, OKP, and AKP are")
	case several:
		return nil, errors.New("an RSA key of more than two primes")
	case !private && hasSecret(jwk):
		return nil, fmt.Errorf("private members without the private key, %q", typ.private)
	}
	numbers := map[string]string{"kty": typ.kty}
	if err := textMembers(jwk, numbers, append(slices.Clone(typ.members), typ.private)...); err != nil {
		return nil, err
	}
	if typ.kty == "AKP" {
		if err := checkAKP(numbers); err != nil {
			return nil, err
		}
	}
	if err := checkCurve(typ.kty, numbers["crv"]); err != nil {
		return nil, err
	}
	crv := kind(numbers["crv"])
	if crv == kindX25519 {
		return materialOfX25519(numbers, private)
	}
	if _, size := ephemeralCurve(crv); size != 0 {
		for _, name := range []string{"x", "y", "d"} {
			if s, present := numbers[name]; present {
				numbers[name] = paddedText(s, size)
			}
		}
	}
	return parseJOSE(numbers)
}

// paddedText is a coordinate with the leading zeros that some libraries leave out,
// against RFC 7518, Section 6.2.1.2. What is no coordinate stays as it is.
func paddedText(s string, size int) string {
	octets, err := rawURL.DecodeString(strings.TrimRight(s, "="))
	if err != nil || len(octets) == 0 || len(octets) >= size {
		return s
	}
	return rawURL.EncodeToString(padded(octets, size))
}

func padded(octets []byte, size int) []byte {
	return append(make([]byte, size-len(octets), size), octets...)
}

// parseJOSE is the one place where a third-party parser sees what strangers
// wrote; that it panics is an error of the key, not of this program.
func parseJOSE(members map[string]string) (key any, err error) {
	defer func() {
		if r := recover(); r != nil {
			key, err = nil, errors.New("a key that cannot be parsed")
		}
	}()
	text, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	var jwk jose.JSONWebKey
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&jwk); err != nil {
		return nil, fmt.Errorf("the members of the key do not fit together: %w", err)
	}
	return jwk.Key, nil
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
