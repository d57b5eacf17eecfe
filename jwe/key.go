package jwe

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/sealwax/sealwax/internal/mldsa"
	remotely "github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/internal/secret"
	"github.com/sealwax/sealwax/keyset"
)

// A Key is one JOSE key. It implements [keyset.Material], [keyset.Refresher], and
// [keyset.Digester]. It is immutable and
// safe for concurrent use. It prints and marshals as its thumbprint, and logs as its
// [keyset.Info].
type Key struct {
	info   keyset.Info
	kind   kind
	algs   []Algorithm // that the key is bound to; for a use of which it has none, it is not
	encKid string      // the "kid" to encrypt under, if it is not the name
	hints  []string    // other names of the key that a partner may write as "kid"
	chain  [][]byte    // the certificates that it came with, as DER

	// What a remote RSA key without an algorithm was seen to do; nil for all others.
	seen *atomic.Pointer[[]Algorithm]

	public    crypto.PublicKey  // *rsa, *ecdsa, ed25519, *mldsa, or *ecdh for X25519
	private   crypto.PrivateKey // the same, a *remoteKey, or nil
	dh        *ecdh.PublicKey   // for ECDH-ES
	dhPrivate *ecdh.PrivateKey
}

var _ keyset.Material = (*Key)(nil)

// NewKey returns a private key for one use. private is an *[rsa.PrivateKey],
// *[ecdsa.PrivateKey], *[ecdh.PrivateKey], or [ed25519.PrivateKey], of which a
// copy is made, or, with Go 1.27, a *mldsa.PrivateKey of crypto/mldsa; any
// [crypto.Signer] to sign with RSA, ECDSA, Ed25519, or ML-DSA; any
// [ecdh.KeyExchanger] to decrypt, or a [keyset.Remote] that is bound to one of
// the two or to a [crypto.Decrypter] for RSA. Another crypto.Decrypter is an
// error: only a Remote tells an outage from a bad ciphertext. If kid is empty, it
// becomes the thumbprint of RFC 7638.
//
// What a key elsewhere does wrong becomes an error that wraps
// [keyset.ErrUnavailable], but for what [keyset.Remote.Undecryptable] claims. A
// signature that comes back is checked before it is used. A plain Signer or
// KeyExchanger does not see the context of the call.
//
// A use of Signing|Encryption is possible for RSA and the NIST curves, where a
// partner insists on one key for both. A private RSA key for both is not used without
// [InsecureRSADualUse].
func NewKey(kid string, private crypto.PrivateKey, use keyset.Use) (*Key, error) {
	k, err := newKey(spec{kid: kid, use: use, private: private})
	return k, prefixed(err)
}

// NewPublicKey returns a public key. public is an *[rsa.PublicKey],
// *[ecdsa.PublicKey], *[ecdh.PublicKey], or [ed25519.PublicKey], of which a copy is made,
// or, with Go 1.27, a *mldsa.PublicKey of crypto/mldsa.
func NewPublicKey(kid string, public crypto.PublicKey, use keyset.Use) (*Key, error) {
	k, err := newKey(spec{kid: kid, use: use, public: public})
	return k, prefixed(err)
}

// GenerateKey returns a new private key for one use: an RSA key of 3072 bits for
// RSA-OAEP, RSA-OAEP-256, RSA1_5, PS256, and RS256 (and their larger siblings), an
// EC key for ECDH-ES (with key wrapping or without), ES256, ES384, and ES512, an
// Ed25519 key for EdDSA and Ed25519, and a key of ML-DSA for each of its sizes. The key
// is bound to the algorithm. The error wraps [errors.ErrUnsupported] for ML-DSA in a program
// that is built with Go 1.26, or with version 1.0.0 of Go's FIPS 140-3 module.
func GenerateKey(kid string, alg Algorithm) (*Key, error) {
	if err := alg.runs(); err != nil && alg.mldsa() {
		return nil, fmt.Errorf("jwe: no key is generated for %s: %w", alg, err)
	}
	var private crypto.PrivateKey
	var err error
	switch {
	case alg.mldsa():
		private, err = mldsa.Generate(string(alg))
	case alg.fits(kindRSA):
		private, err = rsa.GenerateKey(rand.Reader, 3072)
	case alg.fits(kindEd25519):
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case alg.fits(kindP256):
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case alg.fits(kindP384):
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case alg.fits(kindP521):
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		return nil, fmt.Errorf("jwe: no key is generated for %q", alg)
	}
	if err != nil {
		return nil, prefixed(err)
	}
	k, err := newKey(spec{kid: kid, use: alg.use(), algs: []Algorithm{alg}, private: private})
	return k, prefixed(err)
}

