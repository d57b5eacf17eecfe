package pgp

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Seal implements [envelope.Envelope].
//
// It signs with SHA-384 or better and encrypts with AES-256, whatever the
// recipients prefer, and under AEAD only if [Config.Data] or every recipient
// says so (T15); the signatures name the recipients (Intended Recipient
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
	signers, recipients, err := e.parties(c)
	if err != nil {
		return nil, err
	}
	packets, err := e.signed(c, signers, recipients, payload)
	if err != nil {
		return nil, err
	}
	return encrypted(recipients, packets, e.dataVersion(recipients))
}

// parties finds the keys to sign with and to encrypt to, and enters the latter
// into the account.
func (e *Envelope) parties(c *exchange.Call) (signers, recipients []sealer, err error) {
	if signers, err = e.sealers(c)(c.SealingOwn()); err != nil {
		return nil, nil, err
	}
	if recipients, err = e.sealers(c)(c.SealingPeer()); err != nil {
		return nil, nil, err
	}
	peers := len(recipients)
	for i := range c.AlsoTo {
		also, err := e.sealers(c)(c.SealingAlso(i))
		if err != nil {
			return nil, nil, err
		}
		for _, r := range also {
			recipients = append(recipients, r)
			c.SealedAlso(i, r.recipient())
		}
	}
	for _, r := range recipients[:peers] {
		c.SealedPeer(r.recipient())
	}
	return signers, recipients, nil
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

// recipient is the account of the key as one that was encrypted to.
func (s sealer) recipient() envelope.KeyUse {
	return s.part.use(s.key, false, keyset.Encryption, s.part.name)
}

// signed returns the packets of a signed message: one-pass signatures, the
// literal, and the signatures in reverse (RFC 9580, Section 10.3).
func (e *Envelope) signed(c *exchange.Call, signers, recipients []sealer, payload []byte) ([]byte, error) {
	intended := intendedRecipients(recipients)
	var out, trailer bytes.Buffer
	out.Grow(len(payload) + 1024*len(signers))
	signatures := make([]*packet.Signature, len(signers))
	for i, s := range signers {
		if err := c.Context().Err(); err != nil {
			return nil, context.Cause(c.Context())
		}
		sig, err := s.part.signature(c.Context(), payload, c.At, intended, e.sealContext)
		if err != nil {
			return nil, fmt.Errorf("signing with key %s: %w", s.key.ID(), err)
		}
		signatures[i] = sig
		u := signatureUse(s.key, s.part, true, sig)
		u.Digest = inMemory(payload).digest(u.ID, sig)
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

// intendedRecipients names everybody who is encrypted to, by primary key.
func intendedRecipients(recipients []sealer) []*packet.Recipient {
	var out []*packet.Recipient
	for _, r := range recipients {
		primary := r.key.Material.(*Key).cert.primary.pub
		out = append(out, &packet.Recipient{KeyVersion: primary.Version, Fingerprint: primary.Fingerprint})
	}
	return out
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

// encrypted encrypts packets under a new session key to every recipient.
// Version 1 is what every OpenPGP program reads: session keys of version 3
// (RFC 9580, Section 5.1.1), CFB with a modification detection code (5.13.1).
// Version 2 is session keys of version 6 (5.1.2) and AEAD (5.13.2).
func encrypted(recipients []sealer, packets []byte, version DataVersion) ([]byte, error) {
	sk := sessionKey{sealCipher, make([]byte, sealCipher.KeySize())}
	rand.Read(sk.key)
	var out bytes.Buffer
	out.Grow(len(packets) + 1024*(1+len(recipients)))
	if err := writeSessionKeys(&out, recipients, sk, version); err != nil {
		return nil, err
	}
	if version == SEIPDv2 {
		p, err := encryptAEAD(packets, sk.key, aeadMode(recipients))
		if err != nil {
			return nil, err
		}
		out.Write(p.encode())
		return out.Bytes(), nil
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

func writeSessionKeys(w io.Writer, recipients []sealer, sk sessionKey, version DataVersion) error {
	session := 3
	if version == SEIPDv2 {
		session = 6
	}
	for _, r := range recipients {
		p, err := r.part.wrap(sk, session)
		if err != nil {
			return fmt.Errorf("encrypting to key %s: %w", r.key.ID(), err)
		}
		if _, err := w.Write(p.encode()); err != nil {
			return err
		}
	}
	return nil
}

// dataVersion is the version that all recipients read: 2 if each of them says
// so in its self-signature.
func (e *Envelope) dataVersion(recipients []sealer) DataVersion {
	if e.data != 0 {
		return e.data
	}
	for _, r := range recipients {
		if !r.part.seipd2 {
			return SEIPDv1
		}
	}
	return SEIPDv2
}

// aeadMode is GCM if every recipient lists it with AES-256, being the fastest,
// or else OCB, which everybody must have (RFC 9580, Section 9.6).
func aeadMode(recipients []sealer) packet.AEADMode {
	for _, r := range recipients {
		if !r.part.gcm {
			return packet.AEADModeOCB
		}
	}
	return packet.AEADModeGCM
}

// wrap encrypts a session key to k, in a packet of version 3 or 6.
func (k *component) wrap(sk sessionKey, version int) (rawPacket, error) {
	var b bytes.Buffer
	err := guard(func() error {
		return packet.SerializeEncryptedKeyAEAD(&b, k.pub, sk.cipher, version == 6, sk.key, nil)
	})
	if err != nil {
		return rawPacket{}, err
	}
	p, _, err := nextPacket(b.Bytes())
	return p, err
}
