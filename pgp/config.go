package pgp

import (
	"errors"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/scratch"
	"github.com/sealwax/sealwax/keyset"
)

// A Config configures an [Envelope]. Own and Peer are required; the zero value
// of every other field is the recommended setting. New copies the Config.
type Config struct {
	// Own holds our private keys, which sign and decrypt, and Peer the public
	// keys of the partner, which verify and encrypt. Give the [keyset.Ring]
	// itself, as in Own: ring. Own: ring.Load() would freeze the keys as they are
	// now, so that no rotation and no revocation ever reached the envelope.
	//
	// A ring that is still empty is accepted. Until it has read its first
	// manifest, Seal returns [envelope.ErrNoKey], and Open an error that wraps
	// [keyset.ErrUnavailable].
	Own, Peer keyset.Source

	// AlsoTo are further recipients, such as an archive. They can read what
	// is sealed. Their signatures are not accepted.
	AlsoTo []keyset.Source

	// Encoding is the outer encoding of what Seal returns. Open recognizes
	// and accepts all of them.
	Encoding Encoding

	// MaxSize limits payloads, in bytes, and in Open and OpenTo the messages that
	// carry them. If zero, the limit is 32 MiB for Seal and Open, and 4 GiB for
	// SealTo and OpenTo.
	MaxSize int64

	// MaxAge rejects messages whose signatures are all older. It is at least one
	// second, or zero: then age is not limited. In any case a signature that is
	// dated further in the future than Skew does not count, nor one by a key that
	// expired, or was superseded, more than a day ago, whatever date it claims.
	//
	// Whoever opens messages from a queue that waited longer than that sets
	// Now to return the time of receipt.
	MaxAge time.Duration

	// Skew is how far the clock of the partner may differ from ours: between one
	// second and one hour, or five minutes if zero.
	Skew time.Duration

	// Replays, if not nil, remembers what was accepted, and a message that was
	// accepted before is rejected as [envelope.Replayed], however it was encrypted
	// and spelled anew. It is asked last, when everything else about a message holds;
	// OpenTo asks it before it writes the first byte of the payload. It needs MaxAge, and
	// a signature on every message. [envelope.NewMemory] makes one for a single process,
	// and package envelope/valkey one for many; each partner needs its own.
	//
	// If the memory cannot be asked, is full, or began after the message was made,
	// Open or OpenTo returns an error that wraps [keyset.ErrUnavailable], and no payload:
	// the sender has to seal anew, as after any other error of ours. What is sent
	// once more as it was is refused if it was accepted the first time.
	//
	// A message is remembered until MaxAge and Skew after the date of its latest
	// signature. Now has to follow the clock of the memory: what is given the time of
	// its receipt, and waited longer than that, cannot be remembered.
	Replays envelope.Replays

	// RequireBound makes Open reject messages whose signatures name no
	// intended recipient. Messages that name others are always rejected.
	// GnuPG 2.2 names none.
	RequireBound bool

	// RequirePostQuantum asks for messages that hold against a quantum computer as well.
	// With [keyset.Encryption], Seal encrypts to post-quantum keys alone, and Open rejects
	// messages that named another recipient. With [keyset.Signing], at least one signature
	// that counts has to be post-quantum, in both directions. Seal returns an error that
	// wraps [envelope.ErrNoKey] and names the keys that are not; Open rejects with
	// [envelope.Forbidden]. See [envelope.Message].PostQuantum for what it can say.
	RequirePostQuantum keyset.Use

	// SealContext and OpenContext keep conversations under the same keys
	// apart: an order from a refund, a request from a reply. Seal signs
	// SealContext with each message, in the notation
	// context@sealwax.github.io. If OpenContext is set, Open rejects messages
	// without that notation or with another value. A server's SealContext is
	// its client's OpenContext, and the other way round. Both parties need
	// software that knows the notation.
	SealContext, OpenContext string

	// Waive lists exceptions to the defaults, each with its reason.
	Waive []envelope.Waiver

	// Observe, if not nil, is told about every call.
	Observe envelope.Observer

	// Now returns the current time. If nil, [time.Now] is used.
	Now func() time.Time
}

