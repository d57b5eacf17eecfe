package pgp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
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

// newMemory returns a memory that knows what was accepted since the second before.
func newMemory(t testing.TB) *since {
	return &since{envelope.NewMemory(1000), t}
}

type since struct {
	*envelope.Memory
	t testing.TB
}

func (m *since) Remember(ctx context.Context, s envelope.Sighting) (bool, error) {
	assert.WithinDuration(m.t, time.Now(), s.Made, time.Minute)
	s.Made = time.Time{} // what is made in a test is made in the second in which it began
	return m.Memory.Remember(ctx, s)
}

func remembering(t testing.TB, r envelope.Replays, peers ...*pgp.Key) *pgp.Envelope {
	return newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, peers...), MaxAge: time.Minute, Replays: r})
}

// openOnce opens a message in one of the two ways.
func openOnce(t testing.TB, e *pgp.Envelope, sealed []byte, streamed bool) {
	t.Helper()
	var err error
	if streamed {
		_, err = e.OpenTo(t.Context(), io.Discard, bytes.NewReader(sealed))
	} else {
		_, err = e.Open(t.Context(), sealed)
	}
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		require.NoError(t, err, "%s: %v", oe.Reason, oe.Cause())
	}
	require.NoError(t, err)
}

// A message that is encoded, encrypted, or put together anew is the same message, for
// Open and for OpenTo, whichever of them accepted it.
func TestRepackedIsReplayed(t *testing.T) {
	lit := literalPacket(body)
	one, two := signaturePacket(t, partner(), body, nil), signaturePacket(t, third(), body, nil)
	strange := signaturePacket(t, newKey(t, "stranger"), body, nil)

	again := newForger(t, bank())
	again.session = bytes.Repeat([]byte{9}, 32)
	hidden := newForger(t, bank())
	hidden.hidden = true
	short := newForger(t, bank())
	short.cipher = packet.CipherAES128
	f := newForger(t, bank())
	binary := f.message(lit, one)
	var armored bytes.Buffer
	w, err := armor.Encode(&armored, "PGP MESSAGE", map[string]string{"Comment": "another"})
	require.NoError(t, err)
	_, err = w.Write(binary)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	forms := map[string][]byte{
		"as it was":                     binary,
		"in armor":                      armored.Bytes(),
		"in base64url":                  []byte(base64.RawURLEncoding.EncodeToString(binary)),
		"in base64":                     []byte(base64.StdEncoding.EncodeToString(binary)),
		"encrypted anew":                again.message(lit, one),
		"to a hidden recipient":         hidden.message(lit, one),
		"under another cipher":          short.message(lit, one),
		"padded":                        f.message(lit, one, rawPacket(21, []byte("padding"))),
		"padded outside":                append(rawPacket(10, []byte("PGP")), binary...),
		"compressed":                    f.message(compressed(2, append(bytes.Clone(lit), one...))),
		"under another name and date":   f.message(rawPacket(11, append([]byte{'b', 3, 'p', 'a', 'y', 1, 2, 3, 4}, body...)), one),
		"beside another signature":      f.message(lit, one, two),
		"beside another, in order":      f.message(lit, two, one),
		"beside a stranger's signature": f.message(lit, strange, one),
		"twice":                         f.message(lit, one, one),
	}
	plain := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()), public(third())), MaxAge: time.Minute})
	streamed := false
	for first, a := range forms {
		open(t, plain, a) // it is good
		e := remembering(t, newMemory(t), public(partner()), public(third()))
		openOnce(t, e, a, streamed)
		streamed = !streamed
		for second, b := range forms {
			oe := rejected(t, e, b, envelope.Replayed)
			assert.Contains(t, oe.Keys, partner().Info().ID, "%s, and then %s", first, second)
		}
	}
}

// What nobody signs in a signature can be changed: the digest stays.
func TestUnhashedSubpacketsAreReplayed(t *testing.T) {
	_, f, lit, sig := fixture(t)
	end := bytes.Index(sig, []byte{22, 33, 4}) + 23 // of the hashed area; the unhashed one is empty
	require.Equal(t, []byte{0, 0}, sig[end:end+2], "%x", sig)
	foreign := append([]byte{22, 33, 4}, entity(t, third()).PrimaryKey.Fingerprint...)
	tagged := append(bytes.Clone(sig[2:end]), 0, byte(len(foreign)))
	tagged = append(append(tagged, foreign...), sig[end+2:]...)
	e := remembering(t, newMemory(t), public(partner()))
	openOnce(t, e, f.message(lit, sig), false)
	rejected(t, e, f.message(lit, rawPacket(2, tagged)), envelope.Replayed)
}

