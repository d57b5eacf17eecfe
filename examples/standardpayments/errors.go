package standardpayments

import (
	"fmt"
	"net/http"

	"github.com/sealwax/sealwax/envelope"
)

// A Code is the errorResponseCode of an [Error].
type Code string

const (
	InvalidPayloadSignature    Code = "INVALID_PAYLOAD_SIGNATURE"      // unknown or inactive signing key
	InvalidPayloadEncryption   Code = "INVALID_PAYLOAD_ENCRYPTION"     // unknown or inactive encryption key
	RequestTimestampOutOfRange Code = "REQUEST_TIMESTAMP_OUT_OF_RANGE" // more than a minute from now
	InvalidDecryptedRequest    Code = "INVALID_DECRYPTED_REQUEST"      // decrypts, and does not parse
	InvalidIdentifier          Code = "INVALID_IDENTIFIER"             // names something that there is not
	IdempotencyViolation       Code = "IDEMPOTENCY_VIOLATION"          // the requestId of another request
)

// statuses are those that the family advises.
var statuses = map[Code]int{
	InvalidPayloadSignature:    http.StatusUnauthorized,
	InvalidPayloadEncryption:   http.StatusBadRequest,
	RequestTimestampOutOfRange: http.StatusBadRequest,
	InvalidDecryptedRequest:    http.StatusBadRequest,
	InvalidIdentifier:          http.StatusNotFound,
	IdempotencyViolation:       http.StatusPreconditionFailed,
}

// Status returns the HTTP status that the family advises for the code, and 400 for a code
// that this package does not know.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusBadRequest
}

// An Error is an ErrorResponse: a request that was understood, and that is not done. A
// method returns one, and a [Client] gets one. That a transaction is declined is no error:
// it is a reply, with the status 200.
type Error struct {
	Reply
	Code        Code   `json:"errorResponseCode,omitempty"`
	Description string `json:"errorDescription,omitempty"` // for people
}

// Error returns the code. The description is not in it: the partner may have put into it
// what was decrypted.
func (e *Error) Error() string { return fmt.Sprintf("standardpayments: %.64q", e.Code) }

// Rejections says how a handler answers what it cannot open.
type Rejections uint8

const (
	// Quiet answers all of it with 404 and an empty body, as the network does. A stranger
	// learns nothing, and the partner not which of the keys is unknown to us.
	Quiet Rejections = iota

	// Advised answers with the status that the family advises, and an empty body: 401 for a
	// signature, 400 for what cannot be decrypted. The two tell a stranger whether a key of
	// ours decrypted what he sent. What was not decrypted has one status, whatever the
	// reason: no key of ours, a revoked key of ours, damaged, no message at all.
	Advised
)

// reject returns the code and the status for a reason for which Open rejects.
func (r Rejections) reject(reason envelope.Reason) (Code, int) {
	code := codeOf(reason)
	if r == Quiet {
		return code, http.StatusNotFound
	}
	return code, code.Status()
}

// codeOf is the code for a reason. Whatever is not known to be about a signature is about
// the encryption: the two must not be told apart by mistake.
func codeOf(reason envelope.Reason) Code {
	switch reason {
	case envelope.Unsigned, envelope.UnknownSigner, envelope.RevokedSigner, envelope.BadSignature,
		envelope.OutOfTime, envelope.Misdirected, envelope.Replayed:
		return InvalidPayloadSignature
	case envelope.Malformed, envelope.TooLarge, envelope.Forbidden,
		envelope.NotForUs, envelope.RevokedRecipient, envelope.Corrupt:
		return InvalidPayloadEncryption
	}
	return InvalidPayloadEncryption
}
