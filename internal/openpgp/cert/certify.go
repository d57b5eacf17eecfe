package cert

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	library "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/keyset"
)

// certify makes the certificate of a primary key and an encryption subkey. It
// is valid for the given time, both parts of it.
func certify(ctx context.Context, name string, primary, subkey Part, at time.Time, validity time.Duration) (*Certificate, error) {
	for _, p := range []*Part{&primary, &subkey} {
		if err := p.encodePublic(); err != nil {
			return nil, err
		}
	}
	uid := selfSignature(packet.SigTypePositiveCert, primary.pub, at)
	marked := true
	uid.IsPrimaryId = &marked
	self := uid
	if primary.pub.Version == 6 { // a key says of itself what it is for (RFC 9580, Section 10.1)
		self, uid.FlagsValid = selfSignature(packet.SigTypeDirectSignature, primary.pub, at), false
		self.SEIPDv2 = true
		self.PreferredCipherSuites = [][2]uint8{{uint8(packet.CipherAES256), uint8(packet.AEADModeOCB)}, {uint8(packet.CipherAES256), uint8(packet.AEADModeGCM)}}
	}
	self.KeyLifetimeSecs = seconds(validity)
	self.FlagCertify, self.FlagSign = true, true
	self.PreferredSymmetric = []uint8{uint8(packet.CipherAES256), uint8(packet.CipherAES192), uint8(packet.CipherAES128)}
	self.PreferredHash = []uint8{9, 10, 8} // SHA-384, SHA-512, SHA-256
	self.PreferredCompression = []uint8{uint8(packet.CompressionNone)}
	self.SEIPDv1 = true
	if self != uid {
		direct, err := primary.selfSign(ctx, self, func(key *packet.PrivateKey) error {
			return self.SignDirectKeyBinding(primary.pub, key, nil)
		})
		if err != nil {
			return nil, err
		}
		primary.sigs = []selfSig{direct}
	}
	sig, err := primary.selfSign(ctx, uid, func(key *packet.PrivateKey) error {
		return uid.SignUserId(name, primary.pub, key, nil)
	})
	if err != nil {
		return nil, err
	}
	c := &Certificate{primary: primary, users: []User{{raw: openpgp.Packet{Tag: openpgp.TagUserID, Body: []byte(name)}, sigs: []selfSig{sig}}}}
	return c, c.bind(ctx, subkey, at, validity)
}

// bind adds an encryption subkey.
func (c *Certificate) bind(ctx context.Context, subkey Part, at time.Time, validity time.Duration) error {
	binding := selfSignature(packet.SigTypeSubkeyBinding, c.primary.pub, at)
	// The lifetime counts from the creation of the subkey.
	binding.KeyLifetimeSecs = seconds(validity + at.Sub(subkey.pub.CreationTime))
	binding.FlagEncryptCommunications, binding.FlagEncryptStorage = true, true
	sig, err := c.primary.selfSign(ctx, binding, func(key *packet.PrivateKey) error {
		return binding.SignKey(subkey.pub, key, nil)
	})
	if err != nil {
		return err
	}
	subkey.sigs = []selfSig{sig}
	c.subkeys = append(c.subkeys, subkey)
	return nil
}

func seconds(d time.Duration) *uint32 {
	s := uint32(d / time.Second)
	return &s
}

func selfSignature(kind packet.SignatureType, primary *packet.PublicKey, at time.Time) *packet.Signature {
	return &packet.Signature{
		Version:      primary.Version,
		SigType:      kind,
		PubKeyAlgo:   primary.PubKeyAlgo,
		Hash:         hashFor(primary),
		CreationTime: at.Truncate(time.Second),
		IssuerKeyId:  &primary.KeyId,
		FlagsValid:   kind != packet.SigTypeKeyRevocation,
	}
}

// selfSign makes a signature with the primary key, and reads it back.
func (p Part) selfSign(ctx context.Context, sig *packet.Signature, with func(*packet.PrivateKey) error) (selfSig, error) {
	if err := sign(ctx, p.pub, p.priv, p.remote, with); err != nil {
		return selfSig{}, err
	}
	var b bytes.Buffer
	if err := sig.Serialize(&b); err != nil {
		return selfSig{}, err
	}
	raw, _, err := nextPacket(b.Bytes())
	if err != nil {
		return selfSig{}, err
	}
	s := newSelfSig(raw, p.pub)
	s.ok = s.sig != nil // it was made just now; a signer that makes garbage is found by the self-test
	return s, nil
}

