package standardpayments

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/sealwax/sealwax/envelope"
)

// A ProtocolVersion is the version of the protocol that a request speaks.
type ProtocolVersion struct {
	Major    int `json:"major"`
	Minor    int `json:"minor"`
	Revision int `json:"revision"`
}

// A RequestHeader begins every request. The RequestID stays the same when a request is sent
// again, so that it is acted on once; the RequestTimestamp is that of the attempt.
type RequestHeader struct {
	ProtocolVersion  ProtocolVersion `json:"protocolVersion"`
	RequestID        string          `json:"requestId"`
	RequestTimestamp Timestamp       `json:"requestTimestamp"`
}

// A ResponseHeader begins every reply.
type ResponseHeader struct {
	ResponseTimestamp Timestamp `json:"responseTimestamp"`
}

// A Request is embedded by the requests of a method. Message is how the request was
// opened: who signed it, and with which of our keys it was decrypted. The handler sets it.
type Request struct {
	RequestHeader RequestHeader     `json:"requestHeader"`
	Message       *envelope.Message `json:"-"`
}

func (r *Request) request() *Request { return r }

// A Reply is embedded by the replies of a method. Whoever sends it sets the timestamp.
type Reply struct {
	ResponseHeader ResponseHeader `json:"responseHeader"`
}

func (r *Reply) reply() *Reply { return r }

// A Timestamp is a time that is written as a string of milliseconds since 1970.
type Timestamp struct{ time.Time }

// MarshalJSON implements [json.Marshaler].
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatInt(t.UnixMilli(), 10))
}

// UnmarshalJSON implements [json.Unmarshaler]. It refuses a number, a sign, and leading
// zeros, so that a time has one spelling.
func (t *Timestamp) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return errTimestamp
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || strconv.FormatInt(ms, 10) != text {
		return errTimestamp
	}
	t.Time = time.UnixMilli(ms)
	return nil
}

var errTimestamp = errors.New("a timestamp is a string of milliseconds")

// maxOff is how far a timestamp may be from now, in either direction.
const maxOff = time.Minute

// fresh reports whether the timestamp is at most maxOff from now.
func (t Timestamp) fresh(now time.Time) bool { return now.Sub(t.Time).Abs() <= maxOff }
