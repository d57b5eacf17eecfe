package main

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	pgpecdh "github.com/ProtonMail/go-crypto/openpgp/ecdh"
	pgped25519 "github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/mldsa_eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/mlkem_ecdh"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgpx25519 "github.com/ProtonMail/go-crypto/openpgp/x25519"
	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

// Public-key algorithms, RFC 9580, Section 9.1.
const (
	algRSA, algECDH, algEdDSA, algX25519, algEd25519 = 1, 18, 22, 25, 27
)

// bare returns the limit's use of the keys.
func (k pgpKeys) bare() (pgpSigning, pgpWrapping, error) {
	subkey := k.decrypt.Subkeys[0]
	var s pgpSigning
	switch key := k.sign.PrivateKey.PrivateKey.(type) {
	case *rsa.PrivateKey:
		s = rsaSigning{key}
	case *eddsa.PrivateKey:
		s = edSigning{ed25519.NewKeyFromSeed(key.D), true}
	case *pgped25519.PrivateKey:
		s = edSigning{ed25519.NewKeyFromSeed(key.Key[:ed25519.SeedSize]), false}
	case *mldsa_eddsa.PrivateKey:
		s = compositeSigning{key}
	}
	var w pgpWrapping
	var err error
	switch key := subkey.PrivateKey.PrivateKey.(type) {
	case *rsa.PrivateKey:
		w = rsaSession{key, names(3, subkey.PublicKey)}
	case *pgpecdh.PrivateKey:
		w, err = newECDHSession(key, subkey.PublicKey)
	case *pgpx25519.PrivateKey:
		w, err = newX25519Session(key, subkey.PublicKey)
	case *mlkem_ecdh.PrivateKey:
		w = compositeSession{key, names(6, subkey.PublicKey)}
	}
	if s == nil || w == nil || err != nil {
		return nil, nil, fmt.Errorf("no limit for %T and %T: %w", k.sign.PrivateKey.PrivateKey, subkey.PrivateKey.PrivateKey, err)
	}
	return s, w, nil
}

// names begins the body of a session key packet.
func names(version byte, k *packet.PublicKey) []byte {
	if version == 6 {
		return append([]byte{6, byte(1 + len(k.Fingerprint)), 6}, k.Fingerprint...)
	}
	return binary.BigEndian.AppendUint64([]byte{3}, k.KeyId)
}

type rsaSigning struct{ key *rsa.PrivateKey }

func (rsaSigning) algorithm() byte { return algRSA }

func (s rsaSigning) append(out, sum []byte) ([]byte, error) {
	signature, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA384, sum)
	return appendMPI(out, signature), err
}

func (s rsaSigning) verify(sum, fields []byte) bool {
	signature, _ := readMPI(fields, s.key.Size())
	return rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA384, sum, signature) == nil
}

// An edSigning is Ed25519, as RFC 9580 has it or as GnuPG had it before.
type edSigning struct {
	key    ed25519.PrivateKey
	legacy bool
}

func (s edSigning) algorithm() byte {
	if s.legacy {
		return algEdDSA
	}
	return algEd25519
}

func (s edSigning) append(out, sum []byte) ([]byte, error) {
	signature := ed25519.Sign(s.key, sum)
	if s.legacy {
		return appendMPI(appendMPI(out, signature[:32]), signature[32:]), nil
	}
	return append(out, signature...), nil
}

func (s edSigning) verify(sum, fields []byte) bool {
	signature := fields
	if s.legacy {
		r, rest := readMPI(fields, 32)
		t, _ := readMPI(rest, 32)
		signature = append(r, t...)
	}
	return ed25519.Verify(s.key.Public().(ed25519.PublicKey), sum, signature)
}

// appendSession writes cipher, session key, and checksum: RFC 9580, Section 5.1.
func appendSession(out, session []byte) []byte {
	var sum uint16
	for _, b := range session {
		sum += uint16(b)
	}
	return binary.BigEndian.AppendUint16(append(append(out, aes256), session...), sum)
}

type rsaSession struct {
	key   *rsa.PrivateKey
	names []byte
}

func (w rsaSession) append(out, session []byte) ([]byte, error) {
	//lint:ignore SA1019 OpenPGP has nothing else
	key, err := rsa.EncryptPKCS1v15(rand.Reader, &w.key.PublicKey, appendSession(make([]byte, 0, 64), session))
	return appendMPI(append(append(out, w.names...), algRSA), key), err
}

