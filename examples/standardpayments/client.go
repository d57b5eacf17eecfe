package standardpayments

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sealwax/sealwax/envelope"
)

var (
	// ErrNotKnown is returned for 404 with an empty body, which is how the network answers
	// three things alike: the partner is unknown to it, the key that we signed with is, or
	// the key that we encrypted to is not its own.
	ErrNotKnown = errors.New("standardpayments: 404 with an empty body: the partner, our signing key, or the encryption key is unknown to the other side")

	// ErrStaleReply is returned if the timestamp of a reply is more than 60 seconds from now:
	// our clock is wrong, theirs is, or the reply was recorded.
	ErrStaleReply = errors.New("standardpayments: the timestamp of the reply is out of range")

	// ErrOtherReply is returned by [Client.Echo] for a reply to another request.
	ErrOtherReply = errors.New("standardpayments: the reply is to another request")
)

// A StatusError is an answer without a sealed body, which nobody has signed.
type StatusError struct{ Status int }

// Error returns the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("standardpayments: status %d without a sealed body", e.Status)
}

// A Client calls methods of the other side. Envelope and URL are required. It is safe for
// concurrent use.
type Client struct {
	Envelope envelope.Envelope
	URL      string

	// HTTP sends the requests. If nil, it is [http.DefaultClient]. Redirects are never
	// followed: nobody has signed them.
	HTTP *http.Client

	Version ProtocolVersion // 1.0.0 if zero

	// Attempts is how often a request is sent at most, with Pause in between: once if zero,
	// and 10 seconds. It is sent again if there was no answer, or a status of 500 or more.
	// Each attempt is sealed anew, with a new timestamp and the same RequestID.
	Attempts int
	Pause    time.Duration

	MaxBody int64            // limits replies, in bytes; 1 MiB if zero
	Now     func() time.Time // if nil, time.Now
}

// Call sends a request and returns the reply. The client fills in the header of the request,
// of which the caller may choose the RequestID; otherwise it is random. The question itself
// is not changed.
//
// The error is [ErrNotKnown], [ErrStaleReply], an [*Error] of the other side that it has
// signed, or a [*StatusError]. It wraps [ErrJSON] for a reply that does not parse,
// [envelope.ErrRejected] for one that does not open, and otherwise the error of the
// transport or of Seal. Unknown members of a reply are ignored.
func Call[R, Q any, PQ requester[Q], PR replier[R]](ctx context.Context, c *Client, question *Q) (*R, error) {
	copied := *question
	header := &PQ(&copied).request().RequestHeader
	header.ProtocolVersion = cmp.Or(c.Version, ProtocolVersion{Major: 1})
	header.RequestID = cmp.Or(header.RequestID, rand.Text())
	for attempt := 1; ; attempt++ {
		header.RequestTimestamp = Timestamp{c.now()}
		reply := PR(new(R))
		err := c.once(ctx, &copied, reply)
		if err == nil {
			return (*R)(reply), nil
		}
		if attempt >= c.Attempts || !again(err) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(cmp.Or(c.Pause, 10*time.Second)):
		}
	}
}

// A noAnswer is an error of the transport.
type noAnswer struct{ error }

func (e noAnswer) Unwrap() error { return e.error }

func again(err error) bool {
	if _, ok := errors.AsType[noAnswer](err); ok {
		return true
	}
	status, ok := errors.AsType[*StatusError](err)
	return ok && status.Status >= http.StatusInternalServerError
}

// once sends the request, and reads the reply into what reply points to.
func (c *Client) once(ctx context.Context, question any, reply interface{ reply() *Reply }) error {
	payload, err := json.Marshal(question)
	if err != nil {
		return err
	}
	sealed, err := c.Envelope.Seal(ctx, payload)
	if err != nil {
		return err
	}
	status, body, err := c.post(ctx, sealed)
	if err != nil {
		return err
	}
	switch {
	case len(body) == 0 && status == http.StatusNotFound:
		return ErrNotKnown
	case len(body) == 0 && status != http.StatusOK:
		return &StatusError{status}
	}
	m, err := c.Envelope.Open(ctx, body)
	var refusal *Error
	if status != http.StatusOK {
		if errors.Is(err, envelope.ErrRejected) {
			return &StatusError{status}
		}
		refusal = new(Error)
		reply = refusal
	}
	if err != nil {
		return err
	}
	if err := Decode(m.Payload, reply, IgnoreUnknown); err != nil {
		return err
	}
	if !reply.reply().ResponseHeader.ResponseTimestamp.fresh(c.now()) {
		return ErrStaleReply
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

func (c *Client) post(ctx context.Context, sealed []byte) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(sealed))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", c.Envelope.ContentType())
	client := *cmp.Or(c.HTTP, http.DefaultClient)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, noAnswer{err}
	}
	defer response.Body.Close()
	limit := cmp.Or(c.MaxBody, defaultMaxBody)
	body, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return 0, nil, noAnswer{err}
	}
	if int64(len(body)) > limit {
		return 0, nil, fmt.Errorf("standardpayments: the reply is larger than %d bytes", limit)
	}
	return response.StatusCode, body, nil
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