// An Envelope seals and opens OpenPGP messages. It is safe for concurrent use.
type Envelope struct {
	scratch                  scratch.Pool // what CFB works in
	decoded                  scratch.Pool // small messages
	x                        *exchange.Exchange
	encoding                 Encoding
	maxSize, maxStream       int64
	requireBound             bool
	sealContext, openContext string
	sha1Certificates         bool
}

var _ envelope.Streamer = (*Envelope)(nil)

// New returns an envelope. It returns an error if a source is missing, holds keys
// of another format, or holds public keys where private ones belong or the reverse.
// It returns an error if a setting is out of range, and if a waiver is unknown or
// has no reason. Under GODEBUG=fips140=only it returns one that wraps
// [errors.ErrUnsupported]. It does not require any key to be active yet.
func New(c Config) (*Envelope, error) {
	x, err := exchange.New(exchange.Config{
		Format:  keyset.OpenPGP,
		Own:     c.Own,
		Peer:    c.Peer,
		AlsoTo:  c.AlsoTo,
		MaxAge:  c.MaxAge,
		Skew:    c.Skew,
		Replays: c.Replays,
		Waive:   c.Waive,
		Observe: c.Observe,
		Now:     c.Now,

		PostQuantum: c.RequirePostQuantum,

		Evidence:  waiveEvidence,
		Unsigned:  waiveUnsigned,
		Forgetful: waiveForgetful,
	}, waiveUnsigned, waiveEvidence, waiveForgetful, waiveSHA1Certificates, waiveRSADualUse)
	errs := []error{err, notUnderFIPSOnly()}
	size, stream := int64(defaultMaxSize), int64(defaultMaxStream)
	if c.MaxSize != 0 {
		size, stream = c.MaxSize, c.MaxSize
	}
	if c.MaxSize < 0 || c.MaxSize > maxMaxSize {
		errs = append(errs, fmt.Errorf("MaxSize of %d", c.MaxSize))
	}
	if c.Encoding > Binary {
		errs = append(errs, fmt.Errorf("unknown Encoding %d", c.Encoding))
	}
	if c.RequirePostQuantum&^(keyset.Signing|keyset.Encryption) != 0 {
		errs = append(errs, fmt.Errorf("RequirePostQuantum of %d", c.RequirePostQuantum))
	}
	errs = append(errs, exchange.CheckContexts(c.SealContext, c.OpenContext))
	if err == nil && x.Waived(waiveUnsigned) && (c.RequireBound || c.OpenContext != "" || c.MaxAge != 0 || c.RequirePostQuantum&keyset.Signing != 0) {
		errs = append(errs, errors.New("InsecureUnsigned beside RequireBound, OpenContext, MaxAge, or RequirePostQuantum, which ask something of a signature"))
	}
	if err == nil && x.Waived(waiveEvidence) && !x.Waived(waiveUnsigned) {
		errs = append(errs, errors.New("InsecureUnsignedEvidence without InsecureUnsigned: no message opens without a signature"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("pgp: %w", err)
	}
	return &Envelope{
		x:                x,
		encoding:         c.Encoding,
		maxSize:          size,
		maxStream:        stream,
		requireBound:     c.RequireBound,
		sealContext:      c.SealContext,
		openContext:      c.OpenContext,
		sha1Certificates: x.Waived(waiveSHA1Certificates),
	}, nil
}

// ContentType implements [envelope.Envelope]. It is
// "application/octet-stream; charset=utf-8" for [Base64URL] and [Binary], and
// "application/pgp-encrypted" for [Armor].
func (e *Envelope) ContentType() string {
	if e.encoding == Armor {
		return "application/pgp-encrypted"
	}
	return "application/octet-stream; charset=utf-8"
}
