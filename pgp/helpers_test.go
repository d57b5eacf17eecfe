package pgp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

const year = 365 * 24 * time.Hour

// body is what most tests seal.
var body = []byte(`{"amount":"12.50","currency":"EUR","to":"DE89370400440532013000"}`)

// Keys that tests share: generating them is slow under the race detector.
var (
	bank    = keyOnce("Example Bank <keys@bank.example>", pgp.Curve25519)
	partner = keyOnce("Partner <keys@partner.example>", pgp.Curve25519)
	third   = keyOnce("Third Party <keys@third.example>", pgp.Curve25519)
	bankRSA = keyOnce("Example Bank <rsa@bank.example>", pgp.RSA3072)
	partRSA = keyOnce("Partner <rsa@partner.example>", pgp.RSA3072)
)

func keyOnce(name string, alg pgp.Algorithm) func() *pgp.Key {
	return sync.OnceValue(func() *pgp.Key {
		k, err := pgp.GenerateKey(name, alg, year)
		if err != nil {
			panic(err)
		}
		return k
	})
}

func newKey(t testing.TB, name string) *pgp.Key {
	k, err := pgp.GenerateKey(name, pgp.Curve25519, year)
	require.NoError(t, err)
	return k
}

func public(k *pgp.Key) *pgp.Key { return k.Public().(*pgp.Key) }

// active returns a set in which all keys are active.
func active(t testing.TB, keys ...*pgp.Key) *keyset.Set {
	return inState(t, keyset.Active, keys...)
}

func inState(t testing.TB, state keyset.State, keys ...*pgp.Key) *keyset.Set {
	var all []keyset.Key
	for _, k := range keys {
		all = append(all, keyset.Key{Material: k, State: state})
	}
	s, err := keyset.New(1, all...)
	require.NoError(t, err)
	return s
}

func newEnvelope(t testing.TB, c pgp.Config) *pgp.Envelope {
	e, err := pgp.New(c)
	require.NoError(t, err)
	return e
}

// conversation returns the envelopes of two parties that trust each other.
func conversation(t testing.TB, a, b *pgp.Key) (ours, theirs *pgp.Envelope) {
	ours = newEnvelope(t, pgp.Config{Own: active(t, a), Peer: active(t, public(b))})
	theirs = newEnvelope(t, pgp.Config{Own: active(t, b), Peer: active(t, public(a))})
	return ours, theirs
}

func seal(t testing.TB, e *pgp.Envelope, payload []byte) []byte {
	sealed, err := e.Seal(context.Background(), payload)
	require.NoError(t, err)
	return sealed
}

func open(t testing.TB, e *pgp.Envelope, sealed []byte) *envelope.Message {
	m, err := e.Open(context.Background(), sealed)
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		require.NoError(t, err, "%s: %v", oe.Reason, oe.Cause())
	}
	require.NoError(t, err)
	var dst bytes.Buffer
	streamed, err := e.OpenTo(context.Background(), &dst, bytes.NewReader(sealed))
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		require.NoError(t, err, "OpenTo: %s: %v", oe.Reason, oe.Cause())
	}
	require.NoError(t, err)
	require.True(t, bytes.Equal(m.Payload, dst.Bytes()), "Open and OpenTo differ")
	require.Nil(t, streamed.Payload)
	streamed.Payload, streamed.Opened = m.Payload, m.Opened
	require.Equal(t, m, streamed)
	return m
}

// rejected requires that e rejects sealed for the reason, with the uniform error.
func rejected(t testing.TB, e *pgp.Envelope, sealed []byte, want envelope.Reason) *envelope.OpenError {
	m, err := e.Open(context.Background(), sealed)
	require.Error(t, err)
	assert.Nil(t, m)
	assert.ErrorIs(t, err, envelope.ErrRejected)
	assert.Equal(t, envelope.ErrRejected.Error(), err.Error())
	oe, ok := errors.AsType[*envelope.OpenError](err)
	require.True(t, ok)
	assert.Equal(t, want, oe.Reason, "cause: %v", oe.Cause())

	var dst bytes.Buffer
	m, err = e.OpenTo(context.Background(), &dst, bytes.NewReader(sealed))
	require.Error(t, err)
	assert.Nil(t, m)
	assert.Zero(t, dst.Len(), "OpenTo released something")
	streamed, ok := errors.AsType[*envelope.OpenError](err)
	require.True(t, ok, "OpenTo: %v", err)
	assert.Equal(t, want, streamed.Reason, "OpenTo: cause: %v", streamed.Cause())
	assert.Equal(t, fmt.Sprint(oe.Cause()), fmt.Sprint(streamed.Cause()), "Open and OpenTo say different things")
	return oe
}

