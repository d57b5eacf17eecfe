package sealedhttp_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	sealedhttp "github.com/sealwax/sealwax/examples/http"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// keys returns what a party reads: its private key, and what it hands over.
func keys(t *testing.T, name string) (private, certificate string) {
	k, err := pgp.GenerateKey(name, pgp.Curve25519, time.Hour)
	require.NoError(t, err)
	var p, c bytes.Buffer
	require.NoError(t, k.WriteInsecurePrivateKey(&p))
	require.NoError(t, k.WriteCertificate(&c))
	return p.String(), c.String()
}

// conversation returns the rings of both sides.
func conversation(t *testing.T) (bankOwn, bankPeer, shopOwn, shopPeer *keyset.Ring) {
	bankPrivate, bankCertificate := keys(t, "Bank <keys@bank.example>")
	shopPrivate, shopCertificate := keys(t, "Shop <keys@shop.example>")
	bankOwn, bankPeer, err := sealedhttp.ReadKeys(strings.NewReader(bankPrivate), strings.NewReader(shopCertificate))
	require.NoError(t, err)
	shopOwn, shopPeer, err = sealedhttp.ReadKeys(strings.NewReader(shopPrivate), strings.NewReader(bankCertificate))
	require.NoError(t, err)
	return bankOwn, bankPeer, shopOwn, shopPeer
}

func TestRequestAndReply(t *testing.T) {
	bankOwn, bankPeer, shopOwn, shopPeer := conversation(t)
	bank, err := sealedhttp.Server(bankOwn, bankPeer)
	require.NoError(t, err)
	shop, err := sealedhttp.Client(shopOwn, shopPeer)
	require.NoError(t, err)
	answered := 0
	server := httptest.NewServer(sealedhttp.Handler(bank, func(_ context.Context, m *envelope.Message) []byte {
		answered++
		assert.Len(t, m.Signers, 1)
		return append([]byte("paid: "), m.Payload...)
	}))
	defer server.Close()
	post := func(body []byte) (int, string) {
		w := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}

	reply, err := sealedhttp.Call(t.Context(), server.Client(), shop, server.URL, []byte("12.50 EUR"))
	require.NoError(t, err)
	assert.Equal(t, "paid: 12.50 EUR", string(reply.Payload))
	require.Equal(t, 1, answered)

	// Whatever is wrong with a message, its sender learns the same.
	request, err := shop.Seal(t.Context(), []byte("12.50 EUR"))
	require.NoError(t, err)
	recorded, err := bank.Seal(t.Context(), []byte("paid"))
	require.NoError(t, err)
	strangerOwn, _, _, _ := conversation(t)
	stranger, err := sealedhttp.Client(strangerOwn, shopPeer)
	require.NoError(t, err)
	forged, err := stranger.Seal(t.Context(), []byte("9999 EUR"))
	require.NoError(t, err)
	for name, body := range map[string][]byte{
		"empty": nil, "garbage": []byte("hello"), "cut": request[:len(request)/2], "our reply": recorded, "stranger": forged,
		"changed": bytes.ToUpper(request),
	} {
		status, text := post(body)
		assert.Equal(t, http.StatusBadRequest, status, name)
		assert.Equal(t, envelope.ErrRejected.Error(), text, name)
	}
	status, text := post(make([]byte, 2<<20))
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "cannot read the request", text)
	assert.Equal(t, 1, answered)

	_, err = sealedhttp.Call(t.Context(), server.Client(), stranger, server.URL, []byte("9999 EUR"))
	assert.ErrorContains(t, err, "400")
}

// outage is an envelope whose key service is down, before or after Open.
type outage struct {
	envelope.Envelope
	message *envelope.Message
}

func (o outage) Open(context.Context, []byte) (*envelope.Message, error) {
	if o.message != nil {
		return o.message, nil
	}
	return nil, fmt.Errorf("a hardware module: %w", keyset.ErrUnavailable)
}

func (o outage) Seal(context.Context, []byte) ([]byte, error) {
	return nil, fmt.Errorf("a hardware module: %w", keyset.ErrUnavailable)
}

// What is wrong with us is another status than what is wrong with a message. It
// asks the partner to try again only while nothing has been done.
func TestOurOwnOutage(t *testing.T) {
	answered := 0
	answer := func(context.Context, *envelope.Message) []byte { answered++; return nil }

	w := httptest.NewRecorder()
	sealedhttp.Handler(outage{}, answer)(w, httptest.NewRequest(http.MethodPost, "/", nil))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "try again", strings.TrimSpace(w.Body.String()))
	assert.Zero(t, answered)

	w = httptest.NewRecorder()
	sealedhttp.Handler(outage{message: new(envelope.Message)}, answer)(w, httptest.NewRequest(http.MethodPost, "/", nil))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, "no reply", strings.TrimSpace(w.Body.String()))
	assert.Equal(t, 1, answered)

	_, err := sealedhttp.Call(t.Context(), http.DefaultClient, outage{}, "http://127.0.0.1:0", nil)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
}

func TestReadKeysRefuses(t *testing.T) {
	private, certificate := keys(t, "Bank <keys@bank.example>")
	for _, files := range [][2]string{{"", certificate}, {private, ""}, {"garbage", certificate}} {
		_, _, err := sealedhttp.ReadKeys(strings.NewReader(files[0]), strings.NewReader(files[1]))
		assert.Error(t, err)
	}
	own, peer, err := sealedhttp.ReadKeys(strings.NewReader(certificate), strings.NewReader(private)) // the wrong way round
	require.NoError(t, err)
	_, err = sealedhttp.Server(own, peer)
	assert.ErrorContains(t, err, "Own holds public keys")
}
