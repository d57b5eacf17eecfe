package published_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/examples/published"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A cache answers as the web does: with what it has until that is too old.
type cache struct {
	origin http.Handler
	answer *httptest.ResponseRecorder
	until  time.Time
	asked  int
}

func (c *cache) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.answer == nil || time.Now().After(c.until) {
		c.asked++
		c.answer = httptest.NewRecorder()
		c.origin.ServeHTTP(c.answer, r)
		_, age, _ := strings.Cut(c.answer.Header().Get("Cache-Control"), "max-age=")
		age, _, _ = strings.Cut(age, ",")
		seconds, _ := strconv.Atoi(age)
		c.until = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	again := *c.answer
	again.Body = bytes.NewBuffer(c.answer.Body.Bytes())
	return again.Result(), nil
}

// A story is a shop that fetches the keys of a bank.
type story struct {
	t        *testing.T
	bank     *keyset.Ring // its own keys
	web      *cache
	manifest string
	shop     *keyset.Ring // the bank's keys, as a server of the shop has them
	shopOwn  *jwe.Key
	policy   keyset.PublicationPolicy
}

func key(t *testing.T, name string, a jwe.Algorithm) *jwe.Key {
	k, err := jwe.GenerateKey(name, a)
	require.NoError(t, err)
	return k
}

const maxAge = time.Hour

func begin(t *testing.T, kid string) *story {
	first := key(t, kid, jwe.ES256)
	set, err := keyset.New(1, keyset.Key{Material: first, State: keyset.Active})
	require.NoError(t, err)
	s := &story{t: t, bank: keyset.NewRing(set), manifest: filepath.Join(t.TempDir(), "bank.json"), shop: new(keyset.Ring), shopOwn: key(t, "shop", jwe.ECDHESA256KW)}
	s.web = &cache{origin: &published.Publisher{Own: s.bank, MaxAge: maxAge}}
	// The first key was compared with the bank, and installed by hand.
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(s.manifest), "first.jwk"), []byte(write(t, first)), 0o600))
	trusted, err := keyset.New(1, keyset.Key{Material: first.Public(), State: keyset.Active, Source: "file:first.jwk"})
	require.NoError(t, err)
	require.NoError(t, trusted.Manifest().WriteFile(s.manifest))
	s.fetch()
	return s
}

func write(t *testing.T, k *jwe.Key) string {
	var b strings.Builder
	require.NoError(t, k.WritePublicJWK(&b))
	return b.String()
}

// store is where the shop keeps the bank's keys.
func (s *story) store() keyset.Store {
	root, err := os.OpenRoot(filepath.Dir(s.manifest))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = root.Close() })
	return keyset.File(root, filepath.Base(s.manifest))
}

// fetch fetches, and lets the server of the shop follow what was written.
func (s *story) fetch() keyset.PublicationOutcome {
	s.t.Helper()
	open := published.Opener(os.DirFS(filepath.Dir(s.manifest)))
	o, err := published.Fetch(s.t.Context(), &http.Client{Transport: s.web}, "https://bank.example/keys", s.store(), open, s.policy, keyset.SingleProcess())
	require.NoError(s.t, err)
	f, err := os.Open(s.manifest)
	require.NoError(s.t, err)
	defer f.Close()
	m, err := keyset.ReadManifest(f)
	require.NoError(s.t, err)
	_, err = s.shop.Reload(s.t.Context(), m, open)
	require.NoError(s.t, err)
	return o
}

// send seals an order at the bank, and returns why the shop refuses it.
func (s *story) send() envelope.Reason {
	s.t.Helper()
	peer, err := keyset.New(1, keyset.Key{Material: s.shopOwn.Public(), State: keyset.Active})
	require.NoError(s.t, err)
	own, err := keyset.New(1, keyset.Key{Material: s.shopOwn, State: keyset.Active})
	require.NoError(s.t, err)
	bank, err := jwe.New(jwe.Config{Own: s.bank, Peer: peer})
	require.NoError(s.t, err)
	shop, err := jwe.New(jwe.Config{Own: own, Peer: s.shop})
	require.NoError(s.t, err)
	sealed, err := bank.Seal(context.Background(), []byte("order"))
	require.NoError(s.t, err)
	if _, err = shop.Open(context.Background(), sealed); err == nil {
		return ""
	}
	var refused *envelope.OpenError
	require.ErrorAs(s.t, err, &refused)
	return refused.Reason
}

