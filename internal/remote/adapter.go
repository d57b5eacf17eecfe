package remote

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// A Scheme is what an adapter to a key service is asked to do with a key. Zero is none.
type Scheme int

const (
	PKCS1v15 Scheme = iota + 1 // of signatures (RFC 8017, Section 8.2), and of decryption (7.2)
	PSS                        // with a salt as long as the hash: RFC 8017, Section 8.1
	OAEP                       // without a label, with one hash for all: RFC 8017, Section 7.1
	ECDSA
	Ed25519 // over the message
)

// String returns the name of the scheme.
func (s Scheme) String() string {
	switch s {
	case PKCS1v15:
		return "PKCS #1 v1.5"
	case PSS:
		return "RSASSA-PSS"
	case OAEP:
		return "RSA-OAEP"
	case ECDSA:
		return "ECDSA"
	case Ed25519:
		return "Ed25519"
	}
	return fmt.Sprintf("scheme %d", int(s))
}

// ErrCiphertext says that a ciphertext cannot be one for the key. An adapter finds that
// before it asks the service, and reports it as undecryptable.
var ErrCiphertext = errors.New("a ciphertext of another length, or out of range")

// Signature returns what the arguments of [crypto.Signer] ask for. What no format of ours
// asks for is an error that wraps [errors.ErrUnsupported]. The hash is zero for Ed25519.
func Signature(public crypto.PublicKey, digest []byte, opts crypto.SignerOpts) (Scheme, crypto.Hash, error) {
	if opts == nil {
		return 0, 0, fmt.Errorf("a signature without options: %w", errors.ErrUnsupported)
	}
	hash := opts.HashFunc()
	pss, isPSS := opts.(*rsa.PSSOptions)
	var scheme Scheme
	switch public.(type) {
	case *rsa.PublicKey:
		scheme = PKCS1v15
		if isPSS {
			scheme = PSS
		}
	case *ecdsa.PublicKey:
		scheme = ECDSA
	case ed25519.PublicKey:
		if hash == 0 && !isPSS {
			return Ed25519, 0, nil
		}
	}
	sound := slices.Contains([]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}, hash) && len(digest) == hash.Size()
	switch {
	case scheme == 0 || !sound || isPSS && scheme != PSS:
		return 0, 0, fmt.Errorf("a signature by %T over %d bytes of hash %d: %w", public, len(digest), hash, errors.ErrUnsupported)
	case isPSS && pss.SaltLength != rsa.PSSSaltLengthEqualsHash && pss.SaltLength != hash.Size():
		return 0, 0, fmt.Errorf("RSASSA-PSS with another salt than one as long as the hash: %w", errors.ErrUnsupported)
	}
	return scheme, hash, nil
}

// Decryption returns what the arguments of [crypto.Decrypter] ask for: PKCS #1 v1.5, or
// RSA-OAEP with a hash. What no format of ours asks for is an error that wraps
// [errors.ErrUnsupported], and so is what allowed, which is asked before the ciphertext is
// looked at, returns an error for. Then [ErrCiphertext] tells what is no ciphertext for the
// key: another length, or not between 1 and n-1, neither included, which are their own
// plaintexts. Services differ in what they say of it, and everybody may see it: RFC 8017,
// Section 7.2.2.
func Decryption(public crypto.PublicKey, ciphertext []byte, opts crypto.DecrypterOpts, allowed func(Scheme, crypto.Hash) error) (Scheme, crypto.Hash, error) {
	key, isRSA := public.(*rsa.PublicKey)
	scheme, hash := PKCS1v15, crypto.Hash(0)
	known := isRSA
	switch o := opts.(type) {
	case nil:
	//lint:ignore SA1019 what OpenPGP and RSA1_5 are
	case *rsa.PKCS1v15DecryptOptions:
		known = known && o.SessionKeyLen == 0
	case *rsa.OAEPOptions:
		scheme, hash = OAEP, o.Hash
		known = known && hash != 0 && (o.MGFHash == 0 || o.MGFHash == hash) && len(o.Label) == 0
	default:
		known = false
	}
	if !known {
		return 0, 0, fmt.Errorf("decryption by %T with %T of this kind: %w", public, opts, errors.ErrUnsupported)
	}
	if err := allowed(scheme, hash); err != nil {
		return 0, 0, fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	c, one := new(big.Int).SetBytes(ciphertext), big.NewInt(1)
	if len(ciphertext) != key.Size() || c.Cmp(one) <= 0 || c.Add(c, one).Cmp(key.N) >= 0 {
		return 0, 0, ErrCiphertext
	}
	return scheme, hash, nil
}