func prefixed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("jwe: %w", err)
}

// A spec is all that is known of a key before it is checked.
type spec struct {
	kid                 string
	use                 keyset.Use
	algs                []Algorithm
	public              crypto.PublicKey  // one of
	private             crypto.PrivateKey // these two
	notBefore, notAfter time.Time
	endsWith            string
	hints               []string
	chain               [][]byte
}

// newKey checks everything that makes a key unfit once, so that Seal and Open
// have to ask only what a key is allowed to do.
func newKey(s spec) (*Key, error) {
	k := &Key{algs: s.algs}
	var err error
	if s.private != nil {
		err = k.takePrivate(s.private, s.use)
	} else {
		err = k.takePublic(s.public)
	}
	if err != nil {
		return nil, err
	}
	if err := k.checkUse(s.use, s.algs); err != nil {
		return nil, err
	}
	if only := k.kind.only(); only != "" {
		k.algs = []Algorithm{only} // whoever gave it: in its JWK it must stand
	}
	id, err := k.thumbprint()
	if err != nil {
		return nil, err
	}
	if !isName(s.kid) {
		return nil, fmt.Errorf("kid is not valid UTF-8 of at most %d bytes", maxName)
	}
	k.hints, k.chain = append(slices.Clone(s.hints), k.fingerprints()...), s.chain
	k.info = keyset.Info{
		ID: id, Name: s.kid, Format: keyset.JOSE, Private: k.private != nil, Use: s.use,
		Algorithm: string(k.kind), NotBefore: s.notBefore, NotAfter: s.notAfter, EndsWith: s.endsWith,
		PostQuantum: k.kind.postQuantum() & s.use,
	}
	if k.info.Name == "" {
		k.info.Name = string(id)
	}
	if k.kind == kindRSA {
		k.info.Bits = k.rsaPublic().N.BitLen()
		k.info.Algorithm = fmt.Sprintf("RSA-%d", k.info.Bits)
	}
	return k, nil
}

func (k *Key) checkUse(use keyset.Use, algs []Algorithm) error {
	const both = keyset.Signing | keyset.Encryption
	switch {
	case use == 0:
		return errors.New("the use of the key is not known: signing or encryption")
	case use&^both != 0:
		return fmt.Errorf("unknown use %d", use)
	case k.kind.signs() && use != keyset.Signing, k.kind == kindX25519 && use != keyset.Encryption:
		return fmt.Errorf("an %s key is not for %s", k.kind, use)
	}
	for _, alg := range algs {
		switch {
		case alg.use() == 0:
			return fmt.Errorf("bound to an algorithm that is not supported: %q", cut(string(alg)))
		case alg.use()&use == 0 || !alg.fits(k.kind):
			return fmt.Errorf("an %s key for %s cannot be bound to %s", k.kind, use, alg)
		case alg == RSA1_5 && (use != keyset.Encryption || len(algs) != 1):
			return errors.New("a key for RSA1_5 does nothing else")
		}
	}
	return nil
}

func (k *Key) rsaPublic() *rsa.PublicKey { return k.public.(*rsa.PublicKey) }

func isName(kid string) bool { return len(kid) <= maxName && utf8.ValidString(kid) }

// WithName returns k under another "kid". If kid is empty, it becomes the
// thumbprint. It panics if kid is not valid UTF-8 of at most 256 bytes.
func (k *Key) WithName(kid string) *Key {
	if !isName(kid) {
		panic("jwe: WithName: kid is not valid UTF-8 of at most 256 bytes")
	}
	out := *k
	out.encKid = ""
	if out.info.Name = kid; kid == "" {
		out.info.Name = string(k.info.ID)
	}
	return &out
}

// WithAlgorithm returns k bound to one algorithm, as a JWK with an "alg" is: it does
// nothing else. It is for keys that cannot say it themselves: keys in PEM, in
// certificates, and in key services, some of which know only one padding. A key for
// RSA1_5 must be bound to it. WithAlgorithm returns an error if k is bound to others, has
// both uses, or does not fit.
func (k *Key) WithAlgorithm(alg Algorithm) (*Key, error) {
	switch {
	case len(k.algs) != 0 && !slices.Contains(k.algs, alg):
		return nil, fmt.Errorf("jwe: key %s is bound to %s already", k.info.ID, names(k.algs))
	case alg == "":
		return nil, errors.New("jwe: WithAlgorithm: no algorithm")
	case alg.use() != 0 && alg.use() != k.info.Use:
		return nil, fmt.Errorf("jwe: an %s key for %s cannot be bound to %s", k.kind, k.info.Use, alg)
	}
	algs := []Algorithm{alg}
	if err := k.checkUse(k.info.Use, algs); err != nil {
		return nil, prefixed(err)
	}
	out := *k
	out.algs, out.seen = algs, nil
	return &out, nil
}

