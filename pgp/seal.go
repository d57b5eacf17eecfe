package pgp

import (
	"bytes"
	"context"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
	"github.com/sealwax/sealwax/internal/secret"
	"github.com/sealwax/sealwax/keyset"
)

// Seal implements [envelope.Envelope].
//
// It signs with SHA-384 or better and encrypts with AES-256, whatever the
// recipients prefer. It encrypts under AEAD if every recipient says in its
// certificate that it reads that. The signatures name the recipients (Intended
// Recipient Fingerprint, RFC 9580, Section 5.2.3.36). It does not compress.
func (e *Envelope) Seal(ctx context.Context, payload []byte) ([]byte, error) {
	return e.x.Seal(ctx, func(c *exchange.Call) ([]byte, error) {
		message, err := e.seal(c, payload)
		if err != nil {
			return nil, fmt.Errorf("pgp: seal: %w", err)
		}
		return message, nil
	})
}

// A sealingKey is a key that Seal uses, and the component of it.
type sealingKey struct {
	key  keyset.Key
	part *cert.Component
}

func (e *Envelope) seal(c *exchange.Call, payload []byte) ([]byte, error) {
	if int64(len(payload)) > e.maxSize {
		return nil, fmt.Errorf("payload of %d bytes: %w, which is %d", len(payload), errTooLarge, e.maxSize)
	}
	if int64(len(payload)) > openpgp.MaxLength-int64(len(literalHead)) {
		return nil, openpgp.ErrLength
	}
	signers, recipients, err := e.parties(c)
	if err != nil {
		return nil, err
	}
	all, err := e.begin(c, signers, recipients)
	if err != nil {
		return nil, err
	}
	head, err := announcements(all, len(payload))
	if err != nil {
		return nil, err
	}
	sk, suite := newSessionKey(), suiteFor(recipients)
	var keys bytes.Buffer
	room := 0
	for _, r := range recipients {
		room += r.part.Room(keyset.Encryption)
	}
	keys.Grow(room)
	if err := writeSessionKeys(&keys, recipients, sk, suite); err != nil {
		return nil, err
	}
	// Signing and encrypting need nothing of each other before the end, and the
	// end is where the signatures are.
	var signatures []byte
	sign := func() { signatures, err = finish(c, all, payload) }
	plain := len(head) + len(payload)
	if len(payload) < seipd.Large {
		if sign(); err != nil {
			return nil, err
		}
		plain += len(signatures)
	} else {
		for _, s := range signers {
			plain += s.part.Room(keyset.Signing) // about
		}
	}
	size := suite.BodySize(int64(plain))
	if size > openpgp.MaxLength {
		return nil, openpgp.ErrLength
	}
	out := newBuffer(e.encoding, keys.Bytes(), openpgp.TagSEIPD, int(size))
	body, failed := suite.NewWriter(&e.scratch, out, sk.Key, int64(plain))
	if failed != nil {
		return nil, failed
	}
	var wg sync.WaitGroup
	if signatures == nil {
		wg.Go(sign)
	}
	_, _ = body.Write(head) // to memory, which does not fail
	_, _ = body.Write(payload)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		c.SealedOwn(s.keyUse())
	}
	_, _ = body.Write(signatures)
	_ = body.Close()
	if e.encoding == Armor {
		return armored(out.bytes())
	}
	return out.bytes(), nil
}

// parties finds the keys to sign with and to encrypt to, and enters the latter
// into the account.
func (e *Envelope) parties(c *exchange.Call) (signers, recipients []sealingKey, err error) {
	if signers, err = e.sealingKeys(c, c.Own)(c.SealingOwn()); err != nil {
		return nil, nil, err
	}
	if recipients, err = e.sealingKeys(c, c.Peer)(c.SealingPeer()); err != nil {
		return nil, nil, err
	}
	peers := len(recipients)
	for i := range c.AlsoTo {
		also, err := e.sealingKeys(c, c.AlsoTo[i])(c.SealingAlso(i))
		if err != nil {
			return nil, nil, err
		}
		for _, r := range also {
			recipients = append(recipients, r)
			c.SealedAlso(i, r.recipient())
		}
	}
	err = c.Demand(func() (uses []envelope.KeyUse) {
		for _, s := range signers {
			uses = append(uses, keyUse(s.part, s.key, true, keyset.Signing, s.part.Name))
		}
		for _, r := range recipients {
			uses = append(uses, r.recipient())
		}
		return uses
	})
	if err != nil {
		return nil, nil, err
	}
	for _, r := range recipients[:peers] {
		c.SealedPeer(r.recipient())
	}
	return signers, recipients, nil
}

// sealingKeys finds the component to use of each key. A key that has none fails
// the call: a message never has fewer signatures or recipients than keys.
func (e *Envelope) sealingKeys(c *exchange.Call, set *keyset.Set) func([]keyset.Key, error) ([]sealingKey, error) {
	return func(keys []keyset.Key, err error) ([]sealingKey, error) {
		if err != nil {
			return nil, err
		}
		var out []sealingKey
		revoked := revokedMaterial(set)
		for _, k := range keys {
			key, ok := k.Material.(*Key)
			if !ok {
				return nil, fmt.Errorf("%w: %s holds no key", envelope.ErrNoKey, k)
			}
			part, err := key.sealingComponent(c, e.sha1Certificates)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", envelope.ErrNoKey, err)
			}
			if revoked[part.Material] {
				return nil, fmt.Errorf("%w: component %s of key %s has the numbers of a revoked key", envelope.ErrNoKey, part.ID, k.ID())
			}
			out = append(out, sealingKey{k, part})
		}
		return out, nil
	}
}