// encodePublic sets the raw packet of a part that was made here.
func (p *Part) encodePublic() error {
	var b bytes.Buffer
	if err := p.pub.Serialize(&b); err != nil {
		return err
	}
	var err error
	p.raw, _, err = nextPacket(b.Bytes())
	return err
}

// remotePart makes the key packet of a remote key, RFC 9580, Section 5.5.2.
func remotePart(private crypto.PrivateKey, tag byte, at time.Time) (Part, error) {
	r, public, err := newRemoteKey(private)
	if err != nil {
		return Part{}, err
	}
	body := binary.BigEndian.AppendUint32([]byte{4}, uint32(at.Unix()))
	switch p := public.(type) {
	case *rsa.PublicKey:
		body = append(body, byte(packet.PubKeyAlgoRSA))
		body = appendMPI(body, p.N.Bytes())
		body = appendMPI(body, big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		oid, ok := map[elliptic.Curve][]byte{ // RFC 9580, Section 9.2
			elliptic.P256(): {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07},
			elliptic.P384(): {0x2b, 0x81, 0x04, 0x00, 0x22},
			elliptic.P521(): {0x2b, 0x81, 0x04, 0x00, 0x23},
		}[p.Curve]
		point, err := p.Bytes()
		if !ok || err != nil {
			return Part{}, fmt.Errorf("curve %s: %w", p.Params().Name, errors.ErrUnsupported)
		}
		body = append(body, byte(packet.PubKeyAlgoECDSA), byte(len(oid)))
		body = appendMPI(append(body, oid...), point)
	default:
		return Part{}, fmt.Errorf("remote keys of type %T: %w", public, errors.ErrUnsupported)
	}
	k, err := newPart(openpgp.Packet{Tag: tag, Body: body}, nil)
	if err != nil {
		return Part{}, err
	}
	if err := remoteFits(k.pub, r); err != nil {
		return Part{}, err
	}
	if _, bits, _ := describe(k.pub); bits != 0 && bits < minRSABits {
		return Part{}, fmt.Errorf("the RSA key is too short: %d bits, at least %d are required", bits, minRSABits)
	}
	k.remote = r
	return k, nil
}

// appendMPI appends a multiprecision integer, RFC 9580, Section 3.2.
func appendMPI(b, n []byte) []byte {
	n = bytes.TrimLeft(n, "\x00")
	b = binary.BigEndian.AppendUint16(b, uint16(new(big.Int).SetBytes(n).BitLen()))
	return append(b, n...)
}

// subkeyOf makes a subkey of a private key that is new.
func subkeyOf(priv *packet.PrivateKey, version int) (Part, error) {
	priv.IsSubkey = true
	if version == 6 {
		if err := priv.UpgradeToV6(); err != nil {
			return Part{}, err
		}
	}
	p := Part{pub: &priv.PublicKey, priv: priv}
	return p, p.encodePublic()
}

// newSubkey makes a key pair of the kind of like. The library makes elliptic
// curve keys only with a whole entity around them.
func newSubkey(like *packet.PublicKey, version int, at time.Time) (Part, error) {
	config := &packet.Config{Rand: rand.Reader, Time: func() time.Time { return at }, V6Keys: version == 6}
	switch like.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly:
		bits, err := like.BitLength()
		if err != nil {
			return Part{}, err
		}
		key, err := rsa.GenerateKey(rand.Reader, int(bits))
		if err != nil {
			return Part{}, err
		}
		return subkeyOf(packet.NewRSAPrivateKey(at, key), version)
	case packet.PubKeyAlgoMlkem768X25519, packet.PubKeyAlgoMlkem1024X448:
		return newMLKEM(like.PubKeyAlgo, version, at)
	case packet.PubKeyAlgoX25519:
		config.Algorithm = packet.PubKeyAlgoEd25519
	case packet.PubKeyAlgoX448:
		config.Algorithm = packet.PubKeyAlgoEd448
	case packet.PubKeyAlgoECDH:
		curve, err := like.Curve()
		if err != nil {
			return Part{}, err
		}
		config.Algorithm, config.Curve = packet.PubKeyAlgoECDSA, curve
		if curve == packet.Curve25519 {
			config.Algorithm = packet.PubKeyAlgoEdDSA
		}
	default:
		return Part{}, fmt.Errorf("subkeys of algorithm %d: %w", like.PubKeyAlgo, errors.ErrUnsupported)
	}
	e, err := library.NewEntity("generated", "", "", config)
	if err != nil {
		return Part{}, err
	}
	p := Part{pub: e.Subkeys[0].PublicKey, priv: e.Subkeys[0].PrivateKey}
	return p, p.encodePublic()
}

