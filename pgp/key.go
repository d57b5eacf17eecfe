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

	"github.com/sealwax/sealwax/internal/exchange"
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

var (
	errNoUse  = errors.New("the certificate has no part that is fit for a use")
	errNoSelf = errors.New("no valid self-signature")
)

// newKey evaluates a certificate, by its self-signatures as they are now.
func newKey(c *certificate) (*Key, error) {
	now := time.Now()
	k := &Key{cert: c, strict: c.evaluate(false, now), lax: c.evaluate(true, now)}
	id := fingerprint(c.primary.pub)
	if len(k.lax) == 0 {
		return nil, fmt.Errorf("certificate %s: %w: %s", id, errNoSelf, c.whyNoSelf())
	}
	// What only SHA-1 makes valid is part of the key: whether it counts is the
	// policy of the envelope.
	k.info = c.info(k.lax)
	if k.info.Use == 0 {
		return nil, fmt.Errorf("certificate %s: %w%s", id, errNoUse, c.whyNoUse(k.lax, now))
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

// whyNoSelf says why no self-signature counts.
func (c *certificate) whyNoSelf() string {
	primary := c.primary.pub
	var all []string
	add := func(why string) {
		if !slices.Contains(all, why) && len(all) < 8 {
			all = append(all, why)
		}
	}
	if primary.Version == 4 && len(c.users) == 0 {
		add("it has no User ID")
	}
	each := func(sigs []selfSig, from, to byte) {
		for _, s := range sigs {
			switch {
			case s.info.kind < from || s.info.kind > to || !s.info.by(primary.Fingerprint, primary.KeyId):
			case s.info.weakness(primary.Version) != "":
				add("the " + s.info.String() + " does not count: " + s.info.weakness(primary.Version))
			case s.sig == nil:
				add("the " + s.info.String() + " does not count: it says something that is not understood")
			case !s.ok:
				add("the " + s.info.String() + " does not verify")
			default:
				add("the " + s.info.String() + " has a critical notation that is not known")
			}
		}
	}
	if primary.Version == 6 {
		each(c.primary.sigs, sigDirectKey, sigDirectKey)
	}
	for _, u := range c.users {
		each(u.sigs, sigCertification, sigPositive)
	}
	if len(all) == 0 {
		return "there is none by its own key"
	}
	return strings.Join(all, "; ")
}

// whyNoUse says of each part why it is fit for nothing.
func (c *certificate) whyNoUse(table []*component, at time.Time) string {
	var all []string
	bound := map[keyset.ID]bool{}
	for _, k := range table {
		bound[k.id] = true
		why := "not allowed"
		switch signs := k.whyNot(keyset.Signing, at); {
		case k.weak == k.name:
		case k.weak != "":
			why += ": " + k.weak
		case c.anyPrivate() && !k.private():
			why = "its private half is not here"
		default:
			why = signs + ", " + k.whyNot(keyset.Encryption, at)
		}
		all = append(all, fmt.Sprintf("%s (%s): %s", k.id, k.name, why))
	}
	for _, p := range c.subkeys {
		if id := fingerprint(p.pub); !bound[id] {
			all = append(all, fmt.Sprintf("%s: no binding that counts", id))
		}
	}
	return ": " + strings.Join(all, "; ")
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
		self, revoked := u.self(true, time.Now())
		if self == nil || revoked {
			continue
		}
		cert := self.sig
		marked := cert.IsPrimaryId != nil && *cert.IsPrimaryId
		bestMarked := best != nil && best.IsPrimaryId != nil && *best.IsPrimaryId
		if best == nil || marked && !bestMarked || marked == bestMarked && cert.CreationTime.After(best.CreationTime) {
			best, name = cert, string(u.raw.Body)
		}
	}
	return name
}

// sealingComponent returns the newest component that may seal in a call: to sign with if k
// is private, to encrypt to if it is public. The error says of each component why
// it does not.
func (k *Key) sealingComponent(c *exchange.Call, sha1 bool) (*component, error) {
	use, what := keyset.Encryption, "encrypts"
	if k.info.Private {
		use, what = keyset.Signing, "signs"
	}
	reasons := map[keyset.ID]string{}
	for _, p := range fitFor(k.lax, use, k.info.Private) {
		why := p.whyNot(use, c.At)
		if why == "" {
			if err := p.allowed(use, k.info.ID, c); err != nil {
				why = err.Error()
			}
		}
		if why == "" && !slices.ContainsFunc(k.strict, func(s *component) bool { return s.id == p.id }) {
			if !sha1 {
				why = "bound under SHA-1, which " + waiveSHA1Certificates + " can permit"
			} else {
				c.Waive(waiveSHA1Certificates) // which is in force
			}
		}
		if why == "" {
			return p, nil
		}
		reasons[p.id] = why
	}
	var all []string
	for _, p := range k.lax {
		why := reasons[p.id]
		if why == "" {
			why = p.whyNot(use, c.At)
		}
		if why == "" {
			why = "its private half is not here"
		}
		all = append(all, fmt.Sprintf("%s (%s): %s", p.id, p.name, why))
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
	for _, c := range fitFor(k.lax, use, k.info.Private) {
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
