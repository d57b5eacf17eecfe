package envelope

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// A Message is an authentic message and the account of how it was opened.
//
// A signature counts only if it is itself good, by a trusted key that may make it, in
// time, meant for us, and in our context. One signature has to have all of this: two
// signatures that each have a part of it do not add up.
//
// Open accepts a message as often as it comes, unless the Config has [Replays]. A program
// without Replays can refuse what it has seen by itself. It stores the Digest of every
// signer, and refuses a message if it has stored one of them before. It may delete them
// once MaxAge and Skew have passed since the latest Time of a signer, by the slowest of
// its clocks. Nothing but the context binds a reply to its request.
//
// A Message prints, logs, and marshals to JSON without its payload and header:
// take those from the fields. It belongs to the caller, who may modify it.
type Message struct {
	Payload  []byte        `json:"-"`
	SealedAs keyset.Format // the format that it arrived in

	// Signers are the trusted keys whose signatures count, in the order of
	// the message. It is empty only if a waiver permits unsigned messages.
	Signers []KeyUse

	// Ignored are the signatures by keys that we know that do not count: by
	// a revoked or expired key, out of time, or not good.
	Ignored []KeyUse

	// Decrypter is the key of ours that decrypted the message.
	Decrypter KeyUse

	// Bound reports whether every signer in Signers meant the message for us,
	// and not merely for somebody; KeyUse.Bound says it of each.
	Bound bool

	// Text reports whether every signature that counts is a signature of text (RFC 9580,
	// Section 5.2.1.2). Payload then is the text as it was signed, and every line of it
	// ends with CR and LF. Text is always false in JOSE.
	Text bool

	// Header holds the authenticated header parameters that are neither
	// algorithms nor key references: the protected ones of the JWS (of the
	// JWE, if there is no JWS), or the notations of the first OpenPGP
	// signature that counts. Values are as encoding/json decodes them.
	Header map[string]any `json:"-"`

	// Content is the algorithm that encrypted the payload, as the format
	// names it: "A256GCM", "AES-256/OCB".
	Content string

	// Addressed are the keys that the message names as recipients. A key that we have is
	// listed by its ID, any other key as the message spells it. The list shows which of
	// our keys the partner encrypts to. Nobody has signed them.
	Addressed []keyset.ID

	// Unknown are the signers that the message names and whose keys we do not have, as
	// the message spells them. The list shows that the partner signs with a key that it
	// has not handed over. Nobody has signed them.
	Unknown []keyset.ID

	// PostQuantum contains Signing if at least one signature of Signers is post-quantum.
	// It contains Encryption if the message names all its recipients, and if each of them
	// is a post-quantum key of ours. Whoever carried the message could add recipients and
	// take recipients away: PostQuantum is about what was received, not about what was
	// sent.
	PostQuantum keyset.Use

	// Opened is when Open finished, by the clock of the envelope.
	Opened time.Time

	// Waived lists the waivers without which the message would have been
	// rejected.
	Waived []Waiver
}

// Format implements [fmt.Formatter], without payload and header, for the
// message and for a copy of its value.
func (m Message) Format(f fmt.State, verb rune) {
	fmt.Fprintf(f, "%s message of %d bytes, signed by %v, decrypted by %s, opened %s",
		m.SealedAs, len(m.Payload), ids(m.Signers), m.Decrypter.ID, m.Opened.UTC().Format(time.RFC3339))
}

// LogValue implements [slog.LogValuer], without payload and header.
func (m Message) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("format", string(m.SealedAs)),
		slog.Int("size", len(m.Payload)),
		slog.Any("decrypter", m.Decrypter),
		group("signers", m.Signers),
		group("ignored", m.Ignored),
		slog.Bool("bound", m.Bound),
		slog.Bool("text", m.Text),
		slog.String("content", m.Content),
		slog.Time("opened", m.Opened),
	}
	if len(m.Addressed) != 0 {
		attrs = append(attrs, slog.Any("addressed", m.Addressed))
	}
	if len(m.Unknown) != 0 {
		attrs = append(attrs, slog.Any("unknown", m.Unknown))
	}
	if len(m.Waived) != 0 {
		attrs = append(attrs, slog.Any("waived", m.Waived))
	}
	return slog.GroupValue(attrs...)
}