// Info implements [keyset.Material]. Name is the "kid"; NotBefore and NotAfter
// are those of the certificate that the key was read from, if it was.
func (k *Key) Info() keyset.Info { return k.info }

// Public implements [keyset.Material].
func (k *Key) Public() keyset.Material { return k.publicKey() }

func (k *Key) publicKey() *Key {
	if k.private == nil {
		return k
	}
	out := *k
	out.private, out.dhPrivate, out.seen, out.info.Private = nil, nil, nil, false
	return &out
}

// SelfTest implements [keyset.Material]: it signs and verifies, encrypts and decrypts,
// for every use of k. If the key is in a service, SelfTest asks the service, within ctx.
// If such an RSA key is bound to no algorithm, SelfTest tries every algorithm but RSA1_5,
// and from then on the key is for those that worked: a service may know only one padding.
func (k *Key) SelfTest(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if k.private == nil {
		return fmt.Errorf("jwe: self-test of a public key: %w", errors.ErrUnsupported)
	}
	var seen []Algorithm
	for _, test := range []struct {
		use keyset.Use
		run func(context.Context, Algorithm) error
	}{{keyset.Signing, k.testSigning}, {keyset.Encryption, k.testEncryption}} {
		if k.info.Use&test.use == 0 {
			continue
		}
		works, err := k.test(ctx, test.use, test.run)
		if err != nil {
			return fmt.Errorf("jwe: self-test of key %s: %w", k.info.ID, err)
		}
		seen = append(seen, works...)
	}
	if k.seen != nil {
		k.seen.Store(&seen)
	}
	return nil
}

// test returns what the key was seen to do where nothing says what it is for.
func (k *Key) test(ctx context.Context, use keyset.Use, run func(context.Context, Algorithm) error) ([]Algorithm, error) {
	if k.seen != nil && len(forUse(k.algs, use)) == 0 {
		return probe(ctx, use, run)
	}
	alg, err := choose(k, use, "")
	if err == nil {
		err = run(ctx, alg)
	}
	return nil, err
}

func (k *Key) testSigning(ctx context.Context, alg Algorithm) error {
	digest := alg.digest([]byte("self-test"))
	signature, err := k.sign(ctx, alg, digest)
	if err == nil && !k.verify(alg, digest, signature) {
		err = errors.New("the public half does not verify what the private half signed")
	}
	return err
}

func (k *Key) testEncryption(ctx context.Context, alg Algorithm) error {
	content := secret.Key(A256GCM.sizes().key)
	w, err := k.wrap(alg, A256GCM, content)
	if err != nil {
		return err
	}
	r := &recipient{header: &header{alg: alg}, key: w.encrypted}
	if w.ephemeral != nil {
		r.agreed = &agreement{kind: k.kind, epk: w.ephemeral}
	}
	ctx, with := remotely.Noting(ctx)
	content, conforms, err := r.unwrap(ctx, k, A256GCM)
	if err == nil && (conforms != 1 || string(content) != string(w.content)) {
		err = with(errors.New("the private half does not decrypt what the public half encrypted"))
	}
	return err
}

// kid returns the name of the key for a use.
func (k *Key) kid(use keyset.Use) string {
	if use == keyset.Encryption && k.encKid != "" {
		return k.encKid
	}
	return k.info.Name
}

// dual reports whether k is a private RSA key for both uses.
func (k *Key) dual() bool {
	return k.kind == kindRSA && k.private != nil && k.info.Use == keyset.Signing|keyset.Encryption
}

// String returns the thumbprint.
func (k *Key) String() string { return string(k.info.ID) }

// Format implements [fmt.Formatter]: every verb prints the thumbprint, of the key and
// of a copy of its value.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, string(k.info.ID)) }

// LogValue implements [slog.LogValuer] with the description of the key.
func (k Key) LogValue() slog.Value { return k.info.LogValue() }

// MarshalText returns the thumbprint, so that a key in JSON reveals nothing.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.info.ID), nil }
