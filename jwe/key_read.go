package jwe

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/keyset"
)

// ReadKeys reads a JWK Set of at most 1 MiB and 256 keys: every key of it, or
// an error that names the one that could not be read. Each key says what it is
// for, in "use", "key_ops", or "alg". Keys of a type or a curve that this
// package does not know are passed over (RFC 7517, Section 5).
//
// A set that mixes private and public keys is an error, and so is a symmetric
// key. Two keys may have one "kid".
func ReadKeys(r io.Reader) ([]*Key, error) {
	text, err := readAll(r, maxKeySet)
	if err != nil {
		return nil, prefixed(err)
	}
	keys, err := parseJWKSet(text)
	return keys, prefixed(err)
}

// ReadKey reads exactly one JWK, PEM block (PKCS #8, PKCS #1, SEC 1, PKIX), or
// X.509 certificate (PEM or DER) from at most 64 KiB of r.
//
// use says what the key is for. It may be zero for a JWK with a "use",
// "key_ops", or "alg" member and for a certificate with a key usage, and must
// not contradict them. The key of a certificate is valid as long as the
// certificate is; its signature and its issuer are not checked.
func ReadKey(r io.Reader, use keyset.Use) (*Key, error) {
	text, err := readAll(r, maxKeyFile)
	if err != nil {
		return nil, prefixed(err)
	}
	k, err := parseKey(text, use)
	return k, prefixed(err)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("reading a key: more than %d bytes: %w", limit, errTooLarge)
	}
	return text, nil
}

func parseKey(text []byte, use keyset.Use) (*Key, error) {
	trimmed := bytes.TrimSpace(text)
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		return parseJWK(trimmed, use)
	case bytes.HasPrefix(trimmed, []byte("-----BEGIN")):
		return parsePEM(trimmed, use)
	case bytes.HasPrefix(text, []byte{0x30}):
		return parseCertificate(text, use)
	}
	return nil, errors.New("neither a JWK, nor PEM, nor a certificate")
}

func parsePEM(text []byte, use keyset.Use) (*Key, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest) // openssl writes the curve once more before the key
	}
	switch {
	case block == nil:
		return nil, errors.New("PEM that is not complete")
	case len(bytes.TrimSpace(rest)) != 0:
		return nil, errors.New("more than one PEM block, or text after it")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New("the private key is encrypted; decrypt it first")
	}
	var key any
	var err error
	switch block.Type {
	case "CERTIFICATE":
		return parseCertificate(block.Bytes, use)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("PEM block of type %q, which is not a key", cut(block.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("PEM block of type %q that does not parse", block.Type)
	}
	s := spec{use: use}
	if block.Type == "PUBLIC KEY" || block.Type == "RSA PUBLIC KEY" {
		s.public = key
	} else {
		s.private = key
	}
	return newKey(s)
}

// x509Uses are the purposes of a certificate: RFC 5280, Section 4.2.1.3.
func x509Uses(usage x509.KeyUsage) keyset.Use {
	var use keyset.Use
	if usage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0 {
		use |= keyset.Signing
	}
	if usage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment|x509.KeyUsageKeyAgreement) != 0 {
		use |= keyset.Encryption
	}
	return use
}

func parseCertificate(der []byte, use keyset.Use) (*Key, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("a certificate that does not parse")
	}
	if c.KeyUsage != 0 {
		allowed := x509Uses(c.KeyUsage)
		if use == 0 {
			use = allowed
		}
		if use == 0 || use&^allowed != 0 {
			return nil, fmt.Errorf("the key usage of the certificate does not allow %s", use)
		}
	}
	s := certified(c)
	s.use, s.public = use, c.PublicKey
	return newKey(s)
}

// certified is what a certificate says about its key.
func certified(c *x509.Certificate) spec {
	sum := sha256.Sum256(c.Raw)
	return spec{
		notBefore: c.NotBefore, notAfter: c.NotAfter,
		hints: []string{rawURL.EncodeToString(sum[:]), hex.EncodeToString(sum[:])},
		chain: [][]byte{c.Raw},
	}
}
