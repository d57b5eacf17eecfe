package pgp

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/keyset"
)

// A sessionPacket is a Public Key Encrypted Session Key packet, RFC 9580,
// Section 5.1, as it looks before anything is decrypted.
type sessionPacket struct {
	raw         rawPacket
	version     int
	algorithm   packet.PublicKeyAlgorithm
	keyID       uint64    // version 3; zero for a hidden recipient
	fingerprint keyset.ID // version 6; empty for a hidden recipient
	fields      []byte    // the algorithm-specific part
}

var errSessionPacket = errors.New("invalid session key packet")

func parseSessionPacket(p rawPacket) (*sessionPacket, error) {
	b := p.body
	if len(b) < 2 {
		return nil, errSessionPacket
	}
	s := &sessionPacket{raw: p, version: int(b[0])}
	switch s.version {
	case 3:
		if len(b) < 10 {
			return nil, errSessionPacket
		}
		s.keyID = binary.BigEndian.Uint64(b[1:])
		s.algorithm, s.fields = packet.PublicKeyAlgorithm(b[9]), b[10:]
	case 6:
		n := int(b[1])
		if len(b) < 2+n+1 || n == 1 {
			return nil, errSessionPacket
		}
		if n != 0 {
			s.fingerprint = keyset.ID(strings.ToUpper(fmt.Sprintf("%x", b[3:2+n])))
		}
		s.algorithm, s.fields = packet.PublicKeyAlgorithm(b[2+n]), b[3+n:]
	default:
		return nil, fmt.Errorf("%w: version %d", errSessionPacket, s.version)
	}
	return s, nil
}

// hidden reports whether the packet names no recipient.
func (s *sessionPacket) hidden() bool { return s.keyID == 0 && s.fingerprint == "" }

// name is how the packet spells its recipient.
func (s *sessionPacket) name() keyset.ID {
	if s.fingerprint != "" {
		return s.fingerprint
	}
	return keyset.ID(fmt.Sprintf("%016X", s.keyID))
}

// names reports whether the packet names k.
func (s *sessionPacket) names(k *component) bool {
	return s.keyID != 0 && s.keyID == k.keyID || s.fingerprint != "" && s.fingerprint == k.id
}

// fits reports whether k could decrypt the packet.
func (s *sessionPacket) fits(k *component) bool {
	same := s.algorithm == k.pub.PubKeyAlgo || s.rsa() && k.bits != 0
	return same && (s.hidden() || s.names(k))
}

func (s *sessionPacket) rsa() bool {
	switch s.algorithm {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly:
		return true
	}
	return false
}

// A sessionKey is what a session key packet holds.
type sessionKey struct {
	cipher packet.CipherFunction // zero in version 6, where the encrypted data says it
	key    []byte
}

// randomSessionKey is the substitute for one that did not decrypt.
func randomSessionKey() sessionKey {
	key := make([]byte, 32)
	rand.Read(key)
	return sessionKey{packet.CipherAES256, key}
}

var errUndecryptable = errors.New("the session key does not decrypt")

// unwrap decrypts the session key with k. Whatever is wrong with it is one
// error, which says nothing about how far decryption came.
func (s *sessionPacket) unwrap(k *component) (sessionKey, error) {
	if s.rsa() {
		return s.unwrapRSA(k)
	}
	var out sessionKey
	err := guard(func() error {
		parsed, err := s.raw.parse() // a copy of its own: Decrypt writes to it (T16)
		if err != nil {
			return err
		}
		e, ok := parsed.(*packet.EncryptedKey)
		if !ok {
			return errSessionPacket
		}
		if err := e.Decrypt(k.priv, nil); err != nil {
			return err
		}
		out = sessionKey{e.CipherFunc, e.Key}
		return nil
	})
	if err != nil {
		return sessionKey{}, errUndecryptable
	}
	return out, nil
}

// unwrapRSA decrypts PKCS #1 v1.5, RFC 9580, Sections 5.1.3 and 12.5. The
// library's own way tells a bad padding from a bad cipher by error.
func (s *sessionPacket) unwrapRSA(k *component) (sessionKey, error) {
	private, ok := k.priv.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return sessionKey{}, errUndecryptable
	}
	if len(s.fields) < 2 || len(s.fields)-2 != (int(binary.BigEndian.Uint16(s.fields))+7)/8 || len(s.fields)-2 > private.Size() {
		return sessionKey{}, errUndecryptable
	}
	padded := make([]byte, private.Size())
	copy(padded[len(padded)-len(s.fields)+2:], s.fields[2:])
	m, err := private.Decrypt(nil, padded, nil) // PKCS #1 v1.5, which OpenPGP has no other than
	if err != nil {
		return sessionKey{}, errUndecryptable
	}
	var out sessionKey
	if s.version == 3 {
		if len(m) == 0 {
			return sessionKey{}, errUndecryptable
		}
		out.cipher, m = packet.CipherFunction(m[0]), m[1:]
	}
	if len(m) < 2 {
		return sessionKey{}, errUndecryptable
	}
	out.key = m[:len(m)-2]
	var sum uint16
	for _, b := range out.key {
		sum += uint16(b)
	}
	if sum != binary.BigEndian.Uint16(m[len(m)-2:]) {
		return sessionKey{}, errUndecryptable
	}
	return out, nil
}

// testDecryption encrypts a session key to k and decrypts it with k.
func (k *component) testDecryption(key []byte) error {
	p, err := k.wrap(sessionKey{sealCipher, key})
	if err != nil {
		return err
	}
	s, err := parseSessionPacket(p)
	if err != nil {
		return err
	}
	got, err := s.unwrap(k)
	if err != nil {
		return err
	}
	if string(got.key) != string(key) {
		return errUndecryptable
	}
	return nil
}
