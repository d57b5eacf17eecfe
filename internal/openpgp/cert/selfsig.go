package cert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// Types of signatures, RFC 9580, Section 5.2.1, that a certificate is made of.
const (
	sigCertification    = 0x10 // to 0x13
	sigPositive         = 0x13
	sigSubkeyBinding    = 0x18
	sigDirectKey        = 0x1f
	sigKeyRevocation    = 0x20
	sigSubkeyRevocation = 0x28
	sigCertRevocation   = 0x30
)

// A SignatureInfo is what a signature packet says of itself, read by hand, so that it is
// there for signatures that the library cannot read.
type SignatureInfo struct {
	Version, kind, Algorithm, Hash byte
	created                        time.Time
	hashed, unhashed               issuers
	revokers                       [][]byte // fingerprints, hashed
	Bad                            error    // why the signature counts for nothing
}

// issuers are the keys that one area of subpackets names as the issuer.
type issuers struct {
	fingerprints [][]byte
	keyIDs       []uint64
}

func (i issuers) empty() bool { return len(i.fingerprints)+len(i.keyIDs) == 0 }

var ErrSignature = errors.New("damaged signature packet")

// ReadSignatureInfo reads a signature packet, RFC 9580, Section 5.2.
func ReadSignatureInfo(body []byte) (SignatureInfo, error) {
	if len(body) == 0 {
		return SignatureInfo{}, ErrSignature
	}
	i := SignatureInfo{Version: body[0]}
	width := 2
	switch i.Version {
	case 2, 3:
		if len(body) < 17 {
			return i, ErrSignature
		}
		if hashed := body[1]; hashed != 5 {
			break // not of that version: what it would be of version 4 must not be lost
		}
		i.kind, i.Algorithm, i.Hash = body[2], body[15], body[16]
		i.created = time.Unix(int64(binary.BigEndian.Uint32(body[3:])), 0)
		i.hashed.keyIDs = []uint64{binary.BigEndian.Uint64(body[7:])}
		return i, nil
	case 4, 5:
	case 6:
		width = 4
	default:
		return i, nil // nothing else is known of it
	}
	if len(body) < 4+width {
		return i, ErrSignature
	}
	i.kind, i.Algorithm, i.Hash = body[1], body[2], body[3]
	rest := body[4:]
	for _, hashed := range []bool{true, false} {
		if len(rest) < width {
			return i, ErrSignature
		}
		n := uint64(0)
		for _, b := range rest[:width] {
			n = n<<8 | uint64(b)
		}
		rest = rest[width:]
		if n > uint64(len(rest)) {
			return i, ErrSignature
		}
		if err := i.subpackets(rest[:n], hashed); err != nil {
			return i, err
		}
		rest = rest[n:]
	}
	return i, nil
}

// subpackets reads one area of subpackets, RFC 9580, Section 5.2.3.7.
func (i *SignatureInfo) subpackets(area []byte, hashed bool) error {
	const creation, revocationKey, issuerKeyID, issuerFingerprint = 2, 12, 16, 33
	named := &i.unhashed
	if hashed {
		named = &i.hashed
	}
	for len(area) != 0 {
		n, size := uint64(area[0]), 1
		switch {
		case area[0] >= 192 && area[0] < 255 && len(area) > 1:
			n, size = uint64(area[0]-192)<<8+uint64(area[1])+192, 2
		case area[0] == 255 && len(area) > 4:
			n, size = uint64(binary.BigEndian.Uint32(area[1:])), 5
		case area[0] >= 192:
			return ErrSignature
		}
		area = area[size:]
		if n == 0 || n > uint64(len(area)) {
			return ErrSignature
		}
		kind, value := area[0]&0x7f, area[1:n]
		area = area[n:]
		switch {
		case kind == creation && hashed && len(value) == 4:
			i.created = time.Unix(int64(binary.BigEndian.Uint32(value)), 0)
		case kind == issuerKeyID && len(value) == 8:
			named.keyIDs = append(named.keyIDs, binary.BigEndian.Uint64(value))
		case kind == issuerFingerprint && len(value) > 1:
			if value[0] != i.Version {
				i.Bad = fmt.Errorf("a signature of version %d names its issuer by a fingerprint of version %d", i.Version, value[0])
			}
			named.fingerprints = append(named.fingerprints, value[1:])
		case kind == revocationKey && hashed && len(value) == 22:
			i.revokers = append(i.revokers, value[2:])
		}
	}
	return nil
}

