package envelope

import (
	"context"
	"io"

	"github.com/sealwax/sealwax/keyset"
)

// An Envelope seals payloads for one partner and opens messages from it.
//
// Implementations are safe for concurrent use. They do not retain payload or
// sealed, and do not modify them. They return as soon as ctx is done if a key
// is remote; local cryptography is not interrupted.
type Envelope interface {
	// Seal returns payload, signed and encrypted.
	//
	// It signs with every active key of ours and encrypts to every active
	// key of the partner, or with and to the most preferred ones where the
	// format carries only one. It returns an error wrapping [ErrNoKey] if
	// there are none, and the error of the key, wrapped, if a key fails. It
	// never returns a message with fewer signatures than keys.
	Seal(ctx context.Context, payload []byte) ([]byte, error)

	// Open returns the message in sealed.
	//
	// It tries every key of ours that opens, the addressed ones first, and
	// accepts the message if at least one signature by a trusted key of the
	// partner counts; see [Message]. A signature by a key of our own never
	// does. It returns an [*OpenError] if the message is at fault, and any
	// other error if we are: a key service that is unavailable, or a context
	// that is done. The returned Message is nil unless the error is nil.
	Open(ctx context.Context, sealed []byte) (*Message, error)

	// ContentType returns the media type of what Seal returns, for whatever
	// carries it: "application/jose; charset=utf-8".
	ContentType() string
}

// A Readier is an [Envelope] that says whether it could seal. Those of packages pgp and jwe
// are Readiers. A server asks before it acts on a request, because a reply that cannot be
// sealed comes too late.
type Readier interface {
	Envelope

	// Ready returns the keys with which Seal would sign and encrypt now, or the error that
	// it would return before it signs: one that wraps [ErrNoKey] if a party has no key to
	// seal with. It asks no key service, is no use of a key, and is not observed. A payload
	// that is too long, or a key service that fails, is told by Seal alone.
	Ready(ctx context.Context) ([]KeyUse, error)
}

// A Streamer is an [Envelope] for payloads that do not fit in memory.
type Streamer interface {
	Envelope

	// SealTo reads payload to its end and writes the message to dst. What
	// has been written is not a message unless SealTo returns nil.
	SealTo(ctx context.Context, dst io.Writer, payload io.Reader) error

	// OpenTo writes the payload of sealed to dst. It reads sealed several times
	// from its current offset to its end: to check that all of it is intact, to
	// verify the signatures, and at last to write the payload. Nothing reaches
	// dst that was not decrypted, intact, and signed. If sealed changes in
	// between, OpenTo stops before the change reaches dst and returns an error;
	// dst then holds the authentic beginning of a payload, to be discarded. An
	// error of sealed is no rejection. The Message has no Payload. ctx is
	// checked while reading, and the keys once more before the payload is
	// written.
	OpenTo(ctx context.Context, dst io.Writer, sealed io.ReadSeeker) (*Message, error)
}

// An Outline is what a message says about itself without being decrypted. It is
// for diagnosis: none of it is authenticated.
type Outline struct {
	Format     keyset.Format
	Encoding   string      // "compact", "json", "base64url", "base64", "armor", "binary"
	Recipients []keyset.ID // as the message spells them, quoted and cut; empty for hidden ones
	Algorithms []string    // of key encryption, one for each recipient
	Content    string      // of content encryption, as in [Message]; may be empty
	Size       int64       // in bytes, without the encoding
}
