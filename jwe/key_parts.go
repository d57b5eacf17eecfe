package jwe

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/internal/mldsa"
	"github.com/sealwax/sealwax/internal/text"
	"github.com/sealwax/sealwax/keyset"
)

func cut(s string) string { return text.Cut(s, 128) }

// takePrivate copies and checks a private key, and its public half.
func (k *Key) takePrivate(private crypto.PrivateKey, use keyset.Use) error {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		return k.takeRSA(p)
	case *ecdsa.PrivateKey:
		if p == nil {
			break
		}
		return k.takeEC(p)
	case ed25519.PrivateKey:
		if len(p) != ed25519.PrivateKeySize {
			return errors.New("an Ed25519 private key of the wrong size")
		}
		own := ed25519.NewKeyFromSeed(p.Seed())
		if !own.Equal(p) {
			return errors.New("the halves of an Ed25519 key do not belong together")
		}
		k.private = own
		return k.takePublic(own.Public())
	case *ecdh.PrivateKey:
		if p == nil {
			break
		}
		if p.Curve() == ecdh.X25519() {
			k.private, k.dhPrivate = p, p // immutable
			return k.takePublic(p.PublicKey())
		}
		curve, err := curveOf(p.Curve())
		if err != nil {
			return err
		}
		own, err := ecdsa.ParseRawPrivateKey(curve, p.Bytes())
		if err != nil {
			return errors.New("an EC private key that is not valid")
		}
		return k.takeEC(own)
	case *mldsa.PrivateKey:
		k.private = p // immutable
		return k.takePublic(mldsa.Public(p))
	default:
		return k.takeRemote(private, use)
	}
	return fmt.Errorf("cannot use a private key of type %T", private)
}

func (k *Key) takeRSA(p *rsa.PrivateKey) error {
	if p == nil || p.N == nil || p.D == nil || len(p.Primes) != 2 || p.Primes[0] == nil || p.Primes[1] == nil {
		return errors.New("an RSA private key without its two primes")
	}
	// What was precomputed by others is computed anew: libraries leave it
	// out, and a file may hold anything.
	own := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Set(p.N), E: p.E},
		D:         new(big.Int).Set(p.D),
		Primes:    []*big.Int{new(big.Int).Set(p.Primes[0]), new(big.Int).Set(p.Primes[1])},
	}
	if err := k.takePublic(&own.PublicKey); err != nil {
		return err
	}
	own.Precompute()
	if err := own.Validate(); err != nil {
		return errors.New("an RSA private key that is not valid")
	}
	k.private = own
	return nil
}

func (k *Key) takeEC(p *ecdsa.PrivateKey) error {
	octets, err := p.Bytes()
	if err != nil {
		return errors.New("an EC private key that is not valid")
	}
	own, err := ecdsa.ParseRawPrivateKey(p.Curve, octets)
	if err != nil || !own.PublicKey.Equal(&p.PublicKey) {
		return errors.New("the halves of an EC key do not belong together")
	}
	if err := k.takePublic(&own.PublicKey); err != nil {
		return err
	}
	k.private = own
	if k.dhPrivate, err = own.ECDH(); err != nil {
		return errors.New("an EC private key that is not valid")
	}
	return nil
}

// takePublic copies and checks a public key.
func (k *Key) takePublic(public crypto.PublicKey) error {
	switch p := public.(type) {
	case *rsa.PublicKey:
		return k.takeRSAPublic(p)
	case *ecdsa.PublicKey:
		if p == nil || p.Curve == nil {
			break
		}
		octets, err := p.Bytes()
		if err != nil {
			return errors.New("an EC public key that is not valid")
		}
		own, err := ecdsa.ParseUncompressedPublicKey(p.Curve, octets)
		if err != nil {
			return errors.New("an EC public key that is not on its curve")
		}
		if k.kind, err = kindOf(p.Curve); err != nil {
			return err
		}
		k.public = own
		k.dh, err = own.ECDH()
		return err
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return errors.New("an Ed25519 public key of the wrong size")
		}
		k.kind, k.public = kindEd25519, ed25519.PublicKey(append([]byte(nil), p...))
		return nil
	case *ecdh.PublicKey:
		if p == nil {
			break
		}
		if p.Curve() == ecdh.X25519() {
			k.kind, k.public, k.dh = kindX25519, p, p // immutable
			return checkX25519(p)
		}
		curve, err := curveOf(p.Curve())
		if err != nil {
			return err
		}
		own, err := ecdsa.ParseUncompressedPublicKey(curve, p.Bytes())
		if err != nil {
			return errors.New("an EC public key that is not valid")
		}
		return k.takePublic(own)
	case *mldsa.PublicKey:
		name := mldsa.Name(p)
		if !mldsa.Known(name) {
			return errors.New("an ML-DSA key without its parameters")
		}
		k.kind, k.public = kind(name), p // immutable
		return nil
	}
	return fmt.Errorf("cannot use a public key of type %T", public)
}

func (k *Key) takeRSAPublic(p *rsa.PublicKey) error {
	if p == nil || p.N == nil {
		return errors.New("an RSA key without a modulus")
	}
	if bits := p.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("an RSA modulus of %d bits; allowed are %d to %d", bits, minRSABits, maxRSABits)
	}
	if madeByROCA(p.N) {
		return errROCA
	}
	own := &rsa.PublicKey{N: new(big.Int).Set(p.N), E: p.E}
	// The standard library checks a public key when it uses it.
	if _, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, own, nil, nil); err != nil {
		return errors.New("an RSA public key that is not valid")
	}
	k.kind, k.public = kindRSA, own
	return nil
}

