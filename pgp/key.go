package pgp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/keyset"
)

// A Key is an OpenPGP certificate, with or without its private half. It
// implements [keyset.Material] and [keyset.Refresher], is immutable, and is
// safe for concurrent use. It prints as its fingerprint, never with a secret.
type Key struct {
	cert *certificate
	info keyset.Info

	// The components by which the key is used: strict without, lax with
	// self-signatures under SHA-1. Which of the two counts is the policy of
	// the envelope, so that one envelope's waiver changes no other's.
	strict, lax []*component

	public *Key // itself if it has no private half
}

var (
	_ keyset.Material  = (*Key)(nil)
	_ keyset.Refresher = (*Key)(nil)
)

var errNoUse = errors.New("the certificate has no part that is fit for a use")

// newKey evaluates a certificate.
func newKey(c *certificate) (*Key, error) {
	k := &Key{cert: c, strict: c.evaluate(false), lax: c.evaluate(true)}
	if len(k.lax) == 0 {
		return nil, fmt.Errorf("certificate %s has no valid self-signature", fingerprint(c.primary.pub))
	}
	table := k.strict
	if len(table) == 0 {
		table = k.lax
	}
	k.info = c.info(table)
	if k.info.Use == 0 {
		return nil, fmt.Errorf("certificate %s: %w%s", k.info.ID, errNoUse, complaints(table))
	}
	k.public = k
	if k.info.Private {
		var err error
		if k.public, err = newKey(c.public()); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func complaints(table []*component) string {
	var all []string
	for _, k := range table {
		if k.weak != "" {
			all = append(all, k.weak)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// info describes the certificate as its table makes it.
func (c *certificate) info(table []*component) keyset.Info {
	i := keyset.Info{
		ID:      fingerprint(c.primary.pub),
		Name:    c.name(),
		Format:  keyset.OpenPGP,
		Private: c.anyPrivate(),
	}
	signs := fitFor(table, keyset.Signing, i.Private)
	encrypts := fitFor(table, keyset.Encryption, i.Private)
	var names []string
	for _, use := range []struct {
		use   keyset.Use
		parts []*component
	}{{keyset.Signing, signs}, {keyset.Encryption, encrypts}} {
		if len(use.parts) == 0 {
			continue
		}
		i.Use |= use.use
		from, to := span(use.parts)
		if from.After(i.NotBefore) {
			i.NotBefore = from
		}
		if !to.IsZero() && (i.NotAfter.IsZero() || to.Before(i.NotAfter)) {
			i.NotAfter = to
		}
		for _, k := range use.parts {
			i.Subkey = i.Subkey || use.use == keyset.Encryption && !k.primary
			if k.bits != 0 && (i.Bits == 0 || k.bits < i.Bits) {
				i.Bits = k.bits
			}
		}
		if n := use.parts[0].name; len(names) == 0 || names[0] != n {
			names = append(names, n)
		}
	}
	i.Algorithm = strings.Join(names, "+")
	return i
}

// fitFor returns the components for one use, the newest first, a subkey before
// a primary key of the same age. Revoked ones are among them: a revoked certificate must be readable to be merged.
func fitFor(table []*component, use keyset.Use, private bool) []*component {
	var out []*component
	for _, k := range table {
		fit := k.sign && use == keyset.Signing || k.encrypt && use == keyset.Encryption
		if !fit || k.weak != "" || private && !k.private() {
			continue
		}
		i := 0
		for i < len(out) && k.window.NotBefore.Before(out[i].window.NotBefore) {
			i++
		}
		out = append(out[:i], append([]*component{k}, out[i:]...)...)
	}
	return out
}

// span returns from when to when at least one of the components is valid.
func span(parts []*component) (from, to time.Time) {
	for n, k := range parts {
		if n == 0 || k.window.NotBefore.Before(from) {
			from = k.window.NotBefore
		}
		switch end := k.window.NotAfter; {
		case n == 0:
			to = end
		case end.IsZero() || to.IsZero():
			to = time.Time{}
		case end.After(to):
			to = end
		}
	}
	return from, to
}

// name returns the primary User ID.
func (c *certificate) name() string {
	var best *packet.Signature
	name := ""
	for _, u := range c.users {
		cert, revoked := c.userSelf(u, true)
		if cert == nil || revoked {
			continue
		}
		marked := cert.IsPrimaryId != nil && *cert.IsPrimaryId
		bestMarked := best != nil && best.IsPrimaryId != nil && *best.IsPrimaryId
		if best == nil || marked && !bestMarked || marked == bestMarked && cert.CreationTime.After(best.CreationTime) {
			best, name = cert, string(u.raw.Body)
		}
	}
	return name
}

// components returns the table for a policy.
func (k *Key) components(sha1 bool) []*component {
	if sha1 {
		return k.lax
	}
	return k.strict
}

// sealer returns the newest component that may seal at the given time: to sign
// with if k is private, to encrypt to if it is public.
func (k *Key) sealer(at time.Time, sha1 bool, waive func(string) bool) (*component, error) {
	use, what := keyset.Encryption, "encryption"
	if k.info.Private {
		use, what = keyset.Signing, "signing"
	}
	err := fmt.Errorf("key %s has no %s part that is valid", k.info.ID, what)
	for _, c := range fitFor(k.components(sha1), use, k.info.Private) {
		if !c.validAt(at) {
			continue
		}
		if err = c.allowed(waive); err == nil {
			if sha1 && !slices.ContainsFunc(k.strict, func(s *component) bool { return s.id == c.id }) {
				waive(waiveSHA1Certificates) // which is in force: sha1 says so
			}
			return c, nil
		}
		err = fmt.Errorf("key %s: %w", k.info.ID, err)
	}
	return nil, err
}

// Info implements [keyset.Material].
func (k *Key) Info() keyset.Info { return k.info }

// Public implements [keyset.Material].
func (k *Key) Public() keyset.Material { return k.public }

// SelfTest implements [keyset.Material]: it signs and verifies with every part
// that signs, and encrypts and decrypts with every part that decrypts.
func (k *Key) SelfTest(ctx context.Context) error {
	if !k.info.Private {
		return fmt.Errorf("self-test of public key %s: %w", k.info.ID, errors.ErrUnsupported)
	}
	table := k.strict
	if len(table) == 0 {
		table = k.lax
	}
	for _, c := range table {
		if !c.private() || c.weak != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := guard(func() error { return c.selfTest(ctx) }); err != nil {
			return fmt.Errorf("self-test of key %s (%s): %w", c.id, c.name, err)
		}
	}
	return nil
}

func (c *component) selfTest(ctx context.Context) error {
	probe := make([]byte, 32)
	rand.Read(probe)
	if c.sign {
		sig, h, err := c.beginSignature(time.Now(), nil, "")
		if err != nil {
			return err
		}
		h.Write(probe)
		if _, err := c.endSignature(ctx, sig, h, c.id); err != nil {
			return err
		}
		check := kindOf(sig).Begin()
		check.Write(probe)
		if err := c.verifyHash(sig, check); err != nil {
			return err
		}
	}
	if c.encrypt {
		return c.testDecryption(ctx, probe)
	}
	return nil
}

// Refresh implements [keyset.Refresher]: it returns the union of both copies
// of one certificate, so that whatever either of them revokes stays revoked.
// newer may be the public half of k. It returns an error if newer is another key.
func (k *Key) Refresh(newer keyset.Material) (merged keyset.Material, resealed bool, err error) {
	n, ok := newer.(*Key)
	if !ok {
		return nil, false, fmt.Errorf("refresh of key %s: %w", k.info.ID, errOtherKey)
	}
	cert, added, err := k.cert.merge(n.cert)
	if err != nil {
		return nil, false, fmt.Errorf("refresh of key %s: %w", k.info.ID, err)
	}
	if !added {
		return k, false, nil
	}
	if !k.info.Private {
		cert = cert.public()
	}
	m, err := newKey(cert)
	if err != nil {
		return nil, false, err
	}
	return m, k.sealingParts() != m.sealingParts(), nil
}

// sealingParts lists the parts that seal, the one in use first.
func (k *Key) sealingParts() string {
	use := keyset.Encryption
	if k.info.Private {
		use = keyset.Signing
	}
	var ids []string
	for _, c := range fitFor(k.strict, use, k.info.Private) {
		if !c.revoked {
			ids = append(ids, string(c.id))
		}
	}
	return strings.Join(ids, " ")
}

// String returns the fingerprint.
func (k *Key) String() string { return string(k.info.ID) }

// Format implements [fmt.Formatter]: every verb prints the fingerprint, of the
// key and of a copy of its value.
func (k Key) Format(f fmt.State, verb rune) { fmt.Fprint(f, string(k.info.ID)) }

// LogValue implements [slog.LogValuer] with the description of the key.
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", string(k.info.ID)),
		slog.String("name", k.info.Name),
		slog.Bool("private", k.info.Private),
		slog.String("use", k.info.Use.String()),
		slog.String("algorithm", k.info.Algorithm))
}

// MarshalText returns the fingerprint, so that a key in JSON reveals nothing.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.info.ID), nil }
