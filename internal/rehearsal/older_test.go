package rehearsal_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// older are the keys of an endpoint of the older profile, two of each algorithm that it has.
func older(t testing.TB) map[jwe.Algorithm]*keyset.Set {
	out := map[jwe.Algorithm]*keyset.Set{}
	for _, alg := range []jwe.Algorithm{jwe.RSA1_5, jwe.RSAOAEP} {
		var keys []keyset.Key
		for _, kid := range []string{"open-old", "open-new"} {
			keys = append(keys, keyset.Key{Material: must[*jwe.Key](t)(jwe.GenerateKey(kid, alg)), State: keyset.Active})
		}
		out[alg] = must[*keyset.Set](t)(keyset.New(1, keys...))
	}
	return out
}

// unsigned makes the endpoint one of the older profile.
func unsigned(o option) option {
	more := o.jwe
	o.quiet = true
	o.jwe = func(c *jwe.Config) {
		c.MaxAge, c.Replays = 0, nil
		c.Seal.Content = jwe.A128CBCHS256
		c.Waive = []envelope.Waiver{jwe.InsecureEncryptOnly("a test"), jwe.InsecureRSA1_5("a test"), jwe.InsecureCompression("a test")}
		if more != nil {
			more(c)
		}
	}
	return o
}

// Nobody signs in the older profile: what is rehearsed is that an endpoint decrypts with
// each of its keys, seals to each of the network's, and is no oracle.
func TestOlderProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("a rehearsal against keys that are made for it takes ten seconds")
	}
	for alg, own := range older(t) {
		t.Run(string(alg), func(t *testing.T) {
			network := must[*rehearsal.Network](t)(rehearsal.NewNetwork(own.Public(), rehearsal.StandardPaymentsOlder))
			results := rehearseWith(t, network, own, unsigned(option{}), nil)
			assert.Empty(t, not(results, rehearsal.Held))
			for _, name := range []string{
				"keys/to-each", "keys/no-kid", "keys/compressed", "keys/content-a128cbc-hs256", "keys/content-a256cbc-hs512",
				"rotation/reply-to-first", "rotation/second", "removed/reply-not-to-it", "rotation/emergency", "rotation/reply-to-either", "emergency/reply-not-to-it",
				"invalid/bomb", "invalid/damaged", "invalid/to-stranger", "invalid/truncated", "request/comment", "replies/algorithms",
			} {
				assert.Contains(t, results, name)
			}
			for name, r := range results {
				assert.NotRegexp(t, "/by-|signed|signature|stranger's", name+r.Demand, "nobody signs")
			}
			if alg == jwe.RSA1_5 {
				assert.Contains(t, results["errors/same-for-all-that-does-not-decrypt"].Saw, "8 messages")
			}
		})
	}
}

// rsaKeys are the keys of an endpoint, which makes its mistakes without this module.
func rsaKeys(t testing.TB, own *keyset.Set) (keys []*rsa.PrivateKey) {
	for entry := range own.All() {
		var b bytes.Buffer
		require.NoError(t, entry.Material.(*jwe.Key).WriteInsecurePrivateJWK(&b))
		var read jose.JSONWebKey
		require.NoError(t, read.UnmarshalJSON(b.Bytes()))
		keys = append(keys, read.Key.(*rsa.PrivateKey))
	}
	return keys
}

// asking answers in place of the endpoint where judge says so.
func asking(judge func(parts []string) (status int, text string)) func(http.Handler, envelope.Envelope) http.Handler {
	return answering(func(_ *envelope.Message, _ *envelope.OpenError, body []byte) (int, string) {
		if parts := strings.Split(string(body), "."); len(parts) == 5 {
			return judge(parts)
		}
		return 0, ""
	})
}

func TestMistakesInTheOlderProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("a rehearsal against keys that are made for it takes ten seconds")
	}
	own := older(t)[jwe.RSA1_5]
	network := must[*rehearsal.Network](t)(rehearsal.NewNetwork(own.Public(), rehearsal.StandardPaymentsOlder))
	keys := rsaKeys(t, own)
	unwrapped := func(parts []string) (key []byte, err error) {
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		for _, k := range keys {
			//lint:ignore SA1019 the mistake is what is shown
			if key, err = rsa.DecryptPKCS1v15(rand.Reader, k, raw); err == nil {
				return key, nil
			}
		}
		return nil, err
	}
	headers := func(parts []string) string {
		raw, _ := base64.RawURLEncoding.DecodeString(parts[0])
		return string(raw)
	}
	refusing := func(what string) option {
		return option{around: asking(func(parts []string) (int, string) {
			if strings.Contains(headers(parts), what) {
				return 400, ""
			}
			return 0, ""
		})}
	}
	const oracle = "errors/same-for-all-that-does-not-decrypt"
	var before *keyset.Set
	for name, c := range map[string]struct {
		option
		want []string
	}{
		"a bad padding is told": {option{around: asking(func(parts []string) (int, string) {
			if _, err := unwrapped(parts); err != nil {
				return 400, "decryption error"
			}
			return 0, ""
		})}, []string{oracle}},
		"a key of another length is told": {option{around: asking(func(parts []string) (int, string) {
			if key, err := unwrapped(parts); err == nil && len(key) == 16 {
				return 422, ""
			}
			return 0, ""
		})}, []string{oracle}},
		"the first key only opens": {option{own: only(t, func(n int, _ keyset.Key) bool { return n == 0 })}, []string{"keys/no-kid", "keys/to-each"}},
		"the kid is demanded": {option{around: asking(func(parts []string) (int, string) {
			if !strings.Contains(headers(parts), `"kid":"open-`) {
				return 404, ""
			}
			return 0, ""
		})}, []string{"keys/no-kid", "keys/unknown-kid"}},
		"a bomb goes off":         {option{jwe: func(c *jwe.Config) { c.MaxSize = 64 << 20 }}, []string{"invalid/bomb"}},
		"nothing is decompressed": {refusing(`"zip"`), []string{"keys/compressed"}},
		"one content is known":    {refusing(`"A256CBC-HS512"`), []string{"keys/content-a256cbc-hs512"}},
		"replies are under GCM":   {option{jwe: func(c *jwe.Config) { c.Seal.Content = jwe.A256GCM }}, []string{"replies/algorithms"}},
		"a removed key is sealed to": {option{network: func(s *keyset.Set) *keyset.Set {
			if before == nil {
				before = s
			}
			return before
		}}, []string{"emergency/reply-not-to-it", "removed/reply-not-to-it", "rotation/emergency", "rotation/reply-to-either", "rotation/third"}},
		"requests in the clear are answered": {option{around: func(h http.Handler, e envelope.Envelope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if bytes.HasPrefix(body, []byte("{")) {
					sealed, err := e.Seal(r.Context(), body)
					assert.NoError(t, err)
					_, _ = w.Write(sealed)
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				h.ServeHTTP(w, r)
			})
		}}, []string{"invalid/plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := rehearseWith(t, network, own, unsigned(c.option), func(h *rehearsal.Rehearsal) {
				h.Only = func(name string) bool {
					// The others take long, and are tried by TestOlderProfile.
					return slices.Contains(c.want, name) || name != "errors/timing" && name != "invalid/bomb" && name != "invalid/too-large" && !strings.HasPrefix(name, "request/")
				}
			})
			assert.Equal(t, c.want, failedOf(got))
		})
	}
}

// What a profile does not have is refused before anything is sent.
func TestProfiles(t *testing.T) {
	set := func(k *jwe.Key, err error) *keyset.Set {
		require.NoError(t, err)
		return must[*keyset.Set](t)(keyset.New(1, keyset.Key{Material: k.Public(), State: keyset.Active}))
	}
	openPGP := owns(t)[keyset.OpenPGP].Public()
	ec := set(jwe.GenerateKey("open", jwe.ECDHESA256KW))
	x25519 := set(jwe.ReadKey(strings.NewReader(`{"kty":"OKP","crv":"X25519","use":"enc","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`), keyset.Encryption))
	for _, c := range []struct {
		set     *keyset.Set
		profile rehearsal.Profile
		says    string
	}{
		{ec, "", `there is no profile ""`},
		{ec, "standard-payment", `there is no profile "standard-payment"`},
		{openPGP, rehearsal.StandardPaymentsOlder, "is for JOSE"},
		{ec, rehearsal.StandardPaymentsOlder, "it is no RSA key"},
		{x25519, rehearsal.StandardPayments, "it is for X25519, and a rehearsal cannot encrypt to it"},
	} {
		_, err := rehearsal.NewNetwork(c.set, c.profile)
		assert.ErrorContains(t, err, c.says)
	}
	for _, p := range rehearsal.Profiles() {
		assert.NoError(t, p.Check(keyset.JOSE))
	}
}

// The keys of the older profile are stored without any that sign.
func TestNetworkOfTheOlderProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("a rehearsal against keys that are made for it takes ten seconds")
	}
	own := older(t)[jwe.RSAOAEP]
	n := must[*rehearsal.Network](t)(rehearsal.NewNetwork(own.Public(), rehearsal.StandardPaymentsOlder))
	var names []string
	for _, f := range must[[]rehearsal.File](t)(n.TrustFiles(t.Context(), rehearsal.Standing())) {
		names = append(names, f.Name)
	}
	assert.Equal(t, []string{"network-1-open.jwk", "network-2-open.jwk", "network.jwks"}, names)
	files := map[string][]byte{}
	for _, f := range n.Files() {
		files[f.Name] = f.Data
	}
	assert.Len(t, files, 6)
	again := must[*rehearsal.Network](t)(rehearsal.ReadNetwork(keyset.JOSE, rehearsal.StandardPaymentsOlder, n.Made(), func(name string) ([]byte, error) { return files[name], nil }))
	one, two := must[*keyset.Set](t)(n.Trusted(rehearsal.Standing())), must[*keyset.Set](t)(again.Trusted(rehearsal.Standing()))
	assert.Equal(t, one.Manifest(), two.Manifest())
	for k := range one.All() {
		assert.Equal(t, keyset.Encryption, k.Material.Info().Use)
	}
	assert.True(t, slices.Contains(rehearsal.Profiles(), rehearsal.StandardPaymentsOlder))
	assert.WithinDuration(t, time.Now(), n.Made(), time.Minute)
}