// Primary returns the primary key.
func (c *Certificate) Primary() *packet.PublicKey { return c.primary.pub }

// Certifiable returns an error unless the private half of the primary key is here.
func (c *Certificate) Certifiable() error {
	if !c.primary.private() {
		return fmt.Errorf("the private half of the primary key is not here: %w", errors.ErrUnsupported)
	}
	return nil
}

// WithNewSubkey returns c with another encryption subkey like the given one.
func (c *Certificate) WithNewSubkey(ctx context.Context, like *Component, at time.Time, validity time.Duration) (*Certificate, error) {
	subkey, err := newSubkey(like.Public, c.primary.pub.Version, at)
	if err != nil {
		return nil, err
	}
	return c.withSubkey(ctx, subkey, at, validity)
}

// WithPostQuantumSubkey is WithNewSubkey of ML-KEM-768+X25519, whatever the others are.
func (c *Certificate) WithPostQuantumSubkey(ctx context.Context, at time.Time, validity time.Duration) (*Certificate, error) {
	subkey, err := newMLKEM(packet.PubKeyAlgoMlkem768X25519, c.primary.pub.Version, at)
	if err != nil {
		return nil, err
	}
	return c.withSubkey(ctx, subkey, at, validity)
}

func (c *Certificate) withSubkey(ctx context.Context, subkey Part, at time.Time, validity time.Duration) (*Certificate, error) {
	out := &Certificate{primary: c.primary, users: c.users, subkeys: slices.Clone(c.subkeys)}
	return out, out.bind(ctx, subkey, at, validity)
}

// Revoke returns the public half of c with a revocation that counts at all
// times. why is for people.
func (c *Certificate) Revoke(ctx context.Context, why string, at time.Time) (*Certificate, error) {
	primary := c.primary
	sig := selfSignature(packet.SigTypeKeyRevocation, primary.pub, at)
	reason := packet.NoReason // counts at all times (RFC 9580, Section 5.2.3.31)
	sig.RevocationReason, sig.RevocationReasonText = &reason, why
	made, err := primary.selfSign(ctx, sig, func(key *packet.PrivateKey) error { return sig.RevokeKey(primary.pub, key, nil) })
	if err != nil {
		return nil, err
	}
	out := c.WithoutPrivate()
	out.primary.sigs = append([]selfSig{made}, out.primary.sigs...)
	return out, nil
}

// CertifyPair makes the certificate of two key pairs of this process.
func CertifyPair(ctx context.Context, name string, primary, subkey *packet.PrivateKey, at time.Time, validity time.Duration) (*Certificate, error) {
	return certify(ctx, name, Part{pub: &primary.PublicKey, priv: primary}, Part{pub: &subkey.PublicKey, priv: subkey}, at, validity)
}

// CertifyRemote makes the certificate of two keys that are elsewhere.
func CertifyRemote(ctx context.Context, name string, sign crypto.PrivateKey, decrypt keyset.Remote, at time.Time, validity time.Duration) (*Certificate, error) {
	primary, err := remotePart(sign, openpgp.TagPublicKey, at)
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	subkey, err := remotePart(decrypt, openpgp.TagPublicSubkey, at)
	if err != nil {
		return nil, fmt.Errorf("the decryption key: %w", err)
	}
	switch {
	case primary.remote.CanSign() != nil:
		return nil, errors.New("the signing key does not sign")
	case subkey.remote.CanDecrypt() != nil || subkey.pub.PubKeyAlgo != packet.PubKeyAlgoRSA:
		return nil, fmt.Errorf("the decryption key does not decrypt RSA: %w", errors.ErrUnsupported)
	case samePublic(primary.pub, decrypt.Public()):
		return nil, errors.New("one key both to sign and to decrypt")
	}
	return certify(ctx, name, primary, subkey, at, validity)
}