func (w rsaSession) unwrap(body []byte) ([]byte, error) {
	key, _ := readMPI(body[len(w.names)+1:], w.key.Size())
	//lint:ignore SA1019 OpenPGP has nothing else
	m, err := rsa.DecryptPKCS1v15(nil, w.key, key)
	if err != nil || len(m) != 1+sessionKey+2 {
		return nil, errLimit
	}
	return m[1 : 1+sessionKey], nil
}

// An ecdhSession is ECDH on Curve25519 as GnuPG has it: RFC 9580, Section 11.5.
type ecdhSession struct {
	key   *ecdh.PrivateKey
	names []byte
	param []byte
	hash  crypto.Hash
	size  int // of the key that wraps
}

func newECDHSession(key *pgpecdh.PrivateKey, public *packet.PublicKey) (pgpWrapping, error) {
	private, err := ecdh.X25519().NewPrivateKey(key.D)
	if err != nil {
		return nil, err
	}
	oid := []byte{10, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01}
	param := append(oid, algECDH, 3, 1, key.KDF.Hash.Id(), key.KDF.Cipher.Id())
	param = append(append(param, "Anonymous Sender    "...), public.Fingerprint...)
	return ecdhSession{private, names(3, public), param, key.KDF.Hash.HashFunc(), key.KDF.Cipher.KeySize()}, nil
}

func (w ecdhSession) append(out, session []byte) ([]byte, error) {
	ephemeral, z, err := agree(w.key.PublicKey())
	if err != nil {
		return nil, err
	}
	block, err := w.block(z)
	if err != nil {
		return nil, err
	}
	m := append(appendSession(make([]byte, 0, 64), session), 5, 5, 5, 5, 5)
	key, err := josecipher.KeyWrap(block, m)
	out = append(append(out, w.names...), algECDH)
	out = appendMPI(out, append([]byte{0x40}, ephemeral...))
	return append(append(out, byte(len(key))), key...), err
}

func (w ecdhSession) unwrap(body []byte) ([]byte, error) {
	point, rest := readMPI(body[len(w.names)+1:], 33)
	z, err := shared(w.key, point[1:])
	if err != nil {
		return nil, err
	}
	block, err := w.block(z)
	if err != nil {
		return nil, err
	}
	m, err := josecipher.KeyUnwrap(block, rest[1:])
	if err != nil {
		return nil, err
	}
	return m[1 : 1+sessionKey], nil
}

func (w ecdhSession) block(z []byte) (cipher.Block, error) {
	h := w.hash.New()
	h.Write([]byte{0, 0, 0, 1})
	h.Write(z)
	h.Write(w.param)
	return aes.NewCipher(h.Sum(nil)[:w.size])
}

func agree(public *ecdh.PublicKey) (ephemeral, z []byte, err error) {
	e, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	z, err = e.ECDH(public)
	return e.PublicKey().Bytes(), z, err
}

func shared(private *ecdh.PrivateKey, point []byte) ([]byte, error) {
	public, err := ecdh.X25519().NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	return private.ECDH(public)
}

// An x25519Session is X25519 in a session key packet of version 6: RFC 9580,
// Sections 5.1.2 and 5.1.6.
type x25519Session struct {
	key    *ecdh.PrivateKey
	names  []byte
	public []byte
}

func newX25519Session(key *pgpx25519.PrivateKey, public *packet.PublicKey) (pgpWrapping, error) {
	private, err := ecdh.X25519().NewPrivateKey(key.Secret)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(private.PublicKey().Bytes(), key.Point) {
		return nil, errLimit
	}
	return x25519Session{private, names(6, public), key.Point}, nil
}

func (w x25519Session) append(out, session []byte) ([]byte, error) {
	ephemeral, z, err := agree(w.key.PublicKey())
	if err != nil {
		return nil, err
	}
	block, err := w.block(ephemeral, z)
	if err != nil {
		return nil, err
	}
	key, err := josecipher.KeyWrap(block, session)
	out = append(append(out, w.names...), algX25519)
	out = append(append(out, ephemeral...), byte(len(key)))
	return append(out, key...), err
}

func (w x25519Session) unwrap(body []byte) ([]byte, error) {
	fields := body[len(w.names)+1:]
	z, err := shared(w.key, fields[:32])
	if err != nil {
		return nil, err
	}
	block, err := w.block(fields[:32], z)
	if err != nil {
		return nil, err
	}
	return josecipher.KeyUnwrap(block, fields[33:])
}

func (w x25519Session) block(ephemeral, z []byte) (cipher.Block, error) {
	key, err := hkdf.Key(sha256.New, slices.Concat(ephemeral, w.public, z), nil, "OpenPGP X25519", 16)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(key)
}
