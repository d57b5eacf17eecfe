package pgp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// An Algorithm is a choice for [GenerateKey].
type Algorithm string

const (
	RSA3072    Algorithm = "rsa3072"    // what payment networks ask for
	RSA4096    Algorithm = "rsa4096"    // likewise
	Curve25519 Algorithm = "curve25519" // Ed25519 and X25519 in a version 4 key, as GnuPG reads it
)

// GenerateKey returns a new key for name, an OpenPGP User ID such as "Example
// Bank <keys@bank.example>", valid from now on for the given time: a primary
// key that certifies and signs, and a subkey that decrypts, so that the subkey
// can rotate on its own. It prefers SHA-384 and AES-256.
//
// It returns an error if the name is empty, not printable, or longer than 255
// octets, if alg is unknown, or if validity is below a second or above 100
// years: a key without an end is never replaced in time.
func GenerateKey(name string, alg Algorithm, validity time.Duration) (*Key, error) {
	return generateKey(name, alg, validity, time.Now())
}

func generateKey(name string, alg Algorithm, validity time.Duration, at time.Time) (*Key, error) {
	if err := checkUserID(name); err != nil {
		return nil, fmt.Errorf("pgp: generate key: %w", err)
	}
	const longest = 100 * 365 * 24 * time.Hour
	if validity < time.Second || validity > longest {
		return nil, fmt.Errorf("pgp: generate key: validity of %v", validity)
	}
	config := &packet.Config{Rand: rand.Reader, Time: func() time.Time { return at.Truncate(time.Second) }}
	switch alg {
	case RSA3072:
		config.Algorithm, config.RSABits = packet.PubKeyAlgoRSA, 3072
	case RSA4096:
		config.Algorithm, config.RSABits = packet.PubKeyAlgoRSA, 4096
	case Curve25519:
		config.Algorithm, config.Curve = packet.PubKeyAlgoEdDSA, packet.Curve25519
	default:
		return nil, fmt.Errorf("pgp: generate key: unknown algorithm %.32q", alg)
	}
	// The library makes the key pairs. The self-signatures are made here:
	// its own list what its defaults prefer, and give the subkey no end.
	e, err := openpgp.NewEntity("generated", "", "", config)
	if err != nil {
		return nil, fmt.Errorf("pgp: generate key: %w", err)
	}
	if len(e.Subkeys) != 1 {
		return nil, errors.New("pgp: generate key: no subkey was made")
	}
	k, err := certify(name, e.PrivateKey, e.Subkeys[0].PrivateKey, config.Now(), validity)
	if err != nil {
		return nil, fmt.Errorf("pgp: generate key: %w", err)
	}
	return k, nil
}

func checkUserID(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("the name is empty")
	case len(name) > math.MaxUint8:
		return errors.New("the name is longer than 255 octets")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("the name is not printable")
	}
	return nil
}

// certify makes the certificate of a primary key and an encryption subkey.
func certify(name string, primary, subkey *packet.PrivateKey, at time.Time, validity time.Duration) (*Key, error) {
	seconds := uint32(validity / time.Second)
	self := selfSignature(packet.SigTypePositiveCert, primary, at, seconds)
	marked := true
	self.IsPrimaryId = &marked
	self.FlagCertify, self.FlagSign = true, true
	self.PreferredSymmetric = []uint8{uint8(packet.CipherAES256), uint8(packet.CipherAES192), uint8(packet.CipherAES128)}
	self.PreferredHash = []uint8{9, 10, 8} // SHA-384, SHA-512, SHA-256
	self.PreferredCompression = []uint8{uint8(packet.CompressionNone)}
	self.SEIPDv1 = true
	if err := self.SignUserId(name, &primary.PublicKey, primary, nil); err != nil {
		return nil, err
	}
	binding := selfSignature(packet.SigTypeSubkeyBinding, primary, at, seconds)
	binding.FlagEncryptCommunications, binding.FlagEncryptStorage = true, true
	subkey.IsSubkey = true
	if err := binding.SignKey(&subkey.PublicKey, primary, nil); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, p := range []interface{ Serialize(io.Writer) error }{
		primary, &packet.UserId{Id: name}, self, subkey, binding,
	} {
		if err := p.Serialize(&b); err != nil {
			return nil, err
		}
	}
	certs, err := readCertificates(b.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	return newKey(certs[0])
}

func selfSignature(kind packet.SignatureType, primary *packet.PrivateKey, at time.Time, seconds uint32) *packet.Signature {
	return &packet.Signature{
		Version:         primary.Version,
		SigType:         kind,
		PubKeyAlgo:      primary.PubKeyAlgo,
		Hash:            hashFor(&primary.PublicKey),
		CreationTime:    at,
		KeyLifetimeSecs: &seconds,
		IssuerKeyId:     &primary.KeyId,
		FlagsValid:      true,
	}
}
