package cert

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
	remotely "github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/internal/secret"
	"github.com/sealwax/sealwax/keyset"
)

// A SessionPacket is a Public Key Encrypted Session Key packet, RFC 9580,
// Section 5.1, as it looks before anything is decrypted.
type SessionPacket struct {
	raw         openpgp.Packet
	Version     int
	Algorithm   packet.PublicKeyAlgorithm
	keyID       uint64    // version 3; zero for a hidden recipient
	fingerprint keyset.ID // version 6; empty for a hidden recipient
	fields      []byte    // the algorithm-specific part
}

var errSessionPacket = errors.New("invalid session key packet")

// ParseSessionPacket reads a session key packet. An unknown version is an error.
func ParseSessionPacket(p openpgp.Packet) (*SessionPacket, error) {
	b := p.Body
	if len(b) < 2 {
		return nil, errSessionPacket
	}
	s := &SessionPacket{raw: p, Version: int(b[0])}
	switch s.Version {
	case 3:
		if len(b) < 10 {
			return nil, errSessionPacket
		}
		s.keyID = binary.BigEndian.Uint64(b[1:])
		s.Algorithm, s.fields = packet.PublicKeyAlgorithm(b[9]), b[10:]
	case 6:
		n := int(b[1])
		if len(b) < 2+n+1 || n == 1 {
			return nil, errSessionPacket
		}
		if n != 0 {
			s.fingerprint = FingerprintID(b[3 : 2+n])
		}
		s.Algorithm, s.fields = packet.PublicKeyAlgorithm(b[2+n]), b[3+n:]
	default:
		return nil, fmt.Errorf("%w: version %d", errSessionPacket, s.Version)
	}
	return s, nil
}

// Hidden reports whether the packet names no recipient.
func (s *SessionPacket) Hidden() bool { return s.keyID == 0 && s.fingerprint == "" }

// Name is how the packet spells its recipient.
func (s *SessionPacket) Name() keyset.ID {
	if s.fingerprint != "" {
		return s.fingerprint
	}
	return keyset.ID(fmt.Sprintf("%016X", s.keyID))
}

// Names reports whether the packet Names k.
func (s *SessionPacket) Names(k *Component) bool {
	return s.keyID != 0 && s.keyID == k.KeyID || s.fingerprint != "" && s.fingerprint == k.ID
}

// Fits reports whether k could decrypt the packet.
func (s *SessionPacket) Fits(k *Component) bool {
	same := s.Algorithm == k.Public.PubKeyAlgo || s.IsRSA() && k.bits != 0
	return same && (s.Hidden() || s.Names(k))
}

// IsRSA reports whether the session key is under PKCS #1 v1.5.
func (s *SessionPacket) IsRSA() bool {
	switch s.Algorithm {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly:
		return true
	}
	return false
}

// A SessionKey is what a session key packet holds.
type SessionKey struct {
	Cipher packet.CipherFunction // zero in version 6, where the encrypted data says it
	Key    []byte
}

// RandomSessionKey is the substitute for one that did not decrypt, for AES-256.
func RandomSessionKey(version int) SessionKey {
	sk := SessionKey{packet.CipherAES256, secret.Key(packet.CipherAES256.KeySize())}
	if version == 6 {
		sk.Cipher = 0
	}
	return sk
}

// Unwrap decrypts the session key with k. Whatever is wrong with it, the result
// is a random session key, and nothing says how far decryption came. An error
// is that of a key service.
func (s *SessionPacket) Unwrap(ctx context.Context, k *Component) (sk SessionKey, conforms bool, err error) {
	if k.Remote != nil {
		return s.unwrap(ctx, k)
	}
	secret.Do(func() { sk, conforms, err = s.unwrap(ctx, k) })
	return sk, conforms, err
}

func (s *SessionPacket) unwrap(ctx context.Context, k *Component) (sk SessionKey, conforms bool, err error) {
	if s.IsRSA() {
		return s.unwrapRSA(ctx, k)
	}
	sk = RandomSessionKey(s.Version)
	failed := guard(func() error {
		if !s.whole() {
			return errSessionPacket
		}
		parsed, err := Parse(s.raw) // a copy of its own: Decrypt writes to it (T16)
		if err != nil {
			return err
		}
		e, ok := parsed.(*packet.EncryptedKey)
		if !ok {
			return errSessionPacket
		}
		if err := e.Decrypt(k.Private, nil); err != nil {
			return err
		}
		if s.Version == 3 && len(e.Key) != e.CipherFunc.KeySize() { // RFC 9580, Section 5.1.6; RFC 9980, Section 4.3.1
			return errSessionPacket
		}
		sk = SessionKey{e.CipherFunc, e.Key}
		return nil
	})
	return sk, failed == nil, nil
}

// whole reports whether the fields of an algorithm that has them in fixed lengths are as long
// as they should be: its ciphertext, and a wrapped session key that says how long it is. The
// library does not look behind them.
func (s *SessionPacket) whole() bool {
	ciphertext, fixed := map[packet.PublicKeyAlgorithm]int{
		packet.PubKeyAlgoX25519: 32, packet.PubKeyAlgoX448: 56,
		packet.PubKeyAlgoMlkem768X25519: 32 + 1088, packet.PubKeyAlgoMlkem1024X448: 56 + 1568,
	}[s.Algorithm]
	return !fixed || len(s.fields) > ciphertext && len(s.fields) == ciphertext+1+int(s.fields[ciphertext])
}

