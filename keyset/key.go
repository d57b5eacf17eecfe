package keyset

import (
	"fmt"
	"log/slog"
	"time"
)

// A Key is one entry of a [Set].
//
// It prints, logs, and marshals without its material, whatever the verb.
type Key struct {
	Material Material
	State    State

	// NotBefore and NotAfter narrow the validity of the material. The zero
	// time adds no bound. Outside of its validity a key does not seal, and
	// signatures dated outside of it are not accepted. Decryption ignores
	// validity: a message that was under way at midnight can still be read.
	NotBefore, NotAfter time.Time

	// Since is when the key entered its state; zero if that is not known. A
	// [Ring] maintains it.
	Since time.Time

	// Evidence is what [Ring.Acknowledge] recorded.
	Evidence string

	// Source tells an [Opener] where the material comes from, for example
	// "file:own-2027.asc" or "kms:alias/own-2027". It is the only part of a
	// key that a [Manifest] stores in place of the secret.
	Source string

	// Note is for people. It is stored in the manifest and never interpreted.
	Note string
}

// info is safe for a Key without material, so that printing one does not panic.
func (k Key) info() Info {
	if isNil(k.Material) {
		return Info{}
	}
	return k.Material.Info()
}

// ID returns k.Material.Info().ID. It is empty if there is no material.
func (k Key) ID() ID { return k.info().ID }

// Bounds returns the validity of the key: the later of the two lower bounds and
// the earlier of the two upper bounds of k and of its material. The zero time
// means that there is none.
func (k Key) Bounds() (notBefore, notAfter time.Time) { return k.bounds(k.info()) }

// ValidAt reports whether at lies within the bounds of the key, ends included.
func (k Key) ValidAt(at time.Time) bool { return k.validAt(k.info(), at) }

func (k *Key) bounds(i Info) (notBefore, notAfter time.Time) {
	notBefore, notAfter = i.NotBefore, i.NotAfter
	if k.NotBefore.After(notBefore) {
		notBefore = k.NotBefore
	}
	if notAfter.IsZero() || !k.NotAfter.IsZero() && k.NotAfter.Before(notAfter) {
		notAfter = k.NotAfter
	}
	return notBefore, notAfter
}

func (k *Key) validAt(i Info, at time.Time) bool {
	notBefore, notAfter := k.bounds(i)
	return !at.Before(notBefore) && (notAfter.IsZero() || !at.After(notAfter))
}

// String returns the ID and the state.
func (k Key) String() string { return fmt.Sprintf("%s (%v)", k.ID(), k.State) }

// Format implements [fmt.Formatter]: every verb prints what String returns.
func (k Key) Format(f fmt.State, verb rune) { printText(f, k.String()) }

// MarshalText returns what String does, so that a Key in a JSON document reveals
// nothing either.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue implements [slog.LogValuer] with the fields of [Info], the state,
// and the bounds. It never includes the material.
func (k Key) LogValue() slog.Value {
	i := k.info()
	attrs := append([]slog.Attr{
		slog.String("id", string(i.ID)),
		slog.String("state", k.State.String()),
	}, i.attrs()...)
	notBefore, notAfter := k.bounds(i)
	if !notBefore.IsZero() {
		attrs = append(attrs, slog.Time("not_before", notBefore))
	}
	if !notAfter.IsZero() {
		attrs = append(attrs, slog.Time("not_after", notAfter))
	}
	return slog.GroupValue(attrs...)
}

// printText prints text for any verb and honours width and precision.
func printText(f fmt.State, text string) { fmt.Fprintf(f, fmt.FormatString(f, 's'), text) }
