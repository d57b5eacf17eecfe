package pgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// A Key is an OpenPGP certificate, with or without its private half. It
// implements [keyset.Material] and [keyset.Refresher], is immutable, and is
// safe for concurrent use. It prints as its fingerprint, never with a secret.
type Key struct {
	cert *cert.Certificate
	info keyset.Info

	// The components by which the key is used: strict without, lax with
	// self-signatures under SHA-1. Which of the two counts is the policy of
	// the envelope, so that one envelope's waiver changes no other's.
	strict, lax []*cert.Component

	public *Key // itself if it has no private half
}

var (
	_ keyset.Material  = (*Key)(nil)
	_ keyset.Refresher = (*Key)(nil)
)

var (
	errNoUse  = errors.New("the certificate has no part that is fit for a use")
	errNoSelf = errors.New("no valid self-signature")
)

// newKey evaluates a certificate, by its self-signatures as they are now.
func newKey(c *cert.Certificate) (*Key, error) {
	now := time.Now()
	k := &Key{cert: c, strict: c.Evaluate(false, now), lax: c.Evaluate(true, now)}
	id := cert.Fingerprint(c.Primary())
	if len(k.lax) == 0 {
		return nil, fmt.Errorf("certificate %s: %w: %s", id, errNoSelf, c.WhyNoSelf())
	}
	// What only SHA-1 makes valid is part of the key: whether it counts is the
	// policy of the envelope.
	k.info = c.Info(k.lax)
	if k.info.Use == 0 {
		return nil, fmt.Errorf("certificate %s: %w%s", id, errNoUse, c.WhyNoUse(k.lax, now))
	}
	k.public = k
	if k.info.Private {
		var err error
		if k.public, err = newKey(c.WithoutPrivate()); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// sealingComponent returns the newest component that may seal in a call: to sign with if k
// is private, to encrypt to if it is public. The error says of each component why
// it does not.
func (k *Key) sealingComponent(c *exchange.Call, sha1 bool) (*cert.Component, error) {
	use, what := keyset.Encryption, "encrypts"
	if k.info.Private {
		use, what = keyset.Signing, "signs"
	}
	reasons := map[keyset.ID]string{}
	for _, p := range cert.FitFor(k.lax, use, k.info.Private) {
		why := p.WhyNot(use, c.At)
		if why == "" {
			if err := allowed(p, use, k.info.ID, c); err != nil {
				why = err.Error()
			}
		}
		if why == "" && !slices.ContainsFunc(k.strict, func(s *cert.Component) bool { return s.ID == p.ID }) {
			if !sha1 {
				why = "bound under SHA-1, which " + waiveSHA1Certificates + " can permit"
			} else {
				c.Waive(waiveSHA1Certificates) // which is in force
			}
		}
		if why == "" {
			return p, nil
		}
		reasons[p.ID] = why
	}
	var all []string
	for _, p := range k.lax {
		why := reasons[p.ID]
		if why == "" {
			why = p.WhyNot(use, c.At)
		}
		if why == "" {
			why = "its private half is not here"
		}
		all = append(all, fmt.Sprintf("%s (%s): %s", p.ID, p.Name, why))
	}
	return nil, fmt.Errorf("no part of key %s %s: %s", k.info.ID, what, strings.Join(all, "; "))
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
	for _, c := range k.lax {
		if !c.HasPrivate() || c.Weak != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := openpgp.Guard(func() error { return c.SelfTest(ctx) }); err != nil {
			return fmt.Errorf("self-test of key %s (%s): %w", c.ID, c.Name, err)
		}
	}
	return nil
}

// Refresh implements [keyset.Refresher]: it returns the union of both copies
// of one certificate, so that whatever either of them revokes stays revoked.
// newer may be the public half of k. It returns an error if newer is another key.
func (k *Key) Refresh(newer keyset.Material) (merged keyset.Material, resealed bool, err error) {
	n, ok := newer.(*Key)
	if !ok {
		return nil, false, fmt.Errorf("refresh of key %s: %w", k.info.ID, cert.ErrOtherKey)
	}
	cert, added, err := k.cert.Merge(n.cert)
	if err != nil {
		return nil, false, fmt.Errorf("refresh of key %s: %w", k.info.ID, err)
	}
	if !added {
		return k, false, nil
	}
	if !k.info.Private {
		cert = cert.WithoutPrivate()
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
	for _, c := range cert.FitFor(k.lax, use, k.info.Private) {
		if !c.Revoked {
			ids = append(ids, string(c.ID))
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
func (k Key) LogValue() slog.Value { return k.info.LogValue() }

// MarshalText returns the fingerprint, so that a key in JSON reveals nothing.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.info.ID), nil }
