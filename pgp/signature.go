package pgp

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

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

// endSignature completes a signature over what was written to h, and returns the
// digest of it for key id.
func (k *component) endSignature(ctx context.Context, sig *packet.Signature, h hash.Hash, id keyset.ID) (digest [32]byte, err error) {
	// Signing writes to h; the digest, and the check of what a service returns,
	// are made with copies.
	forDigest, err := clone(h)
	if err != nil {
		return digest, err
	}
	var forCheck hash.Hash
	if k.remote != nil {
		if forCheck, err = clone(h); err != nil {
			return digest, err
		}
	}
	err = sign(ctx, k.pub, k.priv, k.remote, func(key *packet.PrivateKey) error { return sig.Sign(h, key, nil) })
	if err != nil {
		return digest, err
	}
	if k.remote != nil {
		if err := guard(func() error { return k.pub.VerifySignature(forCheck, sig) }); err != nil {
			return digest, exchange.Outage(ctx, k.id, fmt.Errorf("it made a signature that does not verify: %w", err))
		}
	}
	return signatureDigest(id, sig, forDigest), nil
}

func clone(h hash.Hash) (hash.Hash, error) {
	c, ok := h.(hash.Cloner)
	if !ok {
		return nil, errors.New("a hash that cannot be copied")
	}
	return c.Clone()
}

// signatureDigest is [envelope.KeyUse].Digest: over the hash that the signature
// is made of, which covers the salt, the document, and the hashed subpackets. It
// writes to h.
func signatureDigest(id keyset.ID, sig *packet.Signature, h hash.Hash) [32]byte {
	h.Write(sig.HashSuffix)
	return exchange.Digest(id, h.Sum(nil))
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
}

// A hashKind is a hash and the salt that it begins with.
type hashKind struct {
	hash crypto.Hash
	salt string
}

func hashKindOf(sig *packet.Signature) hashKind { return hashKind{sig.Hash, string(sig.Salt())} }

// begin returns the hash before the document. It must be available.
func (k hashKind) begin() hash.Hash {
	h := k.hash.New()
	h.Write([]byte(k.salt))
	return h
}

// memory is a payload in memory. It is hashed once for each kind of hash, however
// many signatures there are (T19).
type memory struct {
	payload []byte
	hashes  map[hashKind]hash.Hash
}

func inMemory(payload []byte) *memory {
	return &memory{payload: payload, hashes: map[hashKind]hash.Hash{}}
}

func (m *memory) hash(sig *packet.Signature) (hash.Hash, error) {
	kind := hashKindOf(sig)
	if _, ok := m.hashes[kind]; !ok {
		h, err := sig.PrepareVerify()
		if err != nil {
			return nil, err
		}
		h.Write(m.payload)
		m.hashes[kind] = h
	}
	return clone(m.hashes[kind])
}

// add computes a hash that signatures are going to ask for.
func (m *memory) add(kind hashKind) {
	if _, ok := m.hashes[kind]; ok {
		return
	}
	h := kind.begin()
	h.Write(m.payload)
	m.hashes[kind] = h
}

func (m *memory) lineEnds() bool { return bytes.ContainsAny(m.payload, "\r\n") }
