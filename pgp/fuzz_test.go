package pgp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// The keys of the fuzz targets are files, so that an input that was found
// means the same in every run. They protect nothing.
func fuzzKeys(t testing.TB) (ours, theirs *pgp.Key) {
	read := func(path string) *pgp.Key {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		k, err := pgp.ReadKey(bytes.NewReader(raw))
		require.NoError(t, err)
		return k
	}
	return read("testdata/fuzz-ours.asc"), read("testdata/fuzz-theirs.asc")
}

// judged requires what Open promises of any input.
func judged(t *testing.T, e *pgp.Envelope, in []byte) {
	before := bytes.Clone(in)
	m, err := e.Open(context.Background(), in)
	assert.Equal(t, before, in, "Open wrote to the message")
	var dst bytes.Buffer
	_, streamErr := e.OpenTo(context.Background(), &dst, bytes.NewReader(in))
	assert.Equal(t, err == nil, streamErr == nil, "Open: %v, OpenTo: %v", err, streamErr)
	if err == nil {
		assert.Equal(t, m.Payload, dst.Bytes())
	} else {
		assert.Zero(t, dst.Len())
	}
	if err != nil {
		assert.Nil(t, m)
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok, "%v", err)
		streamed, ok := errors.AsType[*envelope.OpenError](streamErr)
		require.True(t, ok, "OpenTo: %v", streamErr)
		assert.Equal(t, oe.Reason, streamed.Reason)
		assert.Equal(t, fmt.Sprint(oe.Cause()), fmt.Sprint(streamed.Cause()))
		return
	}
	_, err = pgp.Inspect(in)
	assert.NoError(t, err, "Open opens it")
	assert.NotEmpty(t, m.Signers)
	assert.Equal(t, body, m.Payload, "a forgery: nothing else was ever signed")
}

func FuzzOpen(f *testing.F) {
	ours, theirs := fuzzKeys(f)
	e := newEnvelope(f, pgp.Config{Own: active(f, ours), Peer: active(f, public(theirs)), MaxSize: 1 << 16})
	for _, enc := range []pgp.Encoding{pgp.Binary, pgp.Base64URL, pgp.Armor} {
		f.Add(seal(f, newEnvelope(f, pgp.Config{Own: active(f, theirs), Peer: active(f, public(ours)), Encoding: enc}), body))
	}
	for _, h := range hostileMessages(f, ours, theirs) {
		if len(h.sealed) < 1<<16 {
			f.Add(h.sealed)
		}
	}
	nobody := newEnvelope(f, pgp.Config{Own: active(f, theirs), Peer: active(f, public(theirs)), MaxSize: 1 << 16})
	f.Fuzz(func(t *testing.T, in []byte) {
		judged(t, e, in)
		judged(t, nobody, in)
		_, _ = pgp.Inspect(in)
	})
}

// FuzzOpenInside gives the packets inside a message to the fuzzer, which would
// never get there through the encryption.
func FuzzOpenInside(f *testing.F) {
	ours, theirs := fuzzKeys(f)
	e := newEnvelope(f, pgp.Config{Own: active(f, ours), Peer: active(f, public(theirs)), MaxSize: 1 << 16})
	lit, sig := literalPacket(body), signaturePacket(f, theirs, body, nil)
	f.Add(bytes.Join([][]byte{lit, sig}, nil))
	f.Add(bytes.Join([][]byte{onePassPacket(0), lit, sig}, nil))
	f.Add(bytes.Join([][]byte{sig, lit}, nil))
	f.Add(compressed(2, append(bytes.Clone(lit), sig...)))
	f.Add(rawPacket(8, append([]byte{0}, append(bytes.Clone(lit), sig...)...)))
	f.Add([]byte{0xcb, 0xe9})
	f.Fuzz(func(t *testing.T, in []byte) {
		judged(t, e, newForger(t, ours).message(in))
	})
}

func FuzzReadKeys(f *testing.F) {
	ours, theirs := fuzzKeys(f)
	f.Add(binaryKey(f, ours), []byte(nil))
	f.Add(binaryKey(f, public(theirs)), []byte("passphrase"))
	f.Add(mustCertificate(f, theirs), []byte(nil))
	locked := entity(f, ours)
	require.NoError(f, locked.EncryptPrivateKeys([]byte("x"), nil))
	var b bytes.Buffer
	require.NoError(f, locked.SerializePrivateWithoutSigning(&b, nil))
	f.Add(b.Bytes(), []byte("x"))
	f.Fuzz(func(t *testing.T, in, passphrase []byte) {
		keys, err := pgp.ReadKeys(bytes.NewReader(in))
		for _, k := range keys {
			assert.NoError(t, err)
			usable(t, k)
		}
		if k, err := pgp.ReadLockedKey(bytes.NewReader(in), passphrase); err == nil {
			usable(t, k)
		}
	})
}

// usable requires that a key that was read describes itself, writes itself, and
// is read again as the same key.
func usable(t *testing.T, k *pgp.Key) {
	i := k.Info()
	assert.NotEmpty(t, i.ID)
	assert.NotZero(t, i.Use)
	again, err := pgp.ReadKey(bytes.NewReader(mustCertificate(t, k)))
	if assert.NoError(t, err) {
		assert.Equal(t, k.Public().Info(), again.Info())
	}
}
