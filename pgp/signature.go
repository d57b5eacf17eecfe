package pgp

import (
	"context"
	"fmt"
	"hash"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
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
	forDigest, err := openpgp.CopyHash(sig.Hash, h)
	if err != nil {
		return digest, err
	}
	var forCheck hash.Hash
	if k.remote != nil {
		if forCheck, err = openpgp.CopyHash(sig.Hash, h); err != nil {
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

// signatureDigest is [envelope.KeyUse].Digest: over the hash that the signature
// is made of, which covers the salt, the document, and the hashed subpackets. It
// writes to h.
func signatureDigest(id keyset.ID, sig *packet.Signature, h hash.Hash) [32]byte {
	h.Write(sig.HashSuffix)
	return exchange.Digest(id, h.Sum(nil))
}

// verify checks a signature over a payload, and nothing but its cryptography.
func (k *component) verify(sig *packet.Signature, payload *openpgp.Hashes) error {
	if sig.Version != k.pub.Version {
		return fmt.Errorf("signature of version %d by a key of version %d", sig.Version, k.pub.Version)
	}
	h, err := payload.Get(kindOf(sig))
	if err != nil {
		return &hashError{err}
	}
	return k.verifyHash(sig, h)
}

func (k *component) verifyHash(sig *packet.Signature, h hash.Hash) error {
	return guard(func() error { return k.pub.VerifySignature(h, sig) })
}

// A hashError says that a hash is not there: our fault, and never that of a
// signature.
type hashError struct{ err error }

func (e *hashError) Error() string { return "hashing: " + e.err.Error() }

func (e *hashError) Unwrap() error { return e.err }

// kindOf returns the hash that a signature is made of.
func kindOf(sig *packet.Signature) openpgp.HashKind {
	return openpgp.HashKind{Hash: sig.Hash, Salt: string(sig.Salt())}
}

// hashKindOf returns the hash that a signature needs that is announced by a
// packet, if the hash may count.
func hashKindOf(p openpgp.Packet) (openpgp.HashKind, bool) {
	parsed, err := parse(p)
	if err != nil {
		return openpgp.HashKind{}, false
	}
	var kind openpgp.HashKind
	switch s := parsed.(type) {
	case *packet.OnePassSignature:
		kind = openpgp.HashKind{Hash: s.Hash, Salt: string(s.Salt)}
	case *packet.Signature:
		kind = kindOf(s)
	}
	return kind, strongHash(kind.Hash) && kind.Hash.Available()
}
