package strangers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/examples/sealctl/strangers"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
)

// A message is what the network sends, and the status that is right for it. With one of the
// faults the status is another.
type message struct {
	name   string
	body   []byte
	status int
	wrong  map[string]int
}

// A stage is a network, and the folders of an endpoint that knows its keys.
type stage struct {
	network   envelope.Envelope
	own, peer string
	messages  []message
	algorithm string // of a signature in a reply
	content   string
	signers   int  // of a reply
	addressed int  // of a reply
	quiet     bool // what does not open is answered with 404, whatever is wrong
}

// told is how an endpoint answers, which tells why by its status or does not.
func (s *stage) told(status int) int {
	if s.quiet && (status == http.StatusBadRequest || status == http.StatusUnauthorized) {
		return http.StatusNotFound
	}
	return status
}

func echoAt(t testing.TB, at time.Time) string {
	raw, err := json.Marshal(&payments.EchoRequest{ClientMessage: "hello", Request: payments.Request{
		RequestHeader: payments.RequestHeader{RequestID: "1", RequestTimestamp: payments.Timestamp{Time: at}},
	}})
	require.NoError(t, err)
	return string(raw)
}

// lax are requests that a strict parser refuses, and a refusal of what is too late.
func lax(t testing.TB) map[string]string {
	right := echoAt(t, time.Now())
	all := map[string]string{
		"member twice":         strings.Replace(right, `{"requestHeader"`, `{"clientMessage":"a","requestHeader"`, 1),
		"member twice, nested": strings.Replace(right, `"major":`, `"major":2,"major":`, 1),
		"member twice, escape": strings.Replace(right, `{"requestHeader"`, `{"client\u004dessage":"a","requestHeader"`, 1),
		"comment":              strings.Replace(right, `{`, `{/* */`, 1),
		"trailing comma":       strings.TrimSuffix(right, "}") + ",}",
		"byte order mark":      "\ufeff" + right,
		"NaN":                  strings.Replace(right, `{`, `{"a":NaN,`, 1),
		"single quotes":        strings.ReplaceAll(right, `"`, `'`),
		"trailing data":        right + "{}",
		"not UTF-8":            strings.Replace(right, "hello", "\xff", 1),
		"half a pair":          strings.Replace(right, "hello", `\ud800`, 1),
		"wrong type":           strings.Replace(right, `"hello"`, "1", 1),
		"missing member":       strings.Replace(right, `"requestId":"1",`, "", 1),
		"null":                 "null",
		"nothing":              "",
	}
	for _, text := range all {
		require.NotEqual(t, right, text)
	}
	return all
}