// SignedBy reports whether a signature by the key counts. If a message is signed inside
// and outside of the encryption, only the signatures inside are looked at.
func (m *Message) SignedBy(id keyset.ID) bool {
	inner, signed := false, false
	for _, u := range m.Signers {
		if u.Layer == Inner && !inner {
			inner, signed = true, false
		}
		signed = signed || u.ID == id && (u.Layer == Inner || !inner)
	}
	return signed
}

// A Layer is where a signature stands.
type Layer uint8

const (
	Inner Layer = iota // inside of what is encrypted, by somebody who knew the payload
	Outer              // around it, by somebody who need not have known the payload
)

// String returns "inner" or "outer".
func (l Layer) String() string {
	switch l {
	case Inner:
		return "inner"
	case Outer:
		return "outer"
	}
	return fmt.Sprintf("layer %d", uint8(l))
}

// A KeyUse says which key did something, and in which state it was.
type KeyUse struct {
	ID        keyset.ID
	Subkey    keyset.ID // the OpenPGP subkey, if one was used
	Own       bool      // our key, not the partner's
	Use       keyset.Use
	State     keyset.State
	Algorithm string    // as the format names it: "RSA-OAEP-256", "Ed25519/SHA-512"
	Time      time.Time // of a signature, as claimed by the signer; otherwise zero
	Layer     Layer     // where a signature stands

	// PostQuantum reports whether the algorithm holds against a quantum computer as well.
	PostQuantum bool

	// Bound reports whether the signer meant the message for us: by an OpenPGP
	// Intended Recipient Fingerprint, or by the names of both parties in JOSE.
	Bound bool

	// Digest names what was signed. It is a SHA-256 over the key and the exact bytes that
	// were signed, or over the key and their hash where the algorithm signs a hash. It
	// stays the same if the message is encrypted anew or written in another encoding.
	// Seal numbers its messages unless Bare is set, so that two messages with one payload
	// have different digests. A signer that only dates its messages makes one digest for
	// two messages with the same payload in the same second: put a number into the
	// payload there.
	Digest [32]byte
}

// String returns the key, its use, its state, and the algorithm on one line.
func (u KeyUse) String() string {
	side := "partner's"
	if u.Own {
		side = "our"
	}
	id := u.ID
	if u.Subkey != "" {
		id += "/" + u.Subkey
	}
	return fmt.Sprintf("%s %s key %s (%s, %s)", side, u.State, id, u.Use, u.Algorithm)
}

// LogValue implements [slog.LogValuer].
func (u KeyUse) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("id", string(u.ID))}
	if u.Subkey != "" {
		attrs = append(attrs, slog.String("subkey", string(u.Subkey)))
	}
	attrs = append(attrs,
		slog.Bool("own", u.Own),
		slog.String("use", u.Use.String()),
		slog.String("state", u.State.String()),
		slog.String("algorithm", u.Algorithm))
	if u.PostQuantum {
		attrs = append(attrs, slog.Bool("post_quantum", true))
	}
	if !u.Time.IsZero() {
		attrs = append(attrs, slog.Time("time", u.Time))
	}
	if u.Layer != Inner {
		attrs = append(attrs, slog.String("layer", u.Layer.String()))
	}
	if u.Bound {
		attrs = append(attrs, slog.Bool("bound", true))
	}
	if u.Digest != [32]byte{} {
		attrs = append(attrs, slog.String("digest", fmt.Sprintf("%x", u.Digest)))
	}
	return slog.GroupValue(attrs...)
}

// Format the IDs alone: %v of a list of uses in a line of text.
func ids(uses []KeyUse) []keyset.ID {
	out := make([]keyset.ID, len(uses))
	for i, u := range uses {
		out[i] = u.ID
	}
	return out
}

// group is a list of uses as slog shows it: slog resolves no LogValuer inside
// a slice, so each use becomes a group named by its place.
func group(name string, uses []KeyUse) slog.Attr {
	attrs := make([]slog.Attr, len(uses))
	for i, u := range uses {
		attrs[i] = slog.Any(fmt.Sprint(i), u)
	}
	return slog.Attr{Key: name, Value: slog.GroupValue(attrs...)}
}

var (
	_ fmt.Formatter  = Message{}
	_ slog.LogValuer = Message{}
	_ slog.LogValuer = KeyUse{}
)
