package standardpayments_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/keyset"
)

const contentType = "application/test; charset=utf-8"

// Every reason of package envelope has a status and a code here. The list is that of the
// record of the API, so that nobody adds a reason without a choice.
func TestEveryReason(t *testing.T) {
	want := map[string]int{ // in the advised mode
		"Unsigned": 401, "UnknownSigner": 401, "RevokedSigner": 401, "BadSignature": 401,
		"OutOfTime": 401, "Misdirected": 401, "Replayed": 401,
		"Malformed": 400, "TooLarge": 400, "Forbidden": 400, "NotForUs": 400, "RevokedRecipient": 400, "Corrupt": 400,
	}
	codes := map[int]payments.Code{401: payments.InvalidPayloadSignature, 400: payments.InvalidPayloadEncryption}
	api, err := os.ReadFile("../../api/envelope.txt")
	require.NoError(t, err)
	reasons := regexp.MustCompile(`(?m)^\t(\w+) +Reason += "(\w+)"$`).FindAllStringSubmatch(string(api), -1)
	require.NotEmpty(t, reasons)
	heads := map[int]http.Header{}
	for _, r := range reasons {
		name, reason := r[1], envelope.Reason(r[2])
		t.Run(name, func(t *testing.T) {
			require.Contains(t, want, name)
			for mode, status := range map[payments.Rejections]int{payments.Quiet: 404, payments.Advised: want[name]} {
				var log journal
				rejecting := plain{open: envelope.Reject(reason, errors.New("CAUSE"), "KEY")}
				w := post(payments.NewHandler(payments.Config{Envelope: rejecting, Rejections: mode, Log: log.logger()}, payments.Echo("")), contentType, "x")
				assert.Equal(t, status, w.Code)
				assert.Empty(t, w.Body.String())
				if heads[status] == nil {
					heads[status] = w.Header()
				}
				assert.Equal(t, heads[status], w.Header(), "no header tells two reasons apart")
				assert.Contains(t, log.String(), r[2])
				assert.Contains(t, log.String(), codes[want[name]])
			}
		})
	}
	assert.Len(t, reasons, len(want))

	w := post(payments.NewHandler(payments.Config{Envelope: plain{open: envelope.ErrRejected}, Rejections: payments.Advised}, payments.Echo("")), contentType, "x")
	assert.Equal(t, 400, w.Code, "an envelope that gives no reason")
}

