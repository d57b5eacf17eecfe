package envelope

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/sealwax/sealwax/internal/text"
	"github.com/sealwax/sealwax/keyset"
)

var (
	// ErrRejected is wrapped by every [*OpenError].
	ErrRejected = errors.New("envelope: message rejected")

	// ErrNoKey is wrapped by the error of Seal if a party has no active,
	// valid key for a use.
	ErrNoKey = errors.New("envelope: no key to seal with")
)

// What an OpenError keeps of what a stranger supplied.
const (
	maxCause = 512 // bytes
	maxID    = 128 // bytes
	maxKeys  = 32
)

// An OpenError reports that a message, not this program, is at fault.
//
// Error returns the same text for every OpenError, so that it can be shown to
// anyone. The fields, LogValue, and [Reject]'s cause are for the operator and
// must not reach the sender: they tell a forged message from a garbled one.
type OpenError struct {
	Reason Reason
	Keys   []keyset.ID // the keys that were tried, or that the message names

	cause error
}

// Format implements [fmt.Formatter]: every verb prints the text of
// [ErrRejected], whether for the error or for a copy of its value.
func (e OpenError) Format(f fmt.State, verb rune) { fmt.Fprint(f, ErrRejected.Error()) }

// Error returns the text of [ErrRejected].
func (e *OpenError) Error() string { return ErrRejected.Error() }

// GoString returns the same text as Error, so that %#v reveals nothing either.
func (e OpenError) GoString() string { return ErrRejected.Error() }

// MarshalText returns the same text as Error, so that an error in a JSON reply
// reveals nothing either, be it the error or a copy of its value.
func (e OpenError) MarshalText() ([]byte, error) { return []byte(ErrRejected.Error()), nil }

// Unwrap returns [ErrRejected], and not the cause: no chain of wrapping makes
// the text of the cause appear.
func (e *OpenError) Unwrap() error { return ErrRejected }

// Cause returns the underlying error. It may be nil. Its text holds nothing that
// was decrypted, and quotes and cuts what the message supplied.
func (e *OpenError) Cause() error { return e.cause }

// LogValue implements [slog.LogValuer] with the reason, the keys, and the
// cause. It applies when the error is logged as an attribute by itself, not
// when it has been wrapped; see [LogAttr].
func (e *OpenError) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	attrs := []slog.Attr{slog.String("reason", string(e.Reason))}
	if len(e.Keys) != 0 {
		attrs = append(attrs, slog.Any("keys", e.Keys))
	}
	if e.cause != nil {
		attrs = append(attrs, slog.String("cause", e.cause.Error()))
	}
	return slog.GroupValue(attrs...)
}

// LogAttr returns an attribute "err" with the reason, the keys, and the cause of
// the OpenError that err is or wraps, and with the text of any other error. Use
// it where an error may have been wrapped on its way. A nil error gives the
// zero Attr, which handlers leave out.
func LogAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	if oe, ok := errors.AsType[*OpenError](err); ok {
		return slog.Attr{Key: "err", Value: oe.LogValue()}
	}
	return slog.String("err", err.Error())
}

// Reject returns an [*OpenError]. It is for implementations of [Envelope]. At
// most 32 keys of 128 bytes and 512 bytes of the text of the cause are kept;
// what does not print is quoted.
func Reject(reason Reason, cause error, keys ...keyset.ID) error {
	var named []keyset.ID
	for _, id := range keys[:min(len(keys), maxKeys)] {
		named = append(named, keyset.ID(text.Cut(string(id), maxID)))
	}
	if cause != nil {
		if s := text.Cut(cause.Error(), maxCause); s != cause.Error() {
			cause = &cutError{s, cause}
		}
	}
	return &OpenError{reason, named, cause}
}

// A cutError is a cause whose text was too long or did not print.
type cutError struct {
	text  string
	whole error
}

func (e *cutError) Error() string { return e.text }
func (e *cutError) Unwrap() error { return e.whole }

// A Reason is why a message was rejected. Its text is stable and fit for a
// metric label.
type Reason string

const (
	Malformed        Reason = "malformed"         // not a message of the format
	TooLarge         Reason = "too_large"         // exceeds a size limit, perhaps after decompression
	Forbidden        Reason = "forbidden"         // uses an algorithm that is not allowed
	NotForUs         Reason = "not_for_us"        // no key of ours decrypts it
	Corrupt          Reason = "corrupt"           // decrypts, but is not intact
	Unsigned         Reason = "unsigned"          // carries no signature
	UnknownSigner    Reason = "unknown_signer"    // signed only by keys we do not have
	RevokedSigner    Reason = "revoked_signer"    // signed only by revoked keys
	RevokedRecipient Reason = "revoked_recipient" // encrypted only to revoked keys of ours
	BadSignature     Reason = "bad_signature"     // a trusted key's signature does not verify
	OutOfTime        Reason = "out_of_time"       // signed outside the key's validity, or too long ago
	Misdirected      Reason = "misdirected"       // signed for somebody else, in another context, or by ourselves
	Replayed         Reason = "replayed"          // accepted before
)
