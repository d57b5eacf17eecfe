package strangers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// jose is a network with two keys for each use, one on a curve and one RSA, and with one to
// sign that has expired.
func jose(t testing.TB) *stage {
	s := &stage{own: t.TempDir(), peer: t.TempDir(), algorithm: "ES256", content: "A256GCM", signers: 1, addressed: 1}
	ec := func(name string, alg jwe.Algorithm) *jwe.Key {
		k, err := jwe.GenerateKey(name, alg)
		require.NoError(t, err)
		return k
	}
	rsa := func(n int, name string, alg jwe.Algorithm, use keyset.Use) *jwe.Key {
		k, err := jwe.NewKey(name, envelopetest.RSAKey(t, n), use)
		require.NoError(t, err)
		k, err = k.WithAlgorithm(alg)
		require.NoError(t, err)
		return k
	}
	own := []*jwe.Key{
		ec("bank-sign-1", jwe.ES256), ec("bank-encrypt-1", jwe.ECDHESA256KW),
		rsa(0, "bank-sign-2", jwe.PS256, keyset.Signing), rsa(1, "bank-encrypt-2", jwe.RSAOAEP256, keyset.Encryption),
	}
	theirs := []*jwe.Key{
		ec("net-sign-1", jwe.ES256), ec("net-encrypt-1", jwe.ECDHESA256KW),
		rsa(2, "net-sign-2", jwe.PS256, keyset.Signing), rsa(3, "net-encrypt-2", jwe.RSAOAEP256, keyset.Encryption),
	}
	expired, revoked, stranger, strangersOwn := ec("expired", jwe.ES256), ec("revoked", jwe.ES256), ec("stranger", jwe.ES256), ec("strangers-own", jwe.ECDHESA256KW)
	for _, k := range own {
		file(t, s.own, k.Info().Name+".jwk", k.WriteInsecurePrivateJWK)
	}
	var published []map[string]any
	for _, k := range append(slices.Clone(theirs), expired, revoked) {
		published = append(published, publicJWK(t, k))
	}
	published[4]["exp"] = time.Now().Add(-time.Hour).Unix()
	published[5]["revoked"] = map[string]any{"revoked_at": time.Now().Unix(), "reason": "compromised"}
	file(t, s.peer, "network.jwks", func(w io.Writer) error { return json.NewEncoder(w).Encode(map[string]any{"keys": published}) })

	over := func(c jwe.Config, from, to []*jwe.Key) envelope.Envelope {
		c.Own, c.Peer = joseSet(t, from), joseSet(t, to).Public()
		e, err := jwe.New(c)
		require.NoError(t, err)
		return e
	}
	seal := func(from, to *jwe.Key, c jwe.Config) []byte {
		sealed, err := over(c, []*jwe.Key{from}, []*jwe.Key{to}).Seal(t.Context(), []byte(echoAt(t, time.Now())))
		require.NoError(t, err)
		return sealed
	}
	s.network = over(jwe.Config{}, theirs, own)
	right := seal(theirs[0], own[1], jwe.Config{})
	damaged := slices.Clone(right)
	damaged[len(damaged)-40] ^= 1
	encryptOnly := jwe.Config{Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}}
	s.messages = []message{
		{"right", right, 200, nil},
		{"a stranger", seal(stranger, own[1], jwe.Config{}), 401, nil},
		{"the second keys", seal(theirs[2], own[3], jwe.Config{}), 200, map[string]int{"first-key": 400}},
		{"another kid of the recipient", seal(theirs[0], own[1].WithName("unknown"), jwe.Config{}), 200, map[string]int{"kid-required": 400}},
		{"no kid at all", nameless(t, theirs[0], own[1]), 200, map[string]int{"kid-required": 400}},
		{"another kid of the signer", seal(theirs[0].WithName("unknown"), own[1], jwe.Config{}), 200, map[string]int{"kid-required": 401}},
		{"the kid of another recipient", seal(theirs[0], own[1].WithName("bank-encrypt-2"), jwe.Config{}), 200, map[string]int{"kid-required": 400}},
		{"an expired signer", seal(expired, own[1], jwe.Config{}), 401, map[string]int{"expired-signer": 200}},
		{"a revoked signer", seal(revoked, own[1], jwe.Config{}), 401, nil},
		{"signed by itself", seal(own[0], own[1], jwe.Config{}), 401, nil},
		{"unsigned", seal(theirs[0], own[1], encryptOnly), 401, nil},
		{"another content encryption", seal(theirs[0], own[1], jwe.Config{Seal: jwe.Algorithms{Content: jwe.A128CBCHS256}}), 400, nil},
		{"to a stranger", seal(theirs[0], strangersOwn, jwe.Config{}), 400, nil},
		{"damaged", damaged, 400, nil},
		{"cut", right[:len(right)/2], 400, nil},
		{"not JOSE", []byte("hello, world"), 400, nil},
		{"one byte", []byte("A"), 400, nil},
		{"empty", nil, 400, nil},
	}
	return s
}

func joseSet(t testing.TB, list []*jwe.Key) *keyset.Set {
	var entries []keyset.Key
	for _, k := range list {
		entries = append(entries, keyset.Key{Material: k, State: keyset.Active})
	}
	s, err := keyset.New(1, entries...)
	require.NoError(t, err)
	return s
}

func publicJWK(t testing.TB, k *jwe.Key) (members map[string]any) {
	var b bytes.Buffer
	require.NoError(t, k.WritePublicJWK(&b))
	require.NoError(t, json.Unmarshal(b.Bytes(), &members))
	return members
}

// nameless makes a message that names no key.
func nameless(t testing.TB, from, to *jwe.Key) []byte {
	key := func(write func(io.Writer) error) any {
		var b bytes.Buffer
		require.NoError(t, write(&b))
		var k gojose.JSONWebKey
		require.NoError(t, k.UnmarshalJSON(b.Bytes()))
		return k.Key
	}
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: key(from.WriteInsecurePrivateJWK)}, nil)
	require.NoError(t, err)
	signed, err := signer.Sign([]byte(echoAt(t, time.Now())))
	require.NoError(t, err)
	inner, err := signed.CompactSerialize()
	require.NoError(t, err)
	encrypter, err := gojose.NewEncrypter(gojose.A256GCM, gojose.Recipient{Algorithm: gojose.ECDH_ES_A256KW, Key: key(to.WritePublicJWK)}, nil)
	require.NoError(t, err)
	sealed, err := encrypter.Encrypt([]byte(inner))
	require.NoError(t, err)
	token, err := sealed.CompactSerialize()
	require.NoError(t, err)
	return []byte(token)
}
