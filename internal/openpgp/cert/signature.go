package cert

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
	remotely "github.com/sealwax/sealwax/internal/remote"
)

// BeginSignature returns a signature of a binary document, and the hash to
// write the document to.
func (k *Component) BeginSignature(at time.Time, recipients []*packet.Recipient, context string) (*packet.Signature, hash.Hash, error) {
	keyID := k.KeyID
	sig := &packet.Signature{
		Version:            k.Public.Version,
		SigType:            packet.SigTypeBinary,
		PubKeyAlgo:         k.Public.PubKeyAlgo,
		Hash:               hashFor(k.Public),
		CreationTime:       at.Truncate(time.Second),
		IssuerKeyId:        &keyID,
		IntendedRecipients: recipients,
	}
	if context != "" {
		sig.Notations = []*packet.Notation{{Name: ContextNotation, Value: []byte(context), IsHumanReadable: true}}
	}
	h, err := sig.PrepareSign(nil)
	return sig, h, err
}

// EndSignature completes a signature over what was written to h, and returns a copy
// of that.
func (k *Component) EndSignature(ctx context.Context, sig *packet.Signature, h hash.Hash) (signed hash.Hash, err error) {
	// Signing writes to h: what is returned, and what a service returned is checked
	// with, are copies.
	signed, err = openpgp.CopyHash(sig.Hash, h)
	if err != nil {
		return nil, err
	}
	var forCheck hash.Hash
	if k.Remote != nil {
		if forCheck, err = openpgp.CopyHash(sig.Hash, h); err != nil {
			return nil, err
		}
	}
	err = sign(ctx, k.Public, k.Private, k.Remote, func(key *packet.PrivateKey) error { return sig.Sign(h, key, nil) })
	if err != nil {
		return nil, err
	}
	if k.Remote != nil {
		if err := guard(func() error { return k.Public.VerifySignature(forCheck, sig) }); err != nil {
			return nil, remotely.Mistake(k.ID, "it makes signatures that do not verify")
		}
	}
	return signed, nil
}

// Verify checks a signature over a payload, and nothing but its cryptography.
func (k *Component) Verify(sig *packet.Signature, payload *openpgp.Hashes) error {
	if sig.Version != k.Public.Version {
		return fmt.Errorf("signature of version %d by a key of version %d", sig.Version, k.Public.Version)
	}
	h, err := payload.Get(HashKind(sig))
	if err != nil {
		return &HashError{err}
	}
	return k.verifyHash(sig, h)
}

func (k *Component) verifyHash(sig *packet.Signature, h hash.Hash) error {
	return guard(func() error { return k.Public.VerifySignature(h, sig) })
}

// A HashError says that a hash is not there: our fault, and never that of a
// signature.
type HashError struct{ err error }

func (e *HashError) Error() string { return "hashing: " + e.err.Error() }

func (e *HashError) Unwrap() error { return e.err }

// HashKind returns the hash that a signature is made of.
func HashKind(sig *packet.Signature) openpgp.HashKind {
	return openpgp.HashKind{Hash: sig.Hash, Salt: string(sig.Salt())}
}

// AnnouncedHash returns the hash that a signature needs that is announced by a
// packet, if the hash may count.
func AnnouncedHash(p openpgp.Packet) (openpgp.HashKind, bool) {
	parsed, err := Parse(p)
	if err != nil {
		return openpgp.HashKind{}, false
	}
	var kind openpgp.HashKind
	switch s := parsed.(type) {
	case *packet.OnePassSignature:
		kind = openpgp.HashKind{Hash: s.Hash, Salt: string(s.Salt)}
	case *packet.Signature:
		kind = HashKind(s)
	}
	return kind, StrongHash(kind.Hash) && kind.Hash.Available()
}

// SelfTest signs and verifies, and encrypts and decrypts, as the flags of c permit.
func (c *Component) SelfTest(ctx context.Context) error {
	probe := make([]byte, 32)
	rand.Read(probe)
	if c.Sign {
		sig, h, err := c.BeginSignature(time.Now(), nil, "")
		if err != nil {
			return err
		}
		h.Write(probe)
		if _, err := c.EndSignature(ctx, sig, h); err != nil {
			return err
		}
		check := HashKind(sig).Begin()
		check.Write(probe)
		if err := c.verifyHash(sig, check); err != nil {
			return err
		}
	}
	if c.Encrypt {
		return c.testDecryption(ctx, probe)
	}
	return nil
}