// recipient is the account of the key as one that was encrypted to.
func (s sealingKey) recipient() envelope.KeyUse {
	return keyUse(s.part, s.key, false, keyset.Encryption, s.part.Name)
}

// A newSignature is a signature under way.
type newSignature struct {
	by     sealingKey
	sig    *packet.Signature
	hash   hash.Hash // of what is signed, as far as it was read
	digest [32]byte
}

// keyUse is the account of a signature that is done.
func (s *newSignature) keyUse() envelope.KeyUse {
	u := signatureUse(s.by.key, s.by.part, true, s.sig)
	u.Digest = s.digest
	return u
}

// begin begins a signature by each of signers.
func (e *Envelope) begin(c *exchange.Call, signers, recipients []sealingKey) ([]newSignature, error) {
	intended := intendedRecipients(recipients)
	all := make([]newSignature, len(signers))
	for i, s := range signers {
		sig, h, err := s.part.BeginSignature(c.At, intended, e.sealContext)
		if err != nil {
			return nil, fmt.Errorf("signing with key %s: %w", s.key.ID(), err)
		}
		all[i] = newSignature{by: s, sig: sig, hash: h}
	}
	return all, nil
}

// finish signs payload and returns the signatures, in reverse (RFC 9580, Section
// 10.3).
func finish(c *exchange.Call, all []newSignature, payload []byte) ([]byte, error) {
	hashed := map[openpgp.HashKind]hash.Hash{}
	for i := range all {
		s := &all[i]
		kind := cert.HashKind(s.sig)
		if _, ok := hashed[kind]; !ok { // the one that was begun serves all that share it
			s.hash.Write(payload)
			hashed[kind] = s.hash
		}
		h, err := openpgp.CopyHash(kind.Hash, hashed[kind])
		if err != nil {
			return nil, err
		}
		s.hash = h
	}
	var b bytes.Buffer
	b.Grow(512 * len(all))
	err := finishTo(c, &b, all)
	return b.Bytes(), err
}

// finishTo completes the signatures over what was written to their hashes, and
// writes them in reverse.
func finishTo(c *exchange.Call, dst io.Writer, all []newSignature) (err error) {
	for i := range all {
		s := &all[i]
		if err := c.Context().Err(); err != nil {
			return context.Cause(c.Context())
		}
		signed, err := s.by.part.EndSignature(c.Context(), s.sig, s.hash)
		if err != nil {
			return fmt.Errorf("signing with key %s: %w", s.by.key.ID(), err)
		}
		s.digest = signatureDigest(s.by.part.Material, s.sig, signed)
	}
	for i := len(all) - 1; i >= 0; i-- {
		// The library forgets the error of a signer that fails (T23); such a
		// signature does not serialize.
		if err := all[i].sig.Serialize(dst); err != nil {
			return fmt.Errorf("signing with key %s: %w", all[i].by.key.ID(), err)
		}
	}
	return nil
}

// intendedRecipients names everybody who is encrypted to, by primary key.
func intendedRecipients(recipients []sealingKey) []*packet.Recipient {
	var out []*packet.Recipient
	for _, r := range recipients {
		primary := r.key.Material.(*Key).cert.Primary()
		out = append(out, &packet.Recipient{KeyVersion: primary.Version, Fingerprint: primary.Fingerprint})
	}
	return out
}

func onePass(k *cert.Component, sig *packet.Signature, last bool) *packet.OnePassSignature {
	o := &packet.OnePassSignature{
		Version:    3,
		SigType:    sig.SigType,
		Hash:       sig.Hash,
		PubKeyAlgo: k.Public.PubKeyAlgo,
		KeyId:      k.KeyID,
		IsLast:     last,
	}
	if sig.Version == 6 {
		o.Version, o.Salt, o.KeyFingerprint = 6, sig.Salt(), k.Public.Fingerprint
	}
	return o
}

// newSessionKey returns the key of one message.
func newSessionKey() cert.SessionKey {
	return cert.SessionKey{Cipher: cert.SealCipher, Key: secret.Key(cert.SealCipher.KeySize())}
}

// writeSessionKeys encrypts sk to every recipient. Version 1 of the data is what
// every OpenPGP program reads: session keys of version 3 (RFC 9580, Section
// 5.1.1), CFB with a modification detection code (5.13.1). Version 2 is session
// keys of version 6 (5.1.2) and AEAD (5.13.2).
func writeSessionKeys(w io.Writer, recipients []sealingKey, sk cert.SessionKey, suite seipd.Suite) error {
	session := 3
	if suite.Mode != 0 {
		session = 6
	}
	for _, r := range recipients {
		if err := r.part.Wrap(w, sk, session); err != nil {
			return fmt.Errorf("encrypting to key %s: %w", r.key.ID(), err)
		}
	}
	return nil
}

// suiteFor is how the message is encrypted: by version 2 of the data if every
// recipient says in its self-signature that it reads that, and otherwise by version
// 1, which every program reads. The mode is GCM if every recipient lists it with
// AES-256, being the fastest, or else OCB, which everybody must have (RFC 9580,
// Section 9.6).
func suiteFor(recipients []sealingKey) seipd.Suite {
	suite := seipd.Suite{Cipher: cert.SealCipher, Mode: packet.AEADModeGCM}
	for _, r := range recipients {
		if !r.part.SEIPD2 {
			return seipd.Suite{Cipher: cert.SealCipher}
		}
		if !r.part.GCM {
			suite.Mode = packet.AEADModeOCB
		}
	}
	return suite
}