// What can be seen without a key has a status of its own only where that is advised.
func TestWhatNoKeyHasAPartIn(t *testing.T) {
	request := func(method, contentType string, size int) *http.Request {
		r := httptest.NewRequest(method, "/echo", strings.NewReader(strings.Repeat("x", size)))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	broken := request(http.MethodPost, contentType, 1)
	for name, tt := range map[string]struct {
		r       func() *http.Request
		advised int
	}{
		"get":                  {func() *http.Request { return request(http.MethodGet, contentType, 1) }, 405},
		"put":                  {func() *http.Request { return request(http.MethodPut, contentType, 1) }, 405},
		"no content type":      {func() *http.Request { return request(http.MethodPost, "", 1) }, 415},
		"another content type": {func() *http.Request { return request(http.MethodPost, "application/json", 1) }, 415},
		"another charset":      {func() *http.Request { return request(http.MethodPost, "application/test; charset=latin1", 1) }, 415},
		"too long":             {func() *http.Request { return request(http.MethodPost, contentType, 101) }, 413},
		"a body that breaks off": {func() *http.Request {
			r := broken.Clone(t.Context())
			r.Body = http.MaxBytesReader(nil, brokenBody{}, 1)
			return r
		}, 400},
	} {
		for mode, status := range map[payments.Rejections]int{payments.Quiet: 404, payments.Advised: tt.advised} {
			w := httptest.NewRecorder()
			var log journal
			payments.NewHandler(payments.Config{Envelope: plain{}, Rejections: mode, MaxBody: 100, Log: log.logger()}, never(t)).ServeHTTP(w, tt.r())
			assert.Equal(t, status, w.Code, name)
			assert.Empty(t, w.Body.String(), name)
			assert.NotEmpty(t, log.String(), name)
		}
	}
	for _, same := range []string{"application/test", "Application/Test; Charset=UTF-8"} {
		w := post(payments.NewHandler(payments.Config{Envelope: plain{}, Now: at(noon)}, payments.Echo("")), same, echoAt(noon))
		assert.Equal(t, 200, w.Code, same)
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("reset") }
func (brokenBody) Close() error             { return nil }

// never is a method that must not be called.
func never(t *testing.T) func(context.Context, *payments.EchoRequest) (*payments.EchoReply, error) {
	return func(context.Context, *payments.EchoRequest) (*payments.EchoReply, error) {
		t.Error("the method was called")
		return new(payments.EchoReply), nil
	}
}

// A minute is a minute, to the millisecond.
func TestTimestamp(t *testing.T) {
	for off, status := range map[time.Duration]int{
		0: 200, time.Minute: 200, -time.Minute: 200,
		time.Minute + time.Millisecond: 400, -time.Minute - time.Millisecond: 400, 61 * time.Second: 400, -61 * time.Second: 400,
		1e6 * time.Hour: 400,
	} {
		w := post(payments.NewHandler(payments.Config{Envelope: plain{}, Now: at(noon)}, payments.Echo("")), contentType, echoAt(noon.Add(off)))
		assert.Equal(t, status, w.Code, off)
		if status != 200 {
			assert.JSONEq(t, `{"responseHeader":{"responseTimestamp":"1795867200000"},"errorResponseCode":"REQUEST_TIMESTAMP_OUT_OF_RANGE",
				"errorDescription":"more than 60 seconds from now"}`, w.Body.String(), off)
		}
	}
	for _, spelling := range []string{`1795867200000`, `"01795867200000"`, `"+1795867200000"`, `"-1"`, `""`, `"1.7e12"`, `"99999999999999999999"`, `null`, `{}`} {
		body := strings.Replace(echoAt(noon), `"1795867200000"`, spelling, 1)
		w := post(payments.NewHandler(payments.Config{Envelope: plain{}, Now: at(noon)}, never(t)), contentType, body)
		assert.Equal(t, 400, w.Code, spelling)
		assert.Contains(t, w.Body.String(), "INVALID_DECRYPTED_REQUEST", spelling)
	}
}

func TestUnknownMembers(t *testing.T) {
	body := strings.Replace(echoAt(noon), `{`, `{"later":{"a":1},`, 1)
	for policy, status := range map[payments.UnknownMembers]int{payments.IgnoreUnknown: 200, payments.RefuseUnknown: 400} {
		w := post(payments.NewHandler(payments.Config{Envelope: plain{}, Now: at(noon), Unknown: policy}, payments.Echo("")), contentType, body)
		assert.Equal(t, status, w.Code)
	}
}

// The errors of a method are those of the code. What is no Error is a fault of ours.
func TestErrorsOfTheMethod(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		sealed string
	}{
		{&payments.Error{Code: payments.InvalidIdentifier, Description: "no such card"}, 404, "INVALID_IDENTIFIER"},
		{fmt.Errorf("wrapped: %w", &payments.Error{Code: payments.IdempotencyViolation}), 412, "IDEMPOTENCY_VIOLATION"},
		{&payments.Error{Code: "NEW"}, 400, "NEW"},
		{errors.New("database"), 500, ""},
		{fmt.Errorf("an HSM: %w", keyset.ErrUnavailable), 503, ""},
		{nil, 500, ""}, // and no reply either
	} {
		failing := func(_ context.Context, r *payments.EchoRequest) (*payments.EchoReply, error) {
			assert.NotNil(t, r.Message)
			return nil, tt.err
		}
		w := post(payments.NewHandler(payments.Config{Envelope: plain{}, Now: at(noon)}, failing), contentType, echoAt(noon))
		assert.Equal(t, tt.status, w.Code)
		assert.Equal(t, tt.sealed == "", w.Body.Len() == 0)
		assert.Contains(t, w.Body.String(), tt.sealed)
	}
	kept := &payments.Error{Code: "KEPT"}
	post(payments.NewHandler(payments.Config{Envelope: plain{}, Now: at(noon)},
		func(context.Context, *payments.EchoRequest) (*payments.EchoReply, error) { return nil, kept }), contentType, echoAt(noon))
	assert.Zero(t, kept.ResponseHeader, "what the method returned is its own")
	assert.NotContains(t, (&payments.Error{Code: "A", Description: "4111 1111"}).Error(), "4111")
}

// Our outages are 503, and 500 where sending it again would not help.
func TestOurOutages(t *testing.T) {
	down := fmt.Errorf("an HSM: %w", keyset.ErrUnavailable)
	for name, tt := range map[string]struct {
		e      plain
		body   string
		status int
	}{
		"open":                   {plain{open: down}, "", 503},
		"seal":                   {plain{seal: down}, echoAt(noon), 503},
		"seal an error":          {plain{seal: down}, "{}", 503},
		"no key to seal with":    {plain{seal: envelope.ErrNoKey}, echoAt(noon), 500},
		"the client has gone":    {plain{open: context.Canceled}, "", 503},
		"a reply without a JSON": {plain{}, echoAt(noon), 500},
	} {
		var log journal
		c := payments.Config{Envelope: tt.e, Now: at(noon), Log: log.logger()}
		h := payments.NewHandler(c, payments.Echo(""))
		if name == "a reply without a JSON" {
			h = payments.NewHandler(c, func(context.Context, *payments.EchoRequest) (*odd, error) { return &odd{Channel: make(chan int)}, nil })
		}
		w := post(h, contentType, tt.body)
		assert.Equal(t, tt.status, w.Code, name)
		assert.Empty(t, w.Body.String(), name)
		assert.Contains(t, log.String(), "ERROR", name)
	}
}

// odd is a reply that cannot be JSON.
type odd struct {
	payments.Reply
	Channel chan int
}
