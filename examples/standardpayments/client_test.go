package standardpayments_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/keyset"
)

func TestEchoInBothFormats(t *testing.T) {
	for format, p := range pairs(t) {
		t.Run(format, func(t *testing.T) {
			server := httptest.NewServer(payments.NewHandler(payments.Config{Envelope: p.partner}, payments.Echo("partner 1.4")))
			defer server.Close()
			client := &payments.Client{Envelope: p.network, URL: server.URL}
			reply, err := client.Echo(t.Context(), "hello")
			require.NoError(t, err)
			assert.Equal(t, "hello", reply.ClientMessage)
			assert.Equal(t, "partner 1.4", reply.ServerMessage)

			// Whose keys the partner does not know gets what the network would answer.
			client.Envelope = pairs(t)[map[string]string{"OpenPGP": "JOSE", "JOSE": "OpenPGP"}[format]].network
			_, err = client.Echo(t.Context(), "hello")
			assert.ErrorIs(t, err, payments.ErrNotKnown)
		})
	}
}

// A replier answers each attempt in its turn, and keeps the headers of the requests.
type replier struct {
	t       *testing.T
	mu      sync.Mutex
	replies []func(w http.ResponseWriter)
	headers []payments.RequestHeader
}

func (r *replier) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	assert.NoError(r.t, err)
	var echo payments.EchoRequest
	assert.NoError(r.t, payments.Decode(body, &echo, payments.RefuseUnknown))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, echo.RequestHeader)
	r.replies[len(r.headers)-1](w)
}

func status(code int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func hangUp(http.ResponseWriter) { panic(http.ErrAbortHandler) }

const (
	right   = `{"responseHeader":{"responseTimestamp":"1795867200000"},"clientMessage":"hello","later":1}`
	refusal = `{"responseHeader":{"responseTimestamp":"1795867200000"},"errorResponseCode":"INVALID_IDENTIFIER","errorDescription":"no such card"}`
)

func call(t *testing.T, e envelope.Envelope, replies ...func(http.ResponseWriter)) (*payments.EchoReply, []payments.RequestHeader, error) {
	r := &replier{t: t, replies: replies}
	server := httptest.NewServer(r)
	defer server.Close()
	ticks := noon
	clock := func() time.Time { ticks = ticks.Add(time.Millisecond); return ticks }
	client := &payments.Client{Envelope: e, URL: server.URL, HTTP: server.Client(), Attempts: 3, Pause: time.Nanosecond, Now: clock}
	reply, err := client.Echo(t.Context(), "hello")
	r.mu.Lock()
	defer r.mu.Unlock()
	return reply, r.headers, err
}

// The reply to the first attempt was lost, the second found the partner down: the third is
// the same request, of now.
func TestRetry(t *testing.T) {
	reply, headers, err := call(t, plain{}, hangUp, status(503, ""), status(200, right))
	require.NoError(t, err)
	assert.Equal(t, "hello", reply.ClientMessage)
	require.Len(t, headers, 3)
	assert.NotEmpty(t, headers[0].RequestID)
	for _, h := range headers[1:] {
		assert.Equal(t, headers[0].RequestID, h.RequestID)
		assert.Equal(t, payments.ProtocolVersion{Major: 1}, h.ProtocolVersion)
	}
	assert.True(t, headers[0].RequestTimestamp.Before(headers[1].RequestTimestamp.Time))
	assert.True(t, headers[1].RequestTimestamp.Before(headers[2].RequestTimestamp.Time))

	_, headers, err = call(t, plain{}, status(500, ""), status(500, ""), status(500, ""))
	assert.Equal(t, &payments.StatusError{Status: 500}, err)
	assert.Len(t, headers, 3)
	_, headers, err = call(t, plain{}, hangUp, hangUp, hangUp)
	assert.Len(t, headers, 3)
	_, ok := errors.AsType[*url.Error](err)
	assert.True(t, ok, err)
}

// What another attempt cannot mend is not tried again.
func TestWhatTheClientUnderstands(t *testing.T) {
	rejecting := plain{open: envelope.Reject(envelope.UnknownSigner, nil)}
	for name, tt := range map[string]struct {
		e      plain
		answer func(http.ResponseWriter)
		want   error
	}{
		"not known":              {plain{}, status(404, ""), payments.ErrNotKnown},
		"404 of somebody else":   {rejecting, status(404, "<html>"), &payments.StatusError{Status: 404}},
		"a redirect":             {rejecting, func(w http.ResponseWriter) { w.Header().Set("Location", "/b"); w.WriteHeader(307) }, &payments.StatusError{Status: 307}},
		"an unsigned refusal":    {rejecting, status(401, ""), &payments.StatusError{Status: 401}},
		"a reply that is forged": {rejecting, status(200, right), envelope.ErrRejected},
		"our key service":        {plain{open: keyset.ErrUnavailable}, status(400, "x"), keyset.ErrUnavailable},
		"a stale reply":          {plain{}, status(200, strings.Replace(right, "17958672", "17958671", 1)), payments.ErrStaleReply},
		"a stale refusal":        {plain{}, status(404, strings.Replace(refusal, "17958672", "17958671", 1)), payments.ErrStaleReply},
		"another reply":          {plain{}, status(200, strings.Replace(right, "hello", "other", 1)), payments.ErrOtherReply},
		"a lax reply":            {plain{}, status(200, right+"x"), payments.ErrJSON},
		"a refusal under 200":    {plain{}, status(200, refusal), payments.ErrJSON},
	} {
		t.Run(name, func(t *testing.T) {
			_, headers, err := call(t, tt.e, tt.answer)
			assert.Len(t, headers, 1)
			if wanted, ok := tt.want.(*payments.StatusError); ok {
				assert.Equal(t, wanted, err)
				return
			}
			assert.ErrorIs(t, err, tt.want)
		})
	}
	_, _, err := call(t, plain{}, status(404, refusal))
	signed, ok := errors.AsType[*payments.Error](err)
	require.True(t, ok, err)
	assert.Equal(t, payments.InvalidIdentifier, signed.Code)
	assert.Equal(t, "no such card", signed.Description)
	assert.Contains(t, (&payments.StatusError{Status: 401}).Error(), "401")

	_, _, err = call(t, plain{}, status(200, strings.Repeat(" ", 2<<20)))
	assert.ErrorContains(t, err, "larger than 1048576 bytes")
	_, headers, err := call(t, plain{seal: envelope.ErrNoKey})
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	assert.Empty(t, headers)
}

func TestCallLeavesTheQuestionAlone(t *testing.T) {
	server := httptest.NewServer(payments.NewHandler(payments.Config{Envelope: plain{}, Now: at(noon)}, payments.Echo("")))
	defer server.Close()
	client := &payments.Client{Envelope: plain{}, URL: server.URL, Now: at(noon)}
	question := &payments.EchoRequest{ClientMessage: "a"}
	question.RequestHeader.RequestID = "mine"
	before, err := json.Marshal(question)
	require.NoError(t, err)
	_, err = payments.Call[payments.EchoReply](t.Context(), client, question)
	require.NoError(t, err)
	after, err := json.Marshal(question)
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client.Attempts = 1000
	_, err = client.Echo(ctx, "a")
	assert.ErrorIs(t, err, context.Canceled)
	client.URL = ":"
	_, err = client.Echo(t.Context(), "a")
	assert.ErrorContains(t, err, "parse")
}
