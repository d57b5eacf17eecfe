package pgp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	library "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/internal/openpgp/cert"
)

// An Algorithm is a choice for [GenerateKey].
type Algorithm string

const (
	RSA3072    Algorithm = "rsa3072"    // what payment networks ask for
	RSA4096    Algorithm = "rsa4096"    // likewise
	Curve25519 Algorithm = "curve25519" // Ed25519 and X25519 in a version 4 key, as GnuPG reads it

	// PostQuantum is ML-DSA-65+Ed25519 to sign and ML-KEM-768+X25519 to decrypt, in a
	// version 6 key (RFC 9980). What is sealed to it stays secret, and what it signs stays
	// true, as long as either half of the pair holds. Few programs read such keys yet.
	PostQuantum Algorithm = "post-quantum"
)

// GenerateKey returns a new key for name, an OpenPGP User ID such as "Example
// Bank <keys@bank.example>", valid from now on for the given time: a primary
// key that certifies and signs, and a subkey that decrypts, so that the subkey
// can rotate on its own. It prefers SHA-384 and AES-256.
//
// It returns an error if the name is empty, not printable, or longer than 255
// bytes, if alg is unknown, or if validity is below a second or above 100
// years: a key without an end is never replaced in time.
func GenerateKey(name string, alg Algorithm, validity time.Duration) (*Key, error) {
	return generateKey(name, alg, validity, time.Now())
}

func generateKey(name string, alg Algorithm, validity time.Duration, at time.Time) (*Key, error) {
	if err := errors.Join(notUnderFIPSOnly(), checkUserID(name), checkValidity(validity)); err != nil {
		return nil, fmt.Errorf("pgp: generate key: %w", err)
	}
	config := &packet.Config{Rand: rand.Reader, Time: func() time.Time { return at.Truncate(time.Second) }}
	switch alg {
	case RSA3072:
		config.Algorithm, config.RSABits = packet.PubKeyAlgoRSA, 3072
	case RSA4096:
		config.Algorithm, config.RSABits = packet.PubKeyAlgoRSA, 4096
	case Curve25519:
		config.Algorithm, config.Curve = packet.PubKeyAlgoEdDSA, packet.Curve25519
	case PostQuantum:
		config.Algorithm, config.V6Keys = packet.PubKeyAlgoMldsa65Ed25519, true
	default:
		return nil, fmt.Errorf("pgp: generate key: unknown algorithm %.32q", alg)
	}
	// The library makes the key pairs. The self-signatures are made here:
	// its own list what its defaults prefer, and give the subkey no end.
	e, err := library.NewEntity("generated", "", "", config)
	if err != nil {
		return nil, fmt.Errorf("pgp: generate key: %w", err)
	}
	if len(e.Subkeys) != 1 {
		return nil, errors.New("pgp: generate key: no subkey was made")
	}
	cert, err := cert.CertifyPair(context.Background(), name, e.PrivateKey, e.Subkeys[0].PrivateKey, at, validity)
	if err != nil {
		return nil, fmt.Errorf("pgp: generate key: %w", err)
	}
	return newKey(cert)
}

func checkValidity(d time.Duration) error {
	const longest = 100 * 365 * 24 * time.Hour
	if d < time.Second || d > longest {
		return fmt.Errorf("validity of %v, which is not between a second and 100 years", d)
	}
	return nil
}

func checkUserID(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("the name is empty")
	case len(name) > math.MaxUint8:
		return errors.New("the name is longer than 255 bytes")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("the name is not printable")
	}
	return nil
}