// entity returns the library's view of a key, to forge with.
func entity(t testing.TB, k *pgp.Key) *openpgp.Entity {
	var b bytes.Buffer
	if k.Info().Private {
		require.NoError(t, k.WriteInsecurePrivateKey(&b))
	} else {
		require.NoError(t, k.WriteCertificate(&b))
	}
	block, err := armor.Decode(&b)
	require.NoError(t, err)
	e, err := openpgp.ReadEntity(packet.NewReader(block.Body))
	require.NoError(t, err)
	return e
}

// readEntity returns the key of an entity that a test has made or changed.
func readEntity(t testing.TB, e *openpgp.Entity) *pgp.Key {
	var b bytes.Buffer
	if e.PrivateKey != nil {
		require.NoError(t, e.SerializePrivateWithoutSigning(&b, nil))
	} else {
		require.NoError(t, e.Serialize(&b))
	}
	k, err := pgp.ReadKey(&b)
	require.NoError(t, err)
	return k
}

// A forger makes messages that Seal never would: packets by the library, put
// together by hand.
type forger struct {
	t       testing.TB
	to      *openpgp.Entity
	cipher  packet.CipherFunction
	hidden  bool
	session []byte
}

func newForger(t testing.TB, to *pgp.Key) *forger {
	return &forger{t: t, to: entity(t, public(to)), cipher: packet.CipherAES256, session: bytes.Repeat([]byte{7}, 32)}
}

// pkesk returns the session key packet.
func (f *forger) pkesk() []byte {
	var b bytes.Buffer
	require.NoError(f.t, packet.SerializeEncryptedKeyAEADwithHiddenOption(&b, f.to.Subkeys[0].PublicKey, f.cipher, false,
		f.session[:f.cipher.KeySize()], f.hidden, nil))
	return b.Bytes()
}

// seipd returns the encrypted data.
func (f *forger) seipd(packets ...[]byte) []byte {
	var b bytes.Buffer
	w, err := packet.SerializeSymmetricallyEncrypted(&b, f.cipher, false, packet.CipherSuite{}, f.session[:f.cipher.KeySize()], nil)
	require.NoError(f.t, err)
	_, err = w.Write(bytes.Join(packets, nil))
	require.NoError(f.t, err)
	require.NoError(f.t, w.Close())
	return b.Bytes()
}

// message returns the whole message.
func (f *forger) message(packets ...[]byte) []byte { return append(f.pkesk(), f.seipd(packets...)...) }

// literalPacket returns a literal.
func literalPacket(payload []byte) []byte {
	b := []byte{'b', 0, 0, 0, 0, 0}
	return rawPacket(11, append(b, payload...))
}

// rawPacket returns a packet of any type.
func rawPacket(tag byte, body []byte) []byte {
	n := len(body)
	return append([]byte{0xc0 | tag, 255, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// signaturePacket signs payload with the primary key; change may edit the
// signature before it is made.
func signaturePacket(t testing.TB, by *pgp.Key, payload []byte, change func(*packet.Signature)) []byte {
	e := entity(t, by)
	return signatureBy(t, e.PrivateKey, payload, change)
}

func signatureBy(t testing.TB, key *packet.PrivateKey, payload []byte, change func(*packet.Signature)) []byte {
	sig := &packet.Signature{
		Version:      key.Version,
		SigType:      packet.SigTypeBinary,
		PubKeyAlgo:   key.PubKeyAlgo,
		Hash:         5, // crypto.SHA256
		CreationTime: time.Now(),
		IssuerKeyId:  &key.KeyId,
	}
	if change != nil {
		change(sig)
	}
	h, err := sig.PrepareSign(nil)
	require.NoError(t, err)
	h.Write(payload)
	require.NoError(t, sig.Sign(h, key, &packet.Config{NonDeterministicSignaturesViaNotation: ptr(false)}))
	var b bytes.Buffer
	require.NoError(t, sig.Serialize(&b))
	return b.Bytes()
}

// vectors returns a path in the folder of shared test vectors.
func vectors(t testing.TB, path ...string) string {
	t.Helper()
	dir := os.Getenv("SEALWAX_VECTORS")
	if dir == "" {
		t.Skip("SEALWAX_VECTORS names no folder with test vectors")
	}
	return filepath.Join(append([]string{dir}, path...)...)
}
