package standardpayments_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A pair is the envelopes of both sides.
type pair struct{ network, partner envelope.Envelope }

// pairs returns one pair for each format.
func pairs(t testing.TB) map[string]pair {
	set := func(keys ...keyset.Material) *keyset.Set {
		var list []keyset.Key
		for _, k := range keys {
			list = append(list, keyset.Key{Material: k, State: keyset.Active})
		}
		s, err := keyset.New(1, list...)
		require.NoError(t, err)
		return s
	}
	pgpKey := func(n int) *keyset.Set {
		k, err := pgp.ReadKey(bytes.NewReader(envelopetest.OpenPGPKey(t, n)))
		require.NoError(t, err)
		return set(k)
	}
	joseKeys := func(n int) *keyset.Set {
		var keys []keyset.Material
		for i, use := range []keyset.Use{keyset.Signing, keyset.Encryption} {
			k, err := jwe.NewKey(fmt.Sprint("key-", n+i), envelopetest.RSAKey(t, n+i), use)
			require.NoError(t, err)
			keys = append(keys, k)
		}
		return set(keys...)
	}
	openPGP := func(own, peer *keyset.Set) envelope.Envelope {
		e, err := pgp.New(pgp.Config{Own: own, Peer: peer.Public()})
		require.NoError(t, err)
		return e
	}
	jose := func(own, peer *keyset.Set) envelope.Envelope {
		e, err := jwe.New(jwe.Config{Own: own, Peer: peer.Public()})
		require.NoError(t, err)
		return e
	}
	a, b, c, d := pgpKey(0), pgpKey(1), joseKeys(0), joseKeys(2)
	return map[string]pair{"OpenPGP": {openPGP(a, b), openPGP(b, a)}, "JOSE": {jose(c, d), jose(d, c)}}
}

// plain is an envelope that seals nothing, or fails as it is told to.
type plain struct{ open, seal error }

func (p plain) Seal(_ context.Context, payload []byte) ([]byte, error) {
	return bytes.Clone(payload), p.seal
}

func (p plain) Open(_ context.Context, sealed []byte) (*envelope.Message, error) {
	if p.open != nil {
		return nil, p.open
	}
	return &envelope.Message{Payload: bytes.Clone(sealed)}, nil
}

func (p plain) ContentType() string { return "application/test; charset=utf-8" }

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// at returns a clock that stands.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// post sends a body to a handler, as what the envelope says that it is.
func post(h http.Handler, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/echo", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// echoAt is an echo request with a timestamp.
func echoAt(when time.Time) string {
	stamp, _ := payments.Timestamp{Time: when}.MarshalJSON()
	return `{"requestHeader":{"protocolVersion":{"major":1,"minor":0,"revision":0},"requestId":"1",` +
		`"requestTimestamp":` + string(stamp) + `},"clientMessage":"hello"}`
}

// A journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
