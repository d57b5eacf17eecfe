package telemetry

import (
	"context"
	"errors"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// What a call came to.
const (
	done     = "done"
	rejected = "rejected" // the message is at fault
	failed   = "failed"   // we are
)

// rejections are the reasons that this module gives. An [envelope.Envelope] of somebody
// else may give others, which count as "other".
var rejections = []envelope.Reason{
	envelope.Malformed, envelope.TooLarge, envelope.Forbidden, envelope.NotForUs, envelope.Corrupt, envelope.Unsigned,
	envelope.UnknownSigner, envelope.RevokedSigner, envelope.RevokedRecipient, envelope.BadSignature, envelope.OutOfTime,
	envelope.Misdirected, envelope.Replayed, other,
}

const other = "other"

// failures are why a call fails without any message being at fault. The first that fits
// counts: a caller that hangs up also interrupts the key service, which then says that it
// is not available. Whoever sends requests can hang up, so that no alert looks at "canceled".
var failures = []struct {
	reason string
	err    error // nil fits always
}{
	{"canceled", context.Canceled},
	{"no_key", envelope.ErrNoKey},
	{"unavailable", keyset.ErrUnavailable},
	{"deadline", context.DeadlineExceeded},
	{"error", nil},
}

// outcome returns what an error of Seal or Open means, and why, as values of labels.
func outcome(err error) (outcome, reason string) {
	if err == nil {
		return done, ""
	}
	if rejection, ok := errors.AsType[*envelope.OpenError](err); ok {
		if slices.Contains(rejections, rejection.Reason) {
			return rejected, string(rejection.Reason)
		}
		return rejected, other
	}
	for _, f := range failures {
		if f.err == nil || errors.Is(err, f.err) {
			return failed, f.reason
		}
	}
	return failed, other
}

// named are the keys of an event, ours or not.
func named(e envelope.Event) []keyset.ID {
	if rejection, ok := errors.AsType[*envelope.OpenError](e.Err); ok {
		return rejection.Keys
	}
	var ids []keyset.ID
	for _, use := range e.Keys {
		ids = append(ids, use.ID)
	}
	return ids
}