// unwrapRSA decrypts PKCS #1 v1.5, RFC 9580, Sections 5.1.3 and 12.5. The
// library tells a bad padding from a bad cipher and from a bad checksum by its
// error; here all are one, and which it is decides nothing but which bytes
// are copied.
func (s *SessionPacket) unwrapRSA(ctx context.Context, k *Component) (sk SessionKey, conforms bool, err error) {
	sk = RandomSessionKey(s.Version)
	public, ok := k.Public.PublicKey.(*rsa.PublicKey)
	if !ok || len(s.fields) < 2 || len(s.fields)-2 != (int(binary.BigEndian.Uint16(s.fields))+7)/8 || len(s.fields)-2 > public.Size() {
		return sk, false, nil
	}
	ciphertext := make([]byte, public.Size())
	copy(ciphertext[len(ciphertext)-len(s.fields)+2:], s.fields[2:])
	var m []byte
	var padded bool
	if k.Remote != nil {
		if m, padded, err = k.unwrapRemote(ctx, ciphertext); err != nil {
			return sk, false, err
		}
	} else if private, ok := k.Private.PrivateKey.(*rsa.PrivateKey); ok {
		var failed error
		m, failed = private.Decrypt(nil, ciphertext, nil) // PKCS #1 v1.5: OpenPGP has nothing else
		padded = failed == nil
	}
	sk, conforms = conforming(s.Version, m, padded, sk)
	return sk, conforms, nil
}

// conforming returns the session key in m if it is one, with a good checksum
// and for a known cipher, or else the substitute. Of a session key for AES-256,
// which is what partners send, the choice is made without a branch.
func conforming(version int, m []byte, padded bool, substitute SessionKey) (sk SessionKey, conforms bool) {
	head := 1
	if version == 6 {
		head = 0
	}
	whole := head + len(substitute.Key) + 2
	buf := make([]byte, whole)
	good := 0
	if padded {
		good = 1
	}
	if padded && len(m) != whole && len(m) >= head+2 {
		return shorter(version, m, substitute) // AES-128 or AES-192, or what is not allowed
	}
	good &= subtle.ConstantTimeEq(int32(len(m)), int32(whole))
	copy(buf, m)
	if head == 1 {
		good &= subtle.ConstantTimeByteEq(buf[0], byte(packet.CipherAES256)) | refusedCipher(buf[0])
	}
	good &= checksum(buf[head:])
	sk = SessionKey{substitute.Cipher, pick(good, buf[head:whole-2], substitute.Key)}
	if head == 1 {
		sk.Cipher = packet.CipherFunction(subtle.ConstantTimeSelect(good, int(buf[0]), int(substitute.Cipher)))
	}
	return sk, good == 1
}

// refusedCipher reports whether the cipher has keys of 32 bytes and is not
// allowed, so that the operator learns of it.
func refusedCipher(c byte) int {
	return subtle.ConstantTimeByteEq(c, 10) | subtle.ConstantTimeByteEq(c, 13) // Twofish, Camellia-256
}

// shorter is conforming for session keys of other sizes.
func shorter(version int, m []byte, substitute SessionKey) (SessionKey, bool) {
	sk := SessionKey{}
	if version != 6 {
		sk.Cipher, m = packet.CipherFunction(m[0]), m[1:]
	}
	size, ok := map[packet.CipherFunction]int{0: len(m) - 2, 1: 16, 2: 24, 3: 16, 4: 16, 7: 16, 8: 24, 11: 16, 12: 24}[sk.Cipher]
	if !ok || len(m) != size+2 || size != 16 && size != 24 || checksum(m) != 1 {
		return substitute, false
	}
	sk.Key = m[:size]
	return sk, true
}

// checksum returns 1 if the last two bytes are the sum of those before.
func checksum(m []byte) int {
	var sum uint16
	for _, b := range m[:len(m)-2] {
		sum += uint16(b)
	}
	return subtle.ConstantTimeEq(int32(sum), int32(binary.BigEndian.Uint16(m[len(m)-2:])))
}

// testDecryption encrypts a session key to k and decrypts it with k.
func (k *Component) testDecryption(ctx context.Context, key []byte) error {
	var b bytes.Buffer
	if err := k.Wrap(&b, SessionKey{SealCipher, key}, 3); err != nil {
		return err
	}
	p, _, err := nextPacket(b.Bytes())
	if err != nil {
		return err
	}
	s, err := ParseSessionPacket(p)
	if err != nil {
		return err
	}
	ctx, with := remotely.Noting(ctx)
	got, ok, err := s.Unwrap(ctx, k)
	if err != nil {
		return err
	}
	if !ok || string(got.Key) != string(key) {
		return with(errors.New("the session key does not decrypt"))
	}
	return nil
}

// Wrap encrypts a session key to k, and writes the packet of version 3 or 6.
func (k *Component) Wrap(w io.Writer, sk SessionKey, version int) error {
	return guard(func() (err error) {
		secret.Do(func() { err = packet.SerializeEncryptedKeyAEAD(w, k.Public, sk.Cipher, version == 6, sk.Key, nil) })
		return err
	})
}

// pick returns a if choose is 1 and b if it is 0, which must be of one length,
// without a branch.
func pick(choose int, a, b []byte) []byte {
	out := bytes.Clone(b)
	subtle.ConstantTimeCopy(choose, out, a)
	return out
}
