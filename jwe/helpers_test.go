package jwe_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// RSA keys take long to make, so that tests share four of 2048 bits.
var rsaKeys = func() (out [4]func() *rsa.PrivateKey) {
	for i := range out {
		out[i] = sync.OnceValue(func() *rsa.PrivateKey {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			return k
		})
	}
	return out
}()

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return k
}

func newEd(t testing.TB) ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return k
}

func newX(t testing.TB) *ecdh.PrivateKey {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	return k
}

// material returns a private key that works with the algorithm. RSA keys are
// the shared ones: the first to sign, the second to encrypt.
func material(t testing.TB, alg jwe.Algorithm) crypto.PrivateKey {
	switch alg {
	case jwe.PS256, jwe.PS384, jwe.PS512, jwe.RS256, jwe.RS384, jwe.RS512:
		return rsaKeys[0]()
	case jwe.RSAOAEP, jwe.RSAOAEP256:
		return rsaKeys[1]()
	case jwe.ES384:
		return newEC(t, elliptic.P384())
	case jwe.ES512:
		return newEC(t, elliptic.P521())
	case jwe.EdDSA:
		return newEd(t)
	case jwe.MLDSA44, jwe.MLDSA65, jwe.MLDSA87:
		return newMLDSA(t, alg)
	}
	return newEC(t, elliptic.P256())
}

func signing(t testing.TB, kid string, private crypto.PrivateKey) *jwe.Key {
	k, err := jwe.NewKey(kid, private, keyset.Signing)
	require.NoError(t, err)
	return k
}

func encryption(t testing.TB, kid string, private crypto.PrivateKey) *jwe.Key {
	k, err := jwe.NewKey(kid, private, keyset.Encryption)
	require.NoError(t, err)
	return k
}

// forRSA15 returns a private key that does RSA1_5 and nothing else.
func forRSA15(t testing.TB, kid string, private crypto.PrivateKey) *jwe.Key {
	k, err := encryption(t, kid, private).WithAlgorithm(jwe.RSA1_5)
	require.NoError(t, err)
	return k
}

func public(keys ...*jwe.Key) []*jwe.Key {
	var out []*jwe.Key
	for _, k := range keys {
		out = append(out, k.Public().(*jwe.Key))
	}
	return out
}

func entries(state keyset.State, keys ...*jwe.Key) []keyset.Key {
	var out []keyset.Key
	for _, k := range keys {
		out = append(out, keyset.Key{Material: k, State: state})
	}
	return out
}

func set(t testing.TB, keys ...*jwe.Key) *keyset.Set {
	return setOf(t, entries(keyset.Active, keys...)...)
}

func setOf(t testing.TB, keys ...keyset.Key) *keyset.Set {
	s, err := keyset.New(1, keys...)
	require.NoError(t, err)
	return s
}

func newEnvelope(t testing.TB, c jwe.Config) *jwe.Envelope {
	e, err := jwe.New(c)
	require.NoError(t, err)
	return e
}

// A world is two parties with two keys each.
type world struct {
	ourSign, ourDecrypt     *jwe.Key // private
	theirSign, theirDecrypt *jwe.Key // private
}

// newWorld uses EC keys, which are quick to make.
func newWorld(t testing.TB) world {
	return world{
		ourSign:      signing(t, "our-sign", newEC(t, elliptic.P256())),
		ourDecrypt:   encryption(t, "our-decrypt", newEC(t, elliptic.P256())),
		theirSign:    signing(t, "their-sign", newEC(t, elliptic.P256())),
		theirDecrypt: encryption(t, "their-decrypt", newEC(t, elliptic.P256())),
	}
}

// ours returns our side, with the sources filled in where c has none.
func (w world) ours(t testing.TB, c jwe.Config) *jwe.Envelope {
	if c.Own == nil {
		c.Own = set(t, w.ourSign, w.ourDecrypt)
	}
	if c.Peer == nil {
		c.Peer = set(t, public(w.theirSign, w.theirDecrypt)...)
	}
	return newEnvelope(t, c)
}

// theirs returns the partner's side.
func (w world) theirs(t testing.TB, c jwe.Config) *jwe.Envelope {
	if c.Own == nil {
		c.Own = set(t, w.theirSign, w.theirDecrypt)
	}
	if c.Peer == nil {
		c.Peer = set(t, public(w.ourSign, w.ourDecrypt)...)
	}
	return newEnvelope(t, c)
}

func seal(t testing.TB, e *jwe.Envelope, payload string) []byte {
	sealed, err := e.Seal(t.Context(), []byte(payload))
	require.NoError(t, err)
	return sealed
}

func open(t testing.TB, e *jwe.Envelope, sealed []byte) *envelope.Message {
	m, err := e.Open(t.Context(), sealed)
	require.NoError(t, why(err))
	return m
}

// why makes the reason of a rejection visible in a test.
func why(err error) error {
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		return fmt.Errorf("%s: %v, keys %v", oe.Reason, oe.Cause(), oe.Keys)
	}
	return err
}

// rejects requires that the message is refused for the reason, with the one
// text and without a message.
func rejects(t testing.TB, e envelope.Envelope, sealed []byte, reason envelope.Reason) *envelope.OpenError {
	t.Helper()
	m, err := e.Open(t.Context(), sealed)
	require.Nil(t, m)
	var oe *envelope.OpenError
	require.ErrorAs(t, err, &oe)
	require.Equal(t, reason, oe.Reason, "cause: %v", oe.Cause())
	return oe
}

func clock(at time.Time) func() time.Time { return func() time.Time { return at } }