// issuer returns the area that says who made the signature. What is hashed
// overrules what anybody could have written (RFC 9580, Section 5.2.3.7).
func (i *SignatureInfo) issuer() issuers {
	if !i.hashed.empty() {
		return i.hashed
	}
	return i.unhashed
}

// Name returns how the signature spells its issuer, which is empty if it names
// nobody. A fingerprint goes before a key ID.
func (i *SignatureInfo) Name() string {
	named := i.issuer()
	switch {
	case len(named.fingerprints) != 0:
		return string(FingerprintID(named.fingerprints[0]))
	case len(named.keyIDs) != 0 && named.keyIDs[0] != 0:
		return keyIDName(named.keyIDs[0])
	}
	return ""
}

// by reports whether the signature names the key as its issuer.
func (i *SignatureInfo) by(fingerprint []byte, keyID uint64) bool {
	named := i.issuer()
	if len(named.fingerprints) != 0 {
		return slices.ContainsFunc(named.fingerprints, func(f []byte) bool { return bytes.Equal(f, fingerprint) })
	}
	return slices.Contains(named.keyIDs, keyID)
}

// revocation reports whether the signature revokes a key or subkey.
func (i *SignatureInfo) revocation() bool {
	return i.kind == sigKeyRevocation || i.kind == sigSubkeyRevocation
}

// String says which signature it is, for an operator.
func (i *SignatureInfo) String() string {
	kind := map[byte]string{sigKeyRevocation: "key revocation", sigSubkeyRevocation: "subkey revocation", sigSubkeyBinding: "subkey binding",
		sigDirectKey: "direct-key signature"}[i.kind]
	switch {
	case kind != "":
	case i.kind >= sigCertification && i.kind <= sigPositive:
		kind = "certification"
	default:
		kind = fmt.Sprintf("signature of type %#02x", i.kind)
	}
	return fmt.Sprintf("%s of %s", kind, i.created.UTC().Format(time.DateOnly))
}

// weakness says why a signature cannot count, by what it is made with. It is empty
// if that is allowed, or may be.
func (i *SignatureInfo) weakness(version int) string {
	switch {
	case int(i.Version) != version:
		return fmt.Sprintf("it is of version %d, and the key of version %d", i.Version, version)
	case i.Bad != nil:
		return i.Bad.Error()
	}
	if name, weak := WeakHashes[i.Hash]; weak {
		return "it is under " + name
	}
	return ""
}

// WeakHashes are the hashes under which no signature counts, by their IDs (RFC
// 9580, Section 9.5). SHA-1 has a waiver of its own.
var WeakHashes = map[byte]string{1: "MD5", 3: "RIPEMD-160", 11: "SHA-224"}

// A selfSig is a signature inside a certificate.
type selfSig struct {
	raw  openpgp.Packet
	info SignatureInfo
	sig  *packet.Signature // the library's view, nil if it cannot read it, or it is by somebody else
	ok   bool              // it verifies where it stands
	lone bool              // it binds a subkey that signs, without the consent of the subkey
}

// newSelfSig reads a signature of a certificate. The library is asked only if it
// may be by the primary key.
func newSelfSig(p openpgp.Packet, primary *packet.PublicKey) selfSig {
	s := selfSig{raw: p}
	var err error
	if s.info, err = ReadSignatureInfo(p.Body); err != nil {
		return s
	}
	if !s.info.issuer().empty() && !s.info.by(primary.Fingerprint, primary.KeyId) {
		return s
	}
	if parsed, err := Parse(p); err == nil {
		s.sig, _ = parsed.(*packet.Signature)
	}
	return s
}

// may reports whether the signature may count if it verifies.
func (s *selfSig) may(primary *packet.PublicKey) bool {
	return s.sig != nil && s.sig.Version == primary.Version && s.info.Bad == nil
}