// One key in two certificates makes one signature, under whichever of them it counts.
func TestOneSignatureUnderTwoCertificates(t *testing.T) {
	old, next := newKey(t, "Old <o@o.example>"), newKey(t, "New <n@n.example>")
	eo, en := entity(t, old), entity(t, next)
	require.NoError(t, eo.AddSigningSubkey(&packet.Config{Time: func() time.Time { return time.Now().Add(-time.Hour) }}))
	sub := eo.Subkeys[len(eo.Subkeys)-1]
	old = readEntity(t, eo)

	cross := selfSig(sub.PrivateKey, packet.SigTypePrimaryKeyBinding)
	require.NoError(t, cross.CrossSignKey(sub.PublicKey, en.PrimaryKey, sub.PrivateKey, nil))
	binding := selfSig(en.PrivateKey, packet.SigTypeSubkeyBinding)
	binding.FlagSign, binding.EmbeddedSignature = true, cross
	require.NoError(t, binding.SignKey(sub.PublicKey, en.PrivateKey, nil))
	en.Subkeys = append(en.Subkeys, openpgp.Subkey{Primary: en, PublicKey: sub.PublicKey, PrivateKey: sub.PrivateKey,
		Bindings: []*packet.VerifiableSignature{packet.NewVerifiableSig(binding)}})
	adopted := readEntity(t, en)

	sealed := newForger(t, bank()).message(literalPacket(body), signatureBy(t, sub.PrivateKey, body, nil))
	memory := newMemory(t)
	both := remembering(t, memory, public(old), public(adopted))
	m, err := both.Open(t.Context(), sealed)
	require.NoError(t, err)
	assert.True(t, m.SignedBy(old.Info().ID))
	rejected(t, remembering(t, memory, public(adopted)), sealed, envelope.Replayed) // the old one is removed
}

// A memory is asked before the first byte is written, and an outage of it is ours.
func TestOpenToAsksBeforeItWrites(t *testing.T) {
	down := errors.New("connection refused")
	for name, payload := range map[string][]byte{"small": body, "large": bytes.Repeat(body, 20_000)} {
		t.Run(name, func(t *testing.T) {
			_, theirs := conversation(t, bank(), partner())
			sealed := seal(t, theirs, payload)
			var dst bytes.Buffer
			r := &asked{say: func() (bool, error) {
				assert.Zero(t, dst.Len())
				return false, down
			}}
			e := remembering(t, r, public(partner()))
			m, err := e.OpenTo(t.Context(), &dst, bytes.NewReader(sealed))
			assert.Nil(t, m)
			assert.Zero(t, dst.Len())
			assert.ErrorIs(t, err, keyset.ErrUnavailable)
			assert.ErrorIs(t, err, down)
			assert.NotErrorIs(t, err, envelope.ErrRejected)
			r.say = func() (bool, error) { return true, nil }
			_, err = e.OpenTo(t.Context(), &dst, bytes.NewReader(sealed))
			require.NoError(t, err)
			assert.Equal(t, payload, dst.Bytes())
			assert.Equal(t, 2, r.times, "once for each call")

			// A message that is not good in every other way is not remembered.
			_, err = e.OpenTo(t.Context(), io.Discard, bytes.NewReader(sealed[:len(sealed)-20]))
			assert.ErrorIs(t, err, envelope.ErrRejected)
			assert.Equal(t, 2, r.times)
		})
	}
}

type asked struct {
	times int
	say   func() (bool, error)
}

func (a *asked) Remember(context.Context, envelope.Sighting) (bool, error) {
	a.times++
	return a.say()
}

// What Seal and SealTo make is accepted once, and sealed anew it is another message.
func TestReplays(t *testing.T) {
	at := time.Now()
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner(), third()), Peer: active(t, public(bank())), Now: func() time.Time { return at }})
	us := remembering(t, newMemory(t), public(partner()), public(third()))
	for i := range 4 {
		var sealed bytes.Buffer
		require.NoError(t, theirs.SealTo(t.Context(), &sealed, bytes.NewReader(body)))
		openOnce(t, us, sealed.Bytes(), i%2 == 0)
		rejected(t, us, sealed.Bytes(), envelope.Replayed)
	}
	// A signature that nothing numbers is that of every equal payload of its second.
	f, sign := newForger(t, bank()), func(s *packet.Signature) { s.CreationTime = at }
	openOnce(t, us, f.message(literalPacket(body), signaturePacket(t, partner(), body, sign)), false)
	rejected(t, us, f.message(literalPacket(body), signaturePacket(t, partner(), body, sign)), envelope.Replayed)
}

func TestReplaysConfig(t *testing.T) {
	memory := envelope.NewMemory(1)
	unsigned := pgp.InsecureUnsigned("test")
	for want, c := range map[string]pgp.Config{
		"no MaxAge beside Replays":               {Replays: memory},
		"Replays is a nil":                       {Replays: (*envelope.Memory)(nil), MaxAge: time.Minute},
		"pgp.InsecureUnsigned beside Replays":    {Replays: memory, MaxAge: time.Minute, Waive: []envelope.Waiver{unsigned}},
		"InsecureForgetfulStart without Replays": {MaxAge: time.Minute, Waive: []envelope.Waiver{pgp.InsecureForgetfulStart("test")}},
	} {
		c.Own, c.Peer = active(t, bank()), active(t, public(partner()))
		_, err := pgp.New(c)
		assert.ErrorContains(t, err, want)
	}
}

// What is older than the memory is an outage of ours, or accepted under the waiver.
func TestMessageBeforeTheMemory(t *testing.T) {
	before := newForger(t, bank()).message(literalPacket(body), signaturePacket(t, partner(), body, func(s *packet.Signature) {
		s.CreationTime = time.Now().Add(-10 * time.Second)
	}))
	c := pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), MaxAge: time.Minute, Replays: envelope.NewMemory(10)}
	m, err := newEnvelope(t, c).Open(t.Context(), before)
	assert.Nil(t, m)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	assert.ErrorIs(t, err, envelope.ErrForgotten)
	c.Waive = []envelope.Waiver{pgp.InsecureForgetfulStart("a deploy each hour")}
	us := newEnvelope(t, c)
	m, err = us.Open(t.Context(), before)
	require.NoError(t, err)
	assert.Equal(t, c.Waive, m.Waived)
	rejected(t, us, before, envelope.Replayed)
}
