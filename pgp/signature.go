package pgp

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"hash"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// signature signs payload, RFC 9580, Section 5.2.
func (k *component) signature(ctx context.Context, payload []byte, at time.Time, recipients []*packet.Recipient, context string) (*packet.Signature, error) {
	sig, h, err := k.beginSignature(at, recipients, context)
	if err != nil {
		return nil, err
	}
	h.Write(payload)
	return sig, k.endSignature(ctx, sig, h)
}

// beginSignature returns a signature of a binary document, and the hash to
// write the document to.
func (k *component) beginSignature(at time.Time, recipients []*packet.Recipient, context string) (*packet.Signature, hash.Hash, error) {
	keyID := k.keyID
	sig := &packet.Signature{
		Version:            k.pub.Version,
		SigType:            packet.SigTypeBinary,
		PubKeyAlgo:         k.pub.PubKeyAlgo,
		Hash:               hashFor(k.pub),
		CreationTime:       at.Truncate(time.Second),
		IssuerKeyId:        &keyID,
		IntendedRecipients: recipients,
	}
	if context != "" {
		sig.Notations = []*packet.Notation{{Name: contextNotation, Value: []byte(context), IsHumanReadable: true}}
	}
	h, err := sig.PrepareSign(nil)
	return sig, h, err
}

// endSignature completes a signature.
func (k *component) endSignature(ctx context.Context, sig *packet.Signature, h hash.Hash) error {
	var copied hash.Hash
	if k.remote != nil {
		// Signing writes to h; what a service returns is checked with a copy.
		c, err := h.(hash.Cloner).Clone()
		if err != nil {
			return err
		}
		copied = c
	}
	err := sign(ctx, k.pub, k.priv, k.remote, func(key *packet.PrivateKey) error { return sig.Sign(h, key, nil) })
	if err != nil || copied == nil {
		return err
	}
	if err := guard(func() error { return k.pub.VerifySignature(copied, sig) }); err != nil {
		return exchange.Outage(ctx, k.id, fmt.Errorf("it made a signature that does not verify: %w", err))
	}
	return nil
}

// verify checks a signature over d, and nothing but its cryptography.
func (k *component) verify(sig *packet.Signature, d document) error {
	if sig.Version != k.pub.Version {
		return fmt.Errorf("signature of version %d by a key of version %d", sig.Version, k.pub.Version)
	}
	return guard(func() error {
		h, err := d.hash(sig)
		if err != nil {
			return err
		}
		return k.pub.VerifySignature(h, sig)
	})
}

// A document is what signatures are over: a payload in memory, or one that has
// been read.
type document interface {
	// hash returns the hash of the document for sig, which begins with the
	// salt of sig if it has one. The caller may write to it.
	hash(sig *packet.Signature) (hash.Hash, error)

	// lineEnds reports whether there is a CR or LF in the document.
	lineEnds() bool

	// digest is [envelope.KeyUse].Digest.
	digest(id keyset.ID, sig *packet.Signature) [32]byte
}

// memory is a payload in memory. Without a salt it is hashed once for each kind
// of hash, however many signatures there are (T19).
type memory struct {
	payload []byte
	hashes  map[crypto.Hash]hash.Cloner
}

func inMemory(payload []byte) *memory {
	return &memory{payload: payload, hashes: map[crypto.Hash]hash.Cloner{}}
}

func (m *memory) hash(sig *packet.Signature) (hash.Hash, error) {
	if done, ok := m.hashes[sig.Hash]; ok && len(sig.Salt()) == 0 {
		return done.Clone()
	}
	h, err := sig.PrepareVerify()
	if err != nil {
		return nil, err
	}
	h.Write(m.payload)
	if c, ok := h.(hash.Cloner); ok && len(sig.Salt()) == 0 {
		m.hashes[sig.Hash] = c
		return c.Clone()
	}
	return h, nil
}

func (m *memory) lineEnds() bool { return bytes.ContainsAny(m.payload, "\r\n") }

func (m *memory) digest(id keyset.ID, sig *packet.Signature) [32]byte {
	return exchange.Digest(id, sig.Salt(), m.payload, sig.HashSuffix)
}
