package envelopetest_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

func TestFake(t *testing.T) {
	client, server := envelopetest.New(t), envelopetest.New(t)
	sealed, err := client.Seal(t.Context(), []byte(`{"amount":1}`))
	require.NoError(t, err)
	assert.Contains(t, string(sealed), "neither signed nor encrypted")
	assert.Contains(t, string(sealed), `{\"amount\":1}`, "readable text")
	m, err := server.Open(t.Context(), sealed)
	require.NoError(t, err)
	assert.Equal(t, `{"amount":1}`, string(m.Payload))
	assert.True(t, m.SignedBy("fake"))
	assert.Equal(t, keyset.Active, m.Decrypter.State)
	assert.WithinDuration(t, time.Now(), m.Opened, time.Minute)
	assert.Equal(t, []string{`{"amount":1}`}, client.Payloads())
	assert.NotEmpty(t, client.ContentType())

	var dst, streamed bytes.Buffer
	require.NoError(t, client.SealTo(t.Context(), &streamed, bytes.NewReader([]byte{0xff, 0})))
	m, err = server.OpenTo(t.Context(), &dst, bytes.NewReader(streamed.Bytes()))
	require.NoError(t, err)
	assert.Nil(t, m.Payload)
	assert.Equal(t, []byte{0xff, 0}, dst.Bytes())
}

func TestFakeFailsOnRequest(t *testing.T) {
	f := envelopetest.New(t)
	good := f.Message("x")
	f.Reject(envelope.RevokedSigner)
	m, err := f.Open(t.Context(), good)
	assert.Nil(t, m)
	oe, ok := errors.AsType[*envelope.OpenError](err)
	require.True(t, ok)
	assert.Equal(t, envelope.RevokedSigner, oe.Reason)
	f.Reject("")
	_, err = f.Open(t.Context(), good)
	require.NoError(t, err)

	f.Fail(keyset.ErrUnavailable)
	_, err = f.Open(t.Context(), good)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	_, err = f.Seal(t.Context(), nil)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	f.Fail(nil)
	f.FailSeal(envelope.ErrNoKey)
	_, err = f.Seal(t.Context(), nil)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	_, err = f.Open(t.Context(), good)
	assert.NoError(t, err)
	f.FailSeal(nil)
	_, err = f.Seal(t.Context(), nil)
	assert.NoError(t, err)

	for name, sealed := range map[string][]byte{"nothing": nil, "other": []byte("x"), "half": good[:len(good)/2]} {
		_, err = f.Open(t.Context(), sealed)
		assert.ErrorIs(t, err, envelope.ErrRejected, name)
	}
	t.Run("another test", func(t *testing.T) {
		_, err := envelopetest.New(t).Open(t.Context(), good)
		assert.ErrorIs(t, err, envelope.ErrRejected)
	})
}

func TestFakeOpensAnyMessage(t *testing.T) {
	f := envelopetest.New(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	want := envelope.Message{
		Payload:   []byte("p"),
		SealedAs:  keyset.JOSE,
		Signers:   []envelope.KeyUse{{ID: "a", State: keyset.Pending, Use: keyset.Signing, Time: at, Digest: [32]byte{1}}},
		Ignored:   []envelope.KeyUse{{ID: "b", State: keyset.Revoked}},
		Decrypter: envelope.KeyUse{ID: "c", Own: true, State: keyset.Retiring, Use: keyset.Encryption},
		Bound:     true,
		Header:    map[string]any{"typ": "JWT"},
		Content:   "A256GCM",
		Addressed: []keyset.ID{"c"},
		Unknown:   []keyset.ID{"z"},
		Opened:    at,
		Waived:    []envelope.Waiver{envelope.NewWaiver("pgp.InsecureUnsigned", "test")},
	}
	m, err := f.Open(t.Context(), f.MessageFrom(want))
	require.NoError(t, err)
	assert.Equal(t, &want, m)
	m, err = f.Open(t.Context(), f.Message("x", envelope.KeyUse{ID: "who", State: keyset.Active}))
	require.NoError(t, err)
	assert.True(t, m.SignedBy("who"))
	assert.False(t, m.SignedBy("fake"))
}

// Outside of a test, a Fake is of no use, not even as a literal.
func TestFakePanicsOutsideOfTests(t *testing.T) {
	if testing.Short() {
		t.Skip("a program is built")
	}
	assert.Panics(t, func() { _, _ = (&envelopetest.Fake{}).Seal(t.Context(), nil) })
	assert.Panics(t, func() { _, _ = (&envelopetest.Fake{}).Open(t.Context(), nil) })
	assert.Panics(t, func() { (*envelopetest.Fake)(nil).ContentType() })
	assert.Panics(t, func() { envelopetest.New(nil) })

	dir, err := os.MkdirTemp(".", "outside")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := `package main

import "github.com/sealwax/sealwax/envelopetest"

func main() { println((&envelopetest.Fake{}).ContentType()) }
`
	require.NoError(t, os.WriteFile(dir+"/main.go", []byte(program), 0o600))
	out, err := exec.Command("go", "run", "./"+dir).CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "outside of a test")
	assert.False(t, strings.Contains(string(out), "text/plain"))
}

// Every message of a fake is another one, and is accepted once by a fake that remembers.
func TestFakeRemembers(t *testing.T) {
	f := envelopetest.New(t)
	first, second := f.Message("x", envelope.KeyUse{ID: "a"}, envelope.KeyUse{ID: "b"}), f.Message("x")
	digests := map[[32]byte]bool{}
	for _, sealed := range [][]byte{first, second, first} {
		m, err := f.Open(t.Context(), sealed)
		require.NoError(t, err)
		for _, u := range m.Signers {
			digests[u.Digest] = true
		}
	}
	assert.Len(t, digests, 3, "one for each signer of each message")
	assert.NotContains(t, digests, [32]byte{})

	f.Remember(envelope.NewMemory(3))
	for _, sealed := range [][]byte{first, second} {
		_, err := f.Open(t.Context(), sealed)
		require.NoError(t, err)
		m, err := f.Open(t.Context(), sealed)
		assert.Nil(t, m)
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok)
		assert.Equal(t, envelope.Replayed, oe.Reason)
	}
	_, err := f.Open(t.Context(), f.Message("x"))
	assert.ErrorIs(t, err, keyset.ErrUnavailable, "it is full")
	assert.ErrorIs(t, err, envelope.ErrFull)
	f.Remember(nil)
	_, err = f.Open(t.Context(), first)
	assert.NoError(t, err)

	a, b := envelopetest.NewPair(t)
	b.Envelope.(*envelopetest.Fake).Remember(envelope.NewMemory(3))
	sealed, err := a.Envelope.Seal(t.Context(), []byte("x"))
	require.NoError(t, err)
	for range 2 {
		_, _ = b.Envelope.Open(t.Context(), sealed)
	}
	u, ok := b.Own.Usage("b-1")
	require.True(t, ok)
	assert.EqualValues(t, 1, u.Opened, "what is replayed is no use of a key")
	sealed, err = a.Envelope.Seal(t.Context(), []byte("x"))
	require.NoError(t, err)
	_, err = b.Envelope.Open(t.Context(), sealed)
	assert.NoError(t, err)
}