// checkX25519 refuses the points of low order: with them the agreed key is no
// secret.
func checkX25519(p *ecdh.PublicKey) error {
	ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if _, err := ephemeral.ECDH(p); err != nil {
		return errors.New("an X25519 public key of low order")
	}
	return nil
}

func kindOf(c elliptic.Curve) (kind, error) {
	switch c {
	case elliptic.P256():
		return kindP256, nil
	case elliptic.P384():
		return kindP384, nil
	case elliptic.P521():
		return kindP521, nil
	}
	return "", curveError(c.Params().Name)
}

// kindOfKey returns the kind of an Edwards or Montgomery key, or of one of ML-DSA, which
// implies its use.
func kindOfKey(public crypto.PublicKey, private crypto.PrivateKey) kind {
	key := private
	if key == nil {
		key = public
	}
	switch k := key.(type) {
	case ed25519.PublicKey, ed25519.PrivateKey:
		return kindEd25519
	case *ecdh.PublicKey:
		if k.Curve() == ecdh.X25519() {
			return kindX25519
		}
	case *mldsa.PublicKey:
		return kind(mldsa.Name(k))
	case *mldsa.PrivateKey:
		return kind(mldsa.Name(mldsa.Public(k)))
	case *ecdh.PrivateKey:
		if k.Curve() == ecdh.X25519() {
			return kindX25519
		}
	}
	return ""
}

func curveOf(c ecdh.Curve) (elliptic.Curve, error) {
	switch c {
	case ecdh.P256():
		return elliptic.P256(), nil
	case ecdh.P384():
		return elliptic.P384(), nil
	case ecdh.P521():
		return elliptic.P521(), nil
	}
	return nil, errors.New("a curve that is not supported")
}

// ephemeralCurve returns the curve of ECDH-ES and the size of a coordinate.
func ephemeralCurve(k kind) (ecdh.Curve, int) {
	switch k {
	case kindP256:
		return ecdh.P256(), 32
	case kindP384:
		return ecdh.P384(), 48
	case kindP521:
		return ecdh.P521(), 66
	case kindX25519:
		return ecdh.X25519(), 32
	}
	return nil, 0
}

// parseEphemeral reads the "epk" of a JWE: a public JWK of one of the curves.
func parseEphemeral(jwk map[string]any) (kind, *ecdh.PublicKey, error) {
	get := func(name string) string {
		s, _ := jwk[name].(string)
		return s
	}
	if _, private := jwk["d"]; private {
		return "", nil, errors.New("a private key")
	}
	crv := kind(get("crv"))
	curve, size := ephemeralCurve(crv)
	if curve == nil {
		return "", nil, errors.New("a curve that is not supported")
	}
	octets, err := coordinate(get("x"), size, crv != kindX25519)
	if err != nil {
		return "", nil, err
	}
	kty := "OKP"
	if crv != kindX25519 {
		kty = "EC"
		y, err := coordinate(get("y"), size, true)
		if err != nil {
			return "", nil, err
		}
		octets = append(append([]byte{4}, octets...), y...)
	}
	if get("kty") != kty {
		return "", nil, errors.New("a type that does not fit the curve")
	}
	p, err := curve.NewPublicKey(octets)
	if err != nil {
		return "", nil, errors.New("a point that is not on the curve")
	}
	return crv, p, nil
}

// coordinate decodes one. Of a number, leading zeros may be missing: the point is
// checked in any case.
func coordinate(s string, size int, number bool) ([]byte, error) {
	octets, err := decodeText(s)
	if err == nil && number && len(octets) > 0 && len(octets) < size {
		octets = padded(octets, size)
	}
	if err != nil || len(octets) != size {
		return nil, errors.New("a coordinate of the wrong size")
	}
	return octets, nil
}

// publicJWK returns the members of a public key of ECDH-ES.
func publicJWK(p *ecdh.PublicKey) map[string]string {
	octets := p.Bytes()
	enc := rawURL.EncodeToString
	if p.Curve() == ecdh.X25519() {
		return map[string]string{"kty": "OKP", "crv": string(kindX25519), "x": enc(octets)}
	}
	half := len(octets) / 2
	crv := kindP256
	switch p.Curve() {
	case ecdh.P384():
		crv = kindP384
	case ecdh.P521():
		crv = kindP521
	}
	return map[string]string{"kty": "EC", "crv": string(crv), "x": enc(octets[1 : 1+half]), "y": enc(octets[1+half:])}
}

// thumbprint is that of RFC 7638, of RFC 8037, Section 2, and of RFC 9964, with
// SHA-256.
func (k *Key) thumbprint() (keyset.ID, error) {
	if k.kind == kindX25519 {
		sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"X25519","kty":"OKP","x":"%s"}`, publicJWK(k.dh)["x"]))
		return keyset.ID(rawURL.EncodeToString(sum[:])), nil
	}
	jwk := jose.JSONWebKey{Key: k.public}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", errors.New("a public key that is not valid")
	}
	return keyset.ID(rawURL.EncodeToString(sum)), nil
}

// fingerprints are further names that partners give to a key: the SHA-256 of
// its SubjectPublicKeyInfo, in hexadecimal, in base64url, and in base64.
func (k *Key) fingerprints() []string {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(der)
	return []string{hex.EncodeToString(sum[:]), rawURL.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])}
}
