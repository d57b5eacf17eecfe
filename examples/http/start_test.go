package sealedhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// stored writes a key file, and a manifest with that key, into dir.
func stored(t *testing.T, dir, name, key string) {
	material, err := pgp.ReadKey(strings.NewReader(key))
	require.NoError(t, err)
	s, err := keyset.New(1, keyset.Key{Material: material, State: keyset.Active, Source: "file:" + name + ".asc"})
	require.NoError(t, err)
	manifest, err := json.Marshal(s.Manifest())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".asc"), []byte(key), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), manifest, 0o600))
}

// A server starts with what the manifests list, and not without them.
func TestStart(t *testing.T) {
	bankPrivate, bankCertificate := keys(t, "Bank <keys@bank.example>")
	shopPrivate, shopCertificate := keys(t, "Shop <keys@shop.example>")
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	paid := func(_ context.Context, m *envelope.Message) []byte { return append([]byte("paid: "), m.Payload...) }
	_, err = sealedhttp.Start(t.Context(), root, log, paid)
	require.Error(t, err)

	stored(t, dir, "own", bankPrivate)
	stored(t, dir, "peer", shopCertificate)
	handler, err := sealedhttp.Start(t.Context(), root, log, paid)
	require.NoError(t, err)
	own, peer, err := sealedhttp.ReadKeys(strings.NewReader(shopPrivate), strings.NewReader(bankCertificate))
	require.NoError(t, err)
	shop, err := pgp.New(pgp.Config{Own: own, Peer: peer})
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	reply, err := sealedhttp.Call(t.Context(), server.Client(), shop, server.URL, []byte("1 EUR"))
	require.NoError(t, err)
	assert.Equal(t, "paid: 1 EUR", string(reply.Payload))
}

// A server that could not reply opens nothing: the partner sends the same request again.
func TestNotReady(t *testing.T) {
	bankOwn, bankPeer, shopOwn, shopPeer := conversation(t)
	bank, err := pgp.New(pgp.Config{Own: bankOwn, Peer: bankPeer, MaxAge: time.Minute, Replays: envelope.NewMemory(10)})
	require.NoError(t, err)
	shop, err := pgp.New(pgp.Config{Own: shopOwn, Peer: shopPeer})
	require.NoError(t, err)
	answered := 0
	handler := sealedhttp.Handler(bank, func(context.Context, *envelope.Message) []byte { answered++; return nil })
	sealed, err := shop.Seal(t.Context(), []byte("order"))
	require.NoError(t, err)
	post := func() int {
		w := httptest.NewRecorder()
		handler(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(sealed)))
		return w.Code
	}
	set := bankPeer.Load()
	for k := range set.All() {
		require.NoError(t, bankPeer.Revoke(k.ID()))
	}
	assert.Equal(t, http.StatusServiceUnavailable, post())
	assert.Zero(t, answered)
}

// Each partner has its own endpoint: what one signs is worth nothing at that of another.
func TestPartners(t *testing.T) {
	envelopes, clients := map[string]envelope.Envelope{}, map[string]envelope.Envelope{}
	for _, name := range []string{"north", "south"} {
		bankOwn, bankPeer, shopOwn, shopPeer := conversation(t)
		var err error
		envelopes[name], err = pgp.New(pgp.Config{Own: bankOwn, Peer: bankPeer})
		require.NoError(t, err)
		clients[name], err = pgp.New(pgp.Config{Own: shopOwn, Peer: shopPeer})
		require.NoError(t, err)
	}
	server := httptest.NewServer(sealedhttp.Partners(envelopes, func(_ context.Context, partner string, _ *envelope.Message) []byte {
		return []byte("hello " + partner)
	}))
	defer server.Close()
	for name, client := range clients {
		reply, err := sealedhttp.Call(t.Context(), server.Client(), client, server.URL+"/"+name+"/orders", []byte("order"))
		require.NoError(t, err, name)
		assert.Equal(t, "hello "+name, string(reply.Payload))
	}
	for path, status := range map[string]int{"/south/orders": http.StatusBadRequest, "/east/orders": http.StatusNotFound} {
		sealed, err := clients["north"].Seal(t.Context(), []byte("order"))
		require.NoError(t, err)
		r, err := server.Client().Post(server.URL+path, "", bytes.NewReader(sealed))
		require.NoError(t, err)
		r.Body.Close()
		assert.Equal(t, status, r.StatusCode, path)
	}
}
