package keyset

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"reflect"
	"time"
)

// Material is the key itself, in the shape its format needs. It is implemented
// by *pgp.Key and *jwe.Key.
//
// Material is immutable and safe for concurrent use. Its String, Format, and
// LogValue methods, if any, never reveal a secret. Implement it on a pointer
// type and keep the secret behind a second pointer: behind unexported fields,
// and for verbs that do not fit, package fmt asks for none of these methods, but
// follows one pointer at most.
type Material interface {
	// Info describes the key. It performs no cryptography and no I/O, and
	// returns the same each time.
	Info() Info

	// Public returns the public half. It returns the receiver if the
	// receiver is already public.
	Public() Material

	// SelfTest uses the private half and checks the result with the public
	// half, for every use the key has. It reports [errors.ErrUnsupported]
	// for public material.
	//
	// SelfTest shows that this process can use the key. It says nothing
	// about what the partner has installed.
	SelfTest(ctx context.Context) error
}

// A Refresher is [Material] of which a later copy can differ without being
// another key, as an OpenPGP certificate does that has gained a subkey, a later
// end, or a revocation. [Ring.Refresh] asks the material that it holds to take
// in the newer copy; material that is no Refresher is replaced by it.
type Refresher interface {
	Material

	// Refresh returns the union of the receiver and newer: everything that
	// either copy adds, and everything that either copy revokes, in whatever
	// order the copies were made. It has the private half if the receiver
	// does. It returns the receiver itself if newer adds nothing.
	//
	// resealed reports that a part that seals has changed (the signing key
	// of private material, the encryption key of public material), so that
	// evidence about the receiver says nothing about merged.
	//
	// Refresh returns an error if newer is not a copy of the same key. It
	// compares the bytes of the public keys for this, not only their IDs.
	// It modifies neither the receiver nor newer.
	Refresh(newer Material) (merged Material, resealed bool, err error)
}

// A Digester is [Material] of which a [Manifest] can say which copy it means.
type Digester interface {
	Material

	// Digest returns SHA-256 over the public half as it stands in its file, in
	// hexadecimal in lower case. It is the same for the private and the public
	// half, and depends on no time and on no evaluation, so that a later release
	// computes the same.
	Digest() string
}

// A Comparer is [Material] of which one copy can lack what another has.
type Comparer interface {
	Material

	// Lacks names, for people, what the receiver has and newer has not: parts, their
	// private halves, and revocations. It is asked before newer takes the place of the
	// receiver. A copy that says the same with a later date lacks nothing.
	Lacks(newer Material) []string
}

// A Remote is a private key whose operations leave the process.
type Remote interface {
	Public() crypto.PublicKey

	// Bind returns a [crypto.Signer], a [crypto.Decrypter], or both, that
	// give up when ctx does. Decrypt is called with the options that the
	// standard library's RSA key takes for the same padding.
	Bind(ctx context.Context) crypto.PrivateKey

	// Undecryptable reports whether err, returned by Decrypt, says that the ciphertext
	// does not decrypt under this key: wrong key, bad padding, bad length. An error that
	// wraps [errors.ErrUnsupported] counts as one of these, and Undecryptable is not
	// asked about it: the service cannot do what the message asks for, and a stranger
	// chooses what a message asks for. Every other error is an outage and becomes
	// [ErrUnavailable].
	//
	// The difference matters twice: an outage that is taken for a bad
	// ciphertext loses a good message, and a bad padding that is taken for an
	// outage is answered differently from a bad body, which lets a stranger
	// decrypt what was recorded.
	Undecryptable(err error) bool
}

// Info describes a key.
type Info struct {
	ID        ID
	Name      string // the JOSE "kid" or the primary OpenPGP User ID; not unique, may be empty
	Format    Format
	Private   bool
	Use       Use
	Algorithm string // as the format names it, for example "RSA-3072"
	Bits      int    // size of the smallest RSA modulus in the key; 0 without RSA
	Subkey    bool   // an OpenPGP certificate with a subkey to encrypt to

	// PostQuantum are those of Use for which the key has a part that holds against a quantum
	// computer as well. It may have another beside it, for partners that do not know that one.
	PostQuantum Use

	NotBefore time.Time // zero if the material has no lower bound
	NotAfter  time.Time // the earliest end among the parts in use; zero if there is none
	EndsWith  string    // what NotAfter is the end of if not of the key itself, such as "the certificate"
}

// LogValue implements [slog.LogValuer] with what is known of the key, apart from its
// validity.
func (i Info) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("id", string(i.ID))}, i.attrs()...)...)
}

func (i Info) attrs() (attrs []slog.Attr) {
	if i.Name != "" {
		attrs = append(attrs, slog.String("name", i.Name))
	}
	attrs = append(attrs,
		slog.String("format", string(i.Format)),
		slog.Bool("private", i.Private),
		slog.String("use", i.Use.String()),
		slog.String("algorithm", i.Algorithm),
	)
	if i.Bits != 0 {
		attrs = append(attrs, slog.Int("bits", i.Bits))
	}
	return attrs
}

// Seals reports whether the key has a part in sealing: a private key that signs
// or a public key that is encrypted to.
func (i Info) Seals() bool {
	if i.Private {
		return i.Use&Signing != 0
	}
	return i.Use&Encryption != 0
}

// Opens reports whether the key has a part in opening: a private key that
// decrypts or a public key that verifies.
func (i Info) Opens() bool {
	if i.Private {
		return i.Use&Encryption != 0
	}
	return i.Use&Signing != 0
}

// Tombstone returns material that does nothing: all that is left of a revoked
// key, or all that a tool needs that only edits states. A set accepts it in
// state Revoked only, unless every key of the set is a tombstone.
func Tombstone(i Info) Material { return &tombstone{info: i} }

type tombstone struct {
	info   Info
	digest string // as the manifest has it; perhaps empty
}

func (t *tombstone) Info() Info { return t.info }

func (t *tombstone) Public() Material {
	if !t.info.Private {
		return t
	}
	public := t.info
	public.Private = false
	return &tombstone{public, t.digest}
}

// Digest implements [Digester], so that editing a manifest keeps its digests.
func (t *tombstone) Digest() string { return t.digest }

func (t *tombstone) SelfTest(context.Context) error { return errors.ErrUnsupported }

func isTombstone(m Material) bool {
	_, ok := m.(*tombstone)
	return ok
}

// isNil also finds the nil pointer of an implementation, which is what a
// program holds that ignored the error of a key reader.
func isNil(m Material) bool {
	if m == nil {
		return true
	}
	v := reflect.ValueOf(m)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// sameMaterial is a == b without the panic for types that are not comparable.
func sameMaterial(a, b Material) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
