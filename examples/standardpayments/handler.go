package standardpayments

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// defaultMaxBody limits bodies, in bytes.
const defaultMaxBody = 1 << 20

// A Config configures a handler. Envelope is required.
type Config struct {
	Envelope   envelope.Envelope
	Rejections Rejections
	Unknown    UnknownMembers

	// MaxBody limits the body of a request, in bytes. If zero, it is 1 MiB.
	MaxBody int64

	// Log learns why a request was refused, which the sender does not. If nil, it is
	// [slog.Default].
	Log *slog.Logger

	// Now returns the current time. If nil, it is [time.Now].
	Now func() time.Time
}

// A requester is a pointer to a struct that embeds [Request], a replier one that embeds
// [Reply].
type (
	requester[Q any] interface {
		*Q
		request() *Request
	}
	replier[R any] interface {
		*R
		reply() *Reply
	}
)

// NewHandler serves a method: it opens each request, decodes it by [Decode], holds its
// timestamp against the clock, calls the method, and seals what that returns. The method
// returns an [*Error] for a request that it refuses, and any other error for a fault of
// ours: 503 if the error wraps [keyset.ErrUnavailable], otherwise 500.
//
// The handler is safe for concurrent use if the method is. A request comes again with the
// same RequestID if its reply was lost: the method acts on it once, and answers it again.
func NewHandler[Q, R any, PQ requester[Q], PR replier[R]](c Config, method func(context.Context, *Q) (*R, error)) http.Handler {
	e := &endpoint{c}
	e.c.MaxBody = cmp.Or(c.MaxBody, defaultMaxBody)
	e.c.Log = cmp.Or(c.Log, slog.Default())
	if e.c.Now == nil {
		e.c.Now = time.Now
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, status, err := e.open(w, r)
		if err != nil {
			e.refuse(w, r, status, err)
			return
		}
		request := PQ(new(Q))
		if err := Decode(m.Payload, request, c.Unknown); err != nil {
			e.fail(w, r, err, &Error{Code: InvalidDecryptedRequest, Description: "not the JSON that was agreed"})
			return
		}
		request.request().Message = m
		if !request.request().RequestHeader.RequestTimestamp.fresh(e.c.Now()) {
			e.fail(w, r, errStaleRequest, &Error{Code: RequestTimestampOutOfRange, Description: "more than 60 seconds from now"})
			return
		}
		reply, err := method(r.Context(), (*Q)(request))
		if err == nil && reply == nil {
			err = errors.New("the method returned neither a reply nor an error")
		}
		if refusal, ok := errors.AsType[*Error](err); ok {
			copied := *refusal
			e.fail(w, r, err, &copied)
			return
		}
		if err != nil {
			e.refuse(w, r, outage(err), err)
			return
		}
		copied := *reply
		e.answer(w, r, http.StatusOK, PR(&copied))
	})
}

var errStaleRequest = errors.New("standardpayments: the timestamp of the request is out of range")

// An endpoint is what the handlers of all methods do.
type endpoint struct{ c Config }

// open returns the message of a request, or the status with which it is refused.
func (e *endpoint) open(w http.ResponseWriter, r *http.Request) (*envelope.Message, int, error) {
	body, status, err := e.read(w, r)
	if err != nil {
		if e.c.Rejections == Quiet {
			status = http.StatusNotFound
		}
		return nil, status, err
	}
	m, err := e.c.Envelope.Open(r.Context(), body)
	if errors.Is(err, envelope.ErrRejected) {
		_, status := e.c.Rejections.reject(reason(err))
		return nil, status, err
	}
	return m, http.StatusServiceUnavailable, err
}

// read returns the body of a request, or the status that is advised for what stands
// against it. No key has a part in that.
func (e *endpoint) read(w http.ResponseWriter, r *http.Request) ([]byte, int, error) {
	if r.Method != http.MethodPost {
		return nil, http.StatusMethodNotAllowed, errors.New("not a POST")
	}
	if !sameType(r.Header.Get("Content-Type"), e.c.Envelope.ContentType()) {
		return nil, http.StatusUnsupportedMediaType, errors.New("another content type than the envelope has")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, e.c.MaxBody))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, http.StatusRequestEntityTooLarge, err
	}
	return body, http.StatusBadRequest, err
}

// sameType reports whether the media types are the same. A charset may be missing.
func sameType(got, want string) bool {
	gotType, gotParameters, err := mime.ParseMediaType(got)
	wantType, wantParameters, _ := mime.ParseMediaType(want)
	charset, ok := gotParameters["charset"]
	return err == nil && gotType == wantType && (!ok || strings.EqualFold(charset, wantParameters["charset"]))
}

// refuse answers with an empty body, and logs why.
func (e *endpoint) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	level := slog.LevelWarn
	attrs := []slog.Attr{slog.Int("status", status), envelope.LogAttr(err)}
	if errors.Is(err, envelope.ErrRejected) {
		attrs = append(attrs, slog.String("code", string(codeOf(reason(err)))))
	} else if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	e.c.Log.LogAttrs(r.Context(), level, "request refused", attrs...)
	w.WriteHeader(status)
}

// fail answers a partner whose signature was verified with a sealed error, and logs why.
func (e *endpoint) fail(w http.ResponseWriter, r *http.Request, why error, answer *Error) {
	e.c.Log.LogAttrs(r.Context(), slog.LevelWarn, "request refused", slog.String("code", string(answer.Code)), envelope.LogAttr(why))
	e.answer(w, r, answer.Code.Status(), answer)
}

// answer seals a reply of now.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request, status int, reply interface{ reply() *Reply }) {
	reply.reply().ResponseHeader.ResponseTimestamp = Timestamp{e.c.Now()}
	payload, err := json.Marshal(reply)
	if err != nil {
		e.refuse(w, r, http.StatusInternalServerError, errors.New("the reply of the method has no JSON")) // err can hold it
		return
	}
	sealed, err := e.c.Envelope.Seal(r.Context(), payload)
	if err != nil {
		e.refuse(w, r, outage(err), err)
		return
	}
	w.Header().Set("Content-Type", e.c.Envelope.ContentType())
	w.WriteHeader(status)
	_, _ = w.Write(sealed)
}

// outage is the status for an error of ours. The partner may send the request again after
// a 503, even if it was acted on: it comes with the same RequestID.
func outage(err error) int {
	if errors.Is(err, keyset.ErrUnavailable) {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// reason is why Open rejected a message; empty if an envelope does not say.
func reason(err error) envelope.Reason {
	if rejected, ok := errors.AsType[*envelope.OpenError](err); ok {
		return rejected.Reason
	}
	return ""
}
