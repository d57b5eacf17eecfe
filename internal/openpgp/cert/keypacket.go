package cert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// newPart reads a key packet and unlocks it.
func newPart(p openpgp.Packet, passphrase []byte) (Part, error) {
	if n := rsaBits(p); n > maxRSABits {
		return Part{}, fmt.Errorf("RSA key of %d bits, at most %d are allowed", n, maxRSABits)
	}
	read := p
	elsewhere := isStub(p)
	if elsewhere {
		read.Tag = publicTag(p.Tag) // the library reads what it needs, and no further
	}
	parsed, err := Parse(read)
	if err != nil {
		return Part{}, keyPacketError(p, err)
	}
	var k Part
	switch key := parsed.(type) {
	case *packet.PublicKey:
		k.pub = key
		if elsewhere {
			k.stub = p
		}
	case *packet.PrivateKey:
		k.pub = &key.PublicKey
		if key.Encrypted {
			if passphrase == nil {
				return Part{}, fmt.Errorf("key %s: %w", Fingerprint(k.pub), ErrLocked)
			}
			if err := unlock(key, passphrase); err != nil {
				return Part{}, fmt.Errorf("key %s: %w", Fingerprint(k.pub), err)
			}
		}
		k.priv = key
	default:
		return Part{}, errNoCertificate
	}
	if k.pub.Version != 4 && k.pub.Version != 6 {
		return Part{}, fmt.Errorf("%w: %d", errKeyVersion, k.pub.Version)
	}
	if err := k.encodePublic(); err != nil {
		return Part{}, err
	}
	// The library reads fields where they begin, whatever their length is said to be. A
	// packet that is not what it has read is another key to other programs: they make
	// the fingerprint of what stands there.
	if public := k.raw.Body; !bytes.HasPrefix(p.Body, public) || p.Tag == k.raw.Tag && len(p.Body) != len(public) {
		return Part{}, errDamagedKey
	}
	return k, nil
}

var errScheme = errors.New("the private half is locked by a scheme that is not supported")

func unlock(key *packet.PrivateKey, passphrase []byte) error {
	err := guard(func() error { return key.Decrypt(passphrase) })
	if _, unsupported := errors.AsType[pgperrors.UnsupportedError](err); unsupported {
		return errScheme
	}
	if err != nil {
		return errPassphrase
	}
	return nil
}

// publicTag is the type of the public half of a key packet.
func publicTag(tag byte) byte {
	if tag == openpgp.TagSecretKey {
		return openpgp.TagPublicKey
	}
	return openpgp.TagPublicSubkey
}

// isStub reports whether a secret key packet says that the private half is offline
// or on a smart card: GnuPG's own kinds 1 and 2 of a string-to-key specifier.
func isStub(p openpgp.Packet) bool {
	if p.Tag != openpgp.TagSecretKey && p.Tag != openpgp.TagSecretSubkey {
		return false
	}
	// usage, cipher, kind 101, hash, "GNU", 1 or 2, and for a card its number
	for _, number := range []int{0, 16 + 1} {
		if at := len(p.Body) - number - 8; at > 6 && (p.Body[at] == 254 || p.Body[at] == 255) && p.Body[at+2] == 101 &&
			string(p.Body[at+4:at+7]) == "GNU" && (p.Body[at+7] == 1 && number == 0 || p.Body[at+7] == 2) {
			return true
		}
	}
	return false
}

// keyPacketError says in our words why a key packet cannot be read.
func keyPacketError(p openpgp.Packet, err error) error {
	const version, algorithm = 0, 5
	switch _, unsupported := errors.AsType[pgperrors.UnsupportedError](err); {
	case len(p.Body) <= algorithm:
	case p.Body[version] != 4 && p.Body[version] != 6:
		return fmt.Errorf("%w: %d", errKeyVersion, p.Body[version])
	case unsupported && publicHalfIsRead(p):
		return errScheme
	case unsupported:
		return fmt.Errorf("%w: public-key algorithm %d or its curve", errUnsupportedKey, p.Body[algorithm])
	}
	return errDamagedKey
}

// publicHalfIsRead reports whether the public half of a secret key packet is no
// reason why the packet cannot be read.
func publicHalfIsRead(p openpgp.Packet) bool {
	if p.Tag != openpgp.TagSecretKey && p.Tag != openpgp.TagSecretSubkey {
		return false
	}
	p.Tag = publicTag(p.Tag)
	_, err := Parse(p)
	return err == nil
}

// rsaBits is the size of the modulus of an RSA key, before anything is computed
// with it: to parse a private one of 16384 bits takes seconds.
func rsaBits(p openpgp.Packet) int {
	const algorithm = 5 // after the version and the time, RFC 9580, Section 5.5.2
	modulus := algorithm + 1
	if len(p.Body) != 0 && p.Body[0] == 6 {
		modulus += 4
	}
	if len(p.Body) < modulus+2 || p.Body[algorithm] < 1 || p.Body[algorithm] > 3 {
		return 0
	}
	return int(binary.BigEndian.Uint16(p.Body[modulus:]))
}
