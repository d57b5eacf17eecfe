package keyset_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// canary is the secret of every fake key. It must never be printed.
const canary = "CANARY-d4f1"

// A fake is material without cryptography.
type fake struct {
	info   keyset.Info
	Secret string // exported, so that a careless encoder would find it
	test   func(context.Context) error
}

func (f *fake) Info() keyset.Info { return f.info }

func (f *fake) Public() keyset.Material {
	if !f.info.Private {
		return f
	}
	public := f.info
	public.Private = false
	return &fake{info: public}
}

func (f *fake) SelfTest(ctx context.Context) error {
	switch {
	case !f.info.Private:
		return errors.ErrUnsupported
	case f.test != nil:
		return f.test(ctx)
	default:
		return nil
	}
}

// A role is what a key is for: its format, its half, and its uses.
type role struct {
	name         string
	format       keyset.Format
	private      bool
	use          keyset.Use
	seals, opens bool
}

const both = keyset.Signing | keyset.Encryption

var (
	ownSign     = role{"own signing key", keyset.JOSE, true, keyset.Signing, true, false}
	ownDecrypt  = role{"own decryption key", keyset.JOSE, true, keyset.Encryption, false, true}
	peerVerify  = role{"partner's signing key", keyset.JOSE, false, keyset.Signing, false, true}
	peerEncrypt = role{"partner's encryption key", keyset.JOSE, false, keyset.Encryption, true, false}
	ownCert     = role{"own certificate", keyset.OpenPGP, true, both, true, true}
	peerCert    = role{"partner's certificate", keyset.OpenPGP, false, both, true, true}

	roles = []role{ownSign, ownDecrypt, peerVerify, peerEncrypt, ownCert, peerCert}
)

// key returns material of the role, with changes to its Info.
func (r role) key(id keyset.ID, changes ...func(*keyset.Info)) *fake {
	f := &fake{info: keyset.Info{ID: id, Format: r.format, Private: r.private, Use: r.use, Algorithm: "RSA-3072", Bits: 3072}}
	if r.private {
		f.Secret = canary
	}
	for _, change := range changes {
		change(&f.info)
	}
	return f
}

func (r role) in(state keyset.State, id keyset.ID, changes ...func(*keyset.Info)) keyset.Key {
	return keyset.Key{Material: r.key(id, changes...), State: state}
}

func named(name string) func(*keyset.Info) {
	return func(i *keyset.Info) { i.Name = name }
}

func valid(from, to time.Time) func(*keyset.Info) {
	return func(i *keyset.Info) { i.NotBefore, i.NotAfter = from, to }
}

func bits(n int) func(*keyset.Info) {
	return func(i *keyset.Info) { i.Bits = n }
}

func lasting(use keyset.Use) func(*keyset.Info) {
	return func(i *keyset.Info) { i.PostQuantum = use }
}

// A certificate is a fake with parts, of which copies can be merged.
type certificate struct {
	*fake
	octets string   // of the public key
	parts  []string // those that seal begin with "seal"
}

func (c *certificate) Public() keyset.Material {
	return &certificate{c.fake.Public().(*fake), c.octets, c.parts}
}

func (c *certificate) Refresh(newer keyset.Material) (keyset.Material, bool, error) {
	n, ok := newer.(*certificate)
	if !ok || n.octets != c.octets {
		return nil, false, errors.New("fake: another key")
	}
	merged := &certificate{c.fake, c.octets, slices.Clone(c.parts)}
	resealed := false
	for _, p := range n.parts {
		if !slices.Contains(merged.parts, p) {
			merged.parts = append(merged.parts, p)
			resealed = resealed || strings.HasPrefix(p, "seal")
		}
	}
	if len(merged.parts) == len(c.parts) {
		return c, false, nil
	}
	return merged, resealed, nil
}

var _ keyset.Refresher = (*certificate)(nil)

// A box hides nothing and is not even comparable: the least careful Material
// that an implementer could write.
type box struct {
	Inner  keyset.Info
	Secret []string
	number int
}

func (b box) Info() keyset.Info              { return b.Inner }
func (b box) Public() keyset.Material        { b.Inner.Private = false; b.Secret = nil; return b }
func (b box) SelfTest(context.Context) error { return nil }

func newSet(t testing.TB, revision uint64, keys ...keyset.Key) *keyset.Set {
	t.Helper()
	s, err := keyset.New(revision, keys...)
	require.NoError(t, err)
	return s
}

func newRing(t testing.TB, keys ...keyset.Key) *keyset.Ring {
	t.Helper()
	return keyset.NewRing(newSet(t, 1, keys...))
}

// states spells a set as "A:active B:retiring", in order of preference.
func states(s *keyset.Set) string {
	var list []string
	for k := range s.All() {
		list = append(list, string(k.ID())+":"+k.State.String())
	}
	return strings.Join(list, " ")
}

func sealing(s *keyset.Set) []keyset.ID {
	var list []keyset.ID
	for k := range s.Sealing(time.Now()) {
		list = append(list, k.ID())
	}
	return list
}

func opening(s *keyset.Set) []keyset.ID {
	var list []keyset.ID
	for k := range s.Opening() {
		list = append(list, k.ID())
	}
	return list
}

func lookup(t testing.TB, src keyset.Source, id keyset.ID) keyset.Key {
	t.Helper()
	k, ok := src.Load().Lookup(id)
	require.True(t, ok, "key %s", id)
	return k
}

// open is an opener of which every source holds the key that is asked for.
func (r role) open(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
	return r.key(k.ID, named(k.Name)), nil
}

// A copy is a fake of which a manifest can say which copy it means.
type copied struct {
	*fake
	digest string
	lacks  []string // what it lacks, whatever was there before
}

func (c *copied) Public() keyset.Material {
	return &copied{c.fake.Public().(*fake), c.digest, c.lacks}
}
func (c *copied) Digest() string { return c.digest }

func (c *copied) Lacks(newer keyset.Material) []string {
	if n, ok := newer.(*copied); ok {
		return n.lacks
	}
	return nil
}

// digestOf is 64 digits that begin with n.
func digestOf(n string) string { return n + strings.Repeat("0", 64-len(n)) }
