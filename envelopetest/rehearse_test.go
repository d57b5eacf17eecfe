package envelopetest_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	sealedhttp "github.com/sealwax/sealwax/examples/http"
	"github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func setOf(t testing.TB, keys ...keyset.Material) *keyset.Set {
	var all []keyset.Key
	for _, k := range keys {
		all = append(all, keyset.Key{Material: k, State: keyset.Active})
	}
	s, err := keyset.New(1, all...)
	require.NoError(t, err)
	return s
}

// serving returns what Rehearse asks, from a handler of HTTP.
func serving(h http.Handler, contentType string) func([]byte) ([]byte, int) {
	return func(body []byte) ([]byte, int) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Body.Bytes(), w.Code
	}
}

// An echo of the Standard Payments family, in OpenPGP, is ready for its launch.
func TestRehearse_standardPayments(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole rehearsal")
	}
	key := func(n int) keyset.Material {
		k, err := pgp.ReadKey(bytes.NewReader(envelopetest.OpenPGPKey(t, n)))
		require.NoError(t, err)
		return k
	}
	own := setOf(t, key(0), key(1))
	envelopetest.Rehearse(t, own, nil, func(network *keyset.Set) func([]byte) ([]byte, int) {
		e, err := pgp.New(pgp.Config{Own: own, Peer: network, MaxAge: 5 * time.Minute, Replays: envelope.NewMemory(1000), Waive: []envelope.Waiver{pgp.InsecureForgetfulStart("the test begins and ends at once")}})
		require.NoError(t, err)
		return serving(standardpayments.NewHandler(standardpayments.Config{Envelope: e}, standardpayments.Echo("here")), e.ContentType())
	})
}

// The handler of the README, in JOSE, holds all that does not need the protocol of the echo.
func TestRehearse_anotherProtocol(t *testing.T) {
	key := func(kid string, alg jwe.Algorithm) keyset.Material {
		k, err := jwe.GenerateKey(kid, alg)
		require.NoError(t, err)
		return k
	}
	own := setOf(t, key("sign", jwe.ES256), key("open-old", jwe.ECDHESA256KW), key("open-new", jwe.ECDHESA256KW))
	envelopetest.Rehearse(t, own, []byte(`{"amount":"12.50"}`), func(network *keyset.Set) func([]byte) ([]byte, int) {
		e, err := jwe.New(jwe.Config{Own: own, Peer: network})
		require.NoError(t, err)
		return serving(sealedhttp.Handler(e, func(_ context.Context, m *envelope.Message) []byte { return m.Payload }), e.ContentType())
	})
}