func post(t testing.TB, url, contentType string, body []byte) (int, string, http.Header) {
	response, err := http.Post(url, contentType, bytes.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(raw), response.Header
}

func TestStrangers(t *testing.T) {
	if testing.Short() {
		t.Skip("programs of others are run for a minute")
	}
	for _, tt := range []struct {
		name   strangers.Stranger
		stage  func(testing.TB) *stage
		faults []string
	}{
		{strangers.OpenPGPJS, openPGP, []string{"first-key", "first-signature", "expired-signer", "text"}},
		{strangers.GnuPG, openPGP, []string{"first-key", "first-signature", "expired-signer", "text"}},
		{strangers.Jose, jose, []string{"first-key", "kid-required", "expired-signer", "text"}},
	} {
		t.Run(string(tt.name), func(t *testing.T) {
			// Made anew for each: the messages are a minute from being too old.
			stage := func(t *testing.T) *stage {
				s := tt.stage(t)
				s.quiet = tt.name == strangers.GnuPG
				return s
			}
			s := stage(t)
			strangers.Start(t, tt.name, s.own, s.peer, "") // or it is not here, and nothing is shown
			t.Run("right", func(t *testing.T) { s.right(t, strangers.Start(t, tt.name, s.own, s.peer, "")) })
			shown := 0
			for _, fault := range tt.faults {
				t.Run(fault, func(t *testing.T) {
					s := stage(t)
					shown += s.wrong(t, fault, strangers.Start(t, tt.name, s.own, s.peer, fault))
				})
			}
			assert.Equal(t, len(tt.faults), shown, "faults that showed")
		})
	}
}

// right holds an endpoint without a mistake to all that the echo asks for.
func (s *stage) right(t *testing.T, url string) {
	contentType := s.network.ContentType()
	for _, m := range s.messages {
		status, body, head := post(t, url, contentType, m.body)
		if !assert.Equal(t, s.told(m.status), status, m.name) || status != http.StatusOK {
			assert.Empty(t, body, m.name)
			continue
		}
		assert.Equal(t, contentType, head.Get("Content-Type"), m.name)
		reply, err := s.network.Open(t.Context(), []byte(body))
		require.NoError(t, err, m.name)
		assert.Len(t, reply.Signers, s.signers)
		for _, signer := range reply.Signers {
			assert.Equal(t, s.algorithm, signer.Algorithm)
		}
		assert.Empty(t, reply.Unknown)
		assert.Equal(t, s.content, reply.Content)
		assert.Len(t, reply.Addressed, s.addressed)
		assert.Contains(t, string(reply.Payload), "hello")
	}
	client := &payments.Client{Envelope: s.network, URL: url}
	echo, err := client.Echo(t.Context(), "Ünï\u2028\"\\")
	require.NoError(t, err)
	assert.Equal(t, "a stranger", echo.ServerMessage)

	for name, text := range lax(t) {
		s.refuses(t, url, name, text, payments.InvalidDecryptedRequest)
	}
	for _, off := range []time.Duration{-61 * time.Second, 61 * time.Second} {
		s.refuses(t, url, off.String(), echoAt(t, time.Now().Add(off)), payments.RequestTimestampOutOfRange)
	}

	status, body, _ := post(t, url, contentType, bytes.Repeat([]byte("A"), 1<<20+1))
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	assert.Empty(t, body)
	status, _, _ = post(t, url, "application/json", s.messages[0].body)
	assert.Equal(t, http.StatusUnsupportedMediaType, status)
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

// refuses asks for a sealed error with a code.
func (s *stage) refuses(t *testing.T, url, name, text string, code payments.Code) {
	sealed, err := s.network.Seal(t.Context(), []byte(text))
	require.NoError(t, err)
	status, body, _ := post(t, url, s.network.ContentType(), sealed)
	assert.Equal(t, http.StatusBadRequest, status, name)
	reply, err := s.network.Open(t.Context(), []byte(body))
	if assert.NoError(t, err, name) {
		var refusal payments.Error
		require.NoError(t, payments.Decode(reply.Payload, &refusal, payments.RefuseUnknown))
		assert.Equal(t, code, refusal.Code, name)
	}
}

// wrong returns 1 if the fault shows as it should, and nothing else does.
func (s *stage) wrong(t *testing.T, fault, url string) (shown int) {
	for i, m := range s.messages {
		status, affected := m.wrong[fault]
		if !affected {
			status = m.status
			if i > 1 {
				continue // the first shows that it answers, the second that it refuses
			}
		}
		got, body, _ := post(t, url, s.network.ContentType(), m.body)
		assert.Equal(t, s.told(status), got, m.name)
		if fault == "text" && got != http.StatusOK {
			assert.NotEmpty(t, body, m.name)
			shown = 1
		}
		if affected {
			shown = 1
		}
	}
	return shown
}

// A request in a body that is neither: what a program answers to anything tells nothing.
func TestStrangerIsNoFake(t *testing.T) {
	s := jose(t)
	url := strangers.Start(t, strangers.Jose, s.own, t.TempDir(), "") // it knows nobody
	_, err := (&payments.Client{Envelope: s.network, URL: url}).Echo(t.Context(), "hello")
	status, ok := errors.AsType[*payments.StatusError](err)
	require.True(t, ok, err)
	assert.Equal(t, http.StatusUnauthorized, status.Status)
}