// The bank publishes a new key under the same kid, waits for as long as caches live, and
// signs with it. No message is lost.
func TestOneKidForAllKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t, "bank")
		publisher := &published.Publisher{Own: s.bank, MaxAge: maxAge}
		next := key(t, "bank", jwe.ES256)
		old := s.bank.Load()
		require.NoError(t, s.bank.Add(t.Context(), next, "file:next.jwk"))
		id := next.Info().ID
		assert.ErrorContains(t, publisher.Promote(s.bank, id), "caches without it live for 1h0m0s more")
		assert.Empty(t, s.send())
		assert.False(t, s.fetch().Changed(), "the cache has the old set")

		time.Sleep(maxAge + time.Second)
		o := s.fetch()
		assert.Equal(t, []keyset.ID{id}, o.Added, "two keys with one kid")
		require.NoError(t, publisher.Promote(s.bank, id))
		assert.Empty(t, s.send(), "signed with the new key, which is pending at the shop")
		for k := range old.All() {
			require.NoError(t, s.bank.Retire(k.ID()))
		}
		assert.Empty(t, s.send())

		// A server that starts now needs neither the bank nor the web.
		asked := s.web.asked
		s.shop = new(keyset.Ring)
		f, err := os.Open(s.manifest)
		require.NoError(t, err)
		defer f.Close()
		m, err := keyset.ReadManifest(f)
		require.NoError(t, err)
		_, err = s.shop.Reload(t.Context(), m, published.Opener(os.DirFS(filepath.Dir(s.manifest))))
		require.NoError(t, err)
		assert.Empty(t, s.send())
		assert.Equal(t, asked, s.web.asked)
	})
}

// The bank replaces its key at once. Nothing that the shop knows is published any more:
// a person must look, and the report says what happens until then.
func TestTheOldKeyIsGoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t, "bank")
		next := key(t, "bank-2", jwe.ES256)
		set, err := keyset.New(9, keyset.Key{Material: next, State: keyset.Active})
		require.NoError(t, err)
		s.bank = keyset.NewRing(set)
		s.web.origin = &published.Publisher{Own: s.bank, MaxAge: maxAge}
		time.Sleep(2 * maxAge)

		id := next.Info().ID
		o := s.fetch()
		assert.False(t, o.Changed())
		require.Len(t, o.Refused, 1)
		assert.ErrorIs(t, o.Refused[0].Err, keyset.ErrUnconfirmed)
		assert.ErrorContains(t, o.Refused[0].Err, "rejected as unknown_signer until a person has compared its ID")
		assert.Len(t, o.Vanished, 1)
		assert.Equal(t, envelope.UnknownSigner, s.send(), "as the report says")

		s.policy.Confirmed = []keyset.ID{id} // compared on the telephone
		o = s.fetch()
		assert.Equal(t, []keyset.ID{id}, o.Added)
		assert.Empty(t, s.send())
		assert.Len(t, o.Vanished, 1, "the old key stays, for what is under way")
	})
}

func TestPublisher(t *testing.T) {
	s := begin(t, "bank")
	get := func(method, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/keys", nil)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		w := httptest.NewRecorder()
		s.web.origin.ServeHTTP(w, r)
		return w
	}
	w := get(http.MethodGet, "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "application/jwk-set+json", w.Header().Get("Content-Type"))
	assert.Equal(t, "public, max-age=3600, must-revalidate", w.Header().Get("Cache-Control"))
	assert.NotContains(t, w.Body.String(), `"d"`, "no private half")
	etag := w.Header().Get("ETag")
	assert.Equal(t, http.StatusNotModified, get(http.MethodGet, etag).Code)
	require.NoError(t, s.bank.Add(t.Context(), key(t, "next", jwe.ES256), ""))
	w = get(http.MethodGet, etag)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.NotEqual(t, etag, w.Header().Get("ETag"))
	assert.Equal(t, http.StatusMethodNotAllowed, get(http.MethodPost, "").Code)

	s.web.origin = http.NotFoundHandler()
	s.web.answer = nil
	_, err := published.Fetch(t.Context(), &http.Client{Transport: s.web}, "https://bank.example/keys", s.store(),
		published.Opener(os.DirFS(filepath.Dir(s.manifest))), s.policy)
	assert.ErrorContains(t, err, "Not Found")
}

// Signing before the caches have the key loses messages: that is what Promote waits for.
func TestSigningTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t, "bank")
		next := key(t, "next", jwe.ES256)
		for old := range s.bank.Load().All() {
			require.NoError(t, s.bank.Add(t.Context(), next, ""))
			require.NoError(t, s.bank.Acknowledge(next.Info().ID, "nobody has shown it"))
			require.NoError(t, s.bank.Promote(next.Info().ID))
			require.NoError(t, s.bank.Retire(old.ID()))
		}
		s.fetch()
		assert.Equal(t, envelope.UnknownSigner, s.send())
		time.Sleep(maxAge + time.Second)
		s.fetch()
		assert.Empty(t, s.send())
	})
}
