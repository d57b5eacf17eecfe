package pgp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Seal implements [envelope.Envelope].
//
// It signs with SHA-384 or better and encrypts with AES-256, whatever the
// recipients prefer; the signatures name the recipients (Intended Recipient
// Fingerprint, RFC 9580, Section 5.2.3.36). It does not compress.
func (e *Envelope) Seal(ctx context.Context, payload []byte) ([]byte, error) {
	return e.x.Seal(ctx, func(c *exchange.Call) ([]byte, error) {
		message, err := e.seal(c, payload)
		if err != nil {
			return nil, fmt.Errorf("pgp: seal: %w", err)
		}
		return e.encoding.encode(message)
	})
}

// A sealer is a key that Seal uses, and the component of it.
type sealer struct {
	key  keyset.Key
	part *component
}

func (e *Envelope) seal(c *exchange.Call, payload []byte) ([]byte, error) {
	signers, err := e.sealers(c)(c.SealingOwn())
	if err != nil {
		return nil, err
	}
	recipients, err := e.sealers(c)(c.SealingPeer())
	if err != nil {
		return nil, err
	}
	peers := len(recipients)
	for i := range c.AlsoTo {
		also, err := e.sealers(c)(c.SealingAlso(i))
		if err != nil {
			return nil, err
		}
		for _, r := range also {
			recipients = append(recipients, r)
			c.SealedAlso(i, r.use(keyset.Encryption, false, r.part.name))
		}
	}
	for _, r := range recipients[:peers] {
		c.SealedPeer(r.use(keyset.Encryption, false, r.part.name))
	}
	packets, err := e.signed(c, signers, recipients, payload)
	if err != nil {
		return nil, err
	}
	return encrypted(recipients, packets)
}

// sealers finds the component to use of each key. A key that has none fails
// the call: a message never has fewer signatures or recipients than keys.
func (e *Envelope) sealers(c *exchange.Call) func([]keyset.Key, error) ([]sealer, error) {
	return func(keys []keyset.Key, err error) ([]sealer, error) {
		if err != nil {
			return nil, err
		}
		var out []sealer
		for _, k := range keys {
			key, ok := k.Material.(*Key)
			if !ok {
				return nil, fmt.Errorf("%w: %s holds no key", envelope.ErrNoKey, k)
			}
			part, err := key.sealer(c.At, e.sha1Certificates, c.Waive)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", envelope.ErrNoKey, err)
			}
			out = append(out, sealer{k, part})
		}
		return out, nil
	}
}

func (s sealer) use(use keyset.Use, own bool, algorithm string) envelope.KeyUse {
	u := exchange.Use(s.key, own, use, algorithm)
	if !s.part.primary {
		u.Subkey = s.part.id
	}
	return u
}

// signed returns the packets of a signed message: one-pass signatures, the
// literal, and the signatures in reverse (RFC 9580, Section 10.3).
func (e *Envelope) signed(c *exchange.Call, signers, recipients []sealer, payload []byte) ([]byte, error) {
	var intended []*packet.Recipient
	for _, r := range recipients {
		primary := r.key.Material.(*Key).cert.primary.pub
		intended = append(intended, &packet.Recipient{KeyVersion: primary.Version, Fingerprint: primary.Fingerprint})
	}
	var out, trailer bytes.Buffer
	out.Grow(len(payload) + 1024*len(signers))
	signatures := make([]*packet.Signature, len(signers))
	for i, s := range signers {
		if err := c.Context().Err(); err != nil {
			return nil, context.Cause(c.Context())
		}
		sig, err := s.part.signature(payload, c.At.Truncate(time.Second), intended, e.sealContext)
		if err != nil {
			return nil, fmt.Errorf("signing with key %s: %w", s.key.ID(), err)
		}
		signatures[i] = sig
		u := signatureUse(s.key, s.part, true, sig)
		u.Digest = digest(u.ID, sig, payload)
		c.SealedOwn(u)
		if err := onePass(s.part, sig, i == len(signers)-1).Serialize(&out); err != nil {
			return nil, err
		}
	}
	for i := len(signatures) - 1; i >= 0; i-- {
		// The library forgets the error of a signer that fails (T23); such a
		// signature does not serialize.
		if err := signatures[i].Serialize(&trailer); err != nil {
			return nil, fmt.Errorf("signing with key %s: %w", signers[i].key.ID(), err)
		}
	}
	out.Write(literal(payload))
	out.Write(trailer.Bytes())
	return out.Bytes(), nil
}

func onePass(k *component, sig *packet.Signature, last bool) *packet.OnePassSignature {
	o := &packet.OnePassSignature{
		Version:    3,
		SigType:    sig.SigType,
		Hash:       sig.Hash,
		PubKeyAlgo: k.pub.PubKeyAlgo,
		KeyId:      k.keyID,
		IsLast:     last,
	}
	if sig.Version == 6 {
		o.Version, o.Salt, o.KeyFingerprint = 6, sig.Salt(), k.pub.Fingerprint
	}
	return o
}

// literal returns a Literal Data packet without file name and date, which
// nobody signs (T26).
func literal(payload []byte) []byte {
	head := []byte{'b', 0, 0, 0, 0, 0}
	return rawPacket{tagLiteral, append(head, payload...)}.encode()
}

// encrypted encrypts packets under a new session key to every recipient:
// session keys of version 3, data of version 1 (RFC 9580, Sections 5.1.1 and
// 5.13.1), which every OpenPGP program reads.
func encrypted(recipients []sealer, packets []byte) ([]byte, error) {
	sk := sessionKey{sealCipher, make([]byte, sealCipher.KeySize())}
	rand.Read(sk.key)
	var out bytes.Buffer
	out.Grow(len(packets) + 1024*(1+len(recipients)))
	for _, r := range recipients {
		p, err := r.part.wrap(sk)
		if err != nil {
			return nil, fmt.Errorf("encrypting to key %s: %w", r.key.ID(), err)
		}
		out.Write(p.encode())
	}
	w, err := packet.SerializeSymmetricallyEncrypted(&out, sk.cipher, false, packet.CipherSuite{}, sk.key, nil)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(packets); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// wrap encrypts a session key to k.
func (k *component) wrap(sk sessionKey) (rawPacket, error) {
	var b bytes.Buffer
	err := guard(func() error {
		return packet.SerializeEncryptedKeyAEAD(&b, k.pub, sk.cipher, false, sk.key, nil)
	})
	if err != nil {
		return rawPacket{}, err
	}
	p, rest, err := nextPacket(b.Bytes())
	if err == nil && (len(rest) != 0 || len(p.body) < 9 || binary.BigEndian.Uint64(p.body[1:]) != k.keyID) {
		err = errSessionPacket
	}
	return p, err
}
