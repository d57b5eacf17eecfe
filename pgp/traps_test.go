package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// TRAPS.md names a test for each trap, and each of them is there.
func TestTrapsAreListed(t *testing.T) {
	raw, err := os.ReadFile("TRAPS.md")
	require.NoError(t, err)
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	inside, err := filepath.Glob("../internal/openpgp/*_test.go")
	require.NoError(t, err)
	files = append(files, inside...)
	var code bytes.Buffer
	for _, f := range files {
		in, err := os.ReadFile(f)
		require.NoError(t, err)
		code.Write(in)
	}
	for n := 1; n <= 34; n++ {
		assert.Regexp(t, fmt.Sprintf(`(?m)^\| T%d `, n), string(raw))
	}
	name := regexp.MustCompile("`(Test|Benchmark|Fuzz)[A-Za-z0-9]+")
	named := name.FindAllString(string(raw), -1)
	assert.Greater(t, len(named), 60)
	for _, test := range named {
		assert.True(t, bytes.Contains(code.Bytes(), []byte("func "+test[1:]+"(")), "TRAPS.md names %s, which is not there", test)
	}
	for row := range strings.Lines(string(raw)) {
		if strings.HasPrefix(row, "| ") && !strings.HasPrefix(row, "| trap") && !strings.Contains(row, "oes not touch us") {
			assert.Regexp(t, name, row, "no test")
		}
	}
}

// fixture is an envelope of ours, and how a partner's message to it looks.
func fixture(t testing.TB) (e *pgp.Envelope, f *forger, lit, sig []byte) {
	e = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()))})
	return e, newForger(t, bank()), literalPacket(body), signaturePacket(t, partner(), body, nil)
}

func TestT1NothingBeforeItIsAuthentic(t *testing.T) {
	e, f, _, _ := fixture(t)
	payload := bytes.Repeat([]byte("payload "), 50_000)
	sealed := f.message(literalPacket(payload), signaturePacket(t, partner(), payload, nil))
	assert.Equal(t, payload, open(t, e, sealed).Payload)
	rejected(t, e, flip(sealed, len(sealed)-1), envelope.Corrupt) // the last byte of the modification detection code
	rejected(t, e, f.message(literalPacket(payload), signaturePacket(t, partner(), body, nil)), envelope.BadSignature)
}

func TestT2UnsignedIsRefused(t *testing.T) {
	e, f, lit, _ := fixture(t)
	rejected(t, e, f.message(lit), envelope.Unsigned)
	rejected(t, e, f.message(onePassPacket(0), lit), envelope.Unsigned)
}

func TestT3VerdictIsFinal(t *testing.T) {
	e, f, lit, sig := fixture(t)
	m, err := e.Open(t.Context(), f.message(lit, flip(sig, len(sig)-3)))
	assert.ErrorIs(t, err, envelope.ErrRejected)
	assert.Nil(t, m, "a message whose error comes later")
}

func TestT4SignedOnlyIsRefused(t *testing.T) {
	e, f, lit, sig := fixture(t)
	signed := append(bytes.Clone(lit), sig...)
	rejected(t, e, signed, envelope.Malformed)
	sealed := f.message(lit, sig)
	rejected(t, e, append(literalPacket(sealed), signaturePacket(t, partner(), sealed, nil)...), envelope.Malformed)
}

func TestT5NoSignerIsAnError(t *testing.T) {
	e := newEnvelope(t, pgp.Config{Own: inState(t, keyset.Pending, bank()), Peer: active(t, public(partner()))})
	sealed, err := e.Seal(t.Context(), body)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	assert.Nil(t, sealed)
}

func TestT6PasswordSwitchesNothingOff(t *testing.T) {
	e, f, lit, _ := fixture(t)
	password := rawPacket(3, []byte{4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 96})
	toOther := f.message(lit, signaturePacket(t, partner(), body, toNobody))
	rejected(t, e, toOther, envelope.Misdirected)
	rejected(t, e, append(bytes.Clone(password), toOther...), envelope.Misdirected)
}

func TestT7AbsentRecipientsAreTold(t *testing.T) {
	e, f, lit, sig := fixture(t)
	sealed := f.message(lit, sig)
	assert.False(t, open(t, e, sealed).Bound)
	strict := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), RequireBound: true})
	rejected(t, strict, sealed, envelope.Misdirected)
}

// Seal names everybody whom it encrypts to, so that a recipient who is hidden
// on the way is still one of those who are meant.
func TestT8HiddenRecipientsAreMeant(t *testing.T) {
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank()), public(third())), Encoding: pgp.Binary})
	sealed := seal(t, theirs, body)
	sessions, data := splitPackets(t, sealed)
	require.Len(t, sessions, 2)
	for _, s := range sessions {
		copy(s[3:11], make([]byte, 8)) // the key ID
	}
	for _, k := range []*pgp.Key{bank(), third()} {
		e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
		m := open(t, e, append(bytes.Join(sessions, nil), data...))
		assert.True(t, m.Bound)
		assert.Empty(t, m.Addressed)
	}
}

func TestT10BackDatedSignatures(t *testing.T) {
	end := partner().Info().NotAfter
	sealed := newForger(t, bank()).message(literalPacket(body), signaturePacket(t, partner(), body,
		func(s *packet.Signature) { s.CreationTime = end.Add(-100 * 24 * time.Hour) }))
	for after, want := range map[time.Duration]envelope.Reason{-time.Hour: "", 23 * time.Hour: "", 25 * time.Hour: envelope.OutOfTime} {
		e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Now: func() time.Time { return end.Add(after) }})
		check(t, e, sealed, want)
	}
}

func TestT11ClocksDiffer(t *testing.T) {
	e, f, lit, _ := fixture(t)
	ahead := func(d time.Duration) []byte {
		return f.message(lit, signaturePacket(t, partner(), body, func(s *packet.Signature) { s.CreationTime = time.Now().Add(d) }))
	}
	open(t, e, ahead(4*time.Minute))
	oe := rejected(t, e, ahead(6*time.Minute), envelope.OutOfTime)
	assert.NotContains(t, oe.Cause().Error(), "expired")
}

// sha1Key is a key whose self-signatures are under SHA-1.
func sha1Key(t testing.TB) *pgp.Key {
	e := entity(t, newKey(t, "old certificate"))
	plain := &packet.Config{NonDeterministicSignaturesViaNotation: ptr(false)}
	for _, id := range e.Identities {
		sig := id.SelfCertifications[0].Packet
		sig.Hash, sig.Notations = 3, nil
		require.NoError(t, sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, plain))
	}
	return readEntity(t, e)
}

func TestT12PoliciesDoNotStick(t *testing.T) {
	k := sha1Key(t)
	sealed := newForger(t, bank()).message(literalPacket(body), signaturePacket(t, k, body, nil))
	peer := active(t, public(k))
	strict := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer})
	lax := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer, Waive: []envelope.Waiver{pgp.InsecureSHA1Certificates("test")}})
	for range 2 {
		rejected(t, strict, sealed, envelope.Forbidden)
		open(t, lax, sealed)
	}
}

// With -race: keys are shared by everything, and nothing writes to them.
func TestT13SharedKeysDoNotRace(t *testing.T) {
	e, f, lit, sig := fixture(t)
	sealed := f.message(lit, sig)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			m, err := e.Open(context.Background(), sealed)
			if assert.NoError(t, err) {
				assert.Equal(t, body, m.Payload)
			}
			_, err = e.Seal(context.Background(), body)
			assert.NoError(t, err)
			assert.NoError(t, bank().SelfTest(context.Background()))
		})
	}
	wg.Wait()
}

func TestT16WeakAlgorithms(t *testing.T) {
	e, f, lit, _ := fixture(t)
	signed := func(hash crypto.Hash) []byte {
		return f.message(lit, signaturePacket(t, partner(), body, func(s *packet.Signature) {
			s.Hash = hash
		}))
	}
	for name, sealed := range map[string][]byte{
		"SHA-1": signed(crypto.SHA1), "SHA-224": signed(crypto.SHA224),
		"TripleDES": weakCipher(t, bank(), packet.Cipher3DES), "CAST5": weakCipher(t, bank(), packet.CipherCAST5),
	} {
		oe := rejected(t, e, sealed, envelope.Forbidden)
		assert.ErrorContains(t, oe.Cause(), name)
	}
	old := sha1Key(t)
	strict := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(old))})
	rejected(t, strict, f.message(lit, signaturePacket(t, old, body, nil)), envelope.Forbidden)
}

func TestT18SizeIsLimitedInEveryForm(t *testing.T) {
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), MaxSize: 300_000})
	f := newForger(t, bank())
	payload := make([]byte, 300_001)
	packets := append(literalPacket(payload), signaturePacket(t, partner(), payload, nil)...)
	rejected(t, e, f.message(packets), envelope.TooLarge)
	rejected(t, e, f.message(compressed(2, packets)), envelope.TooLarge)
	rejected(t, e, f.message(compressed(2, literalPacket(make([]byte, 50<<20)))), envelope.TooLarge)
}

func TestT21CausesAreTold(t *testing.T) {
	own, err := keyset.New(1, keyset.Key{Material: bank(), State: keyset.Active}, keyset.Key{Material: revokedOwn(), State: keyset.Revoked})
	require.NoError(t, err)
	e := newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner()))})
	_, f, lit, sig := fixture(t)
	sealed := f.message(lit, sig)
	rejected(t, e, newForger(t, third()).message(lit, sig), envelope.NotForUs)
	rejected(t, e, newForger(t, public(revokedOwn())).message(lit, sig), envelope.RevokedRecipient)
	rejected(t, e, weakCipher(t, bank(), packet.CipherCAST5), envelope.Forbidden)
	rejected(t, e, flip(sealed, len(sealed)-30), envelope.Corrupt)
}

func TestT22SealingAgain(t *testing.T) {
	e, theirs := conversation(t, bank(), partner())
	payload := append(bytes.Clone(body), "spare capacity"...)
	one := seal(t, e, payload[:len(body)])
	copied := bytes.Clone(one)
	two := seal(t, e, payload[:len(body)])
	assert.Equal(t, copied, one, "the second message was written into the first")
	assert.NotEqual(t, one, two)
	assert.Equal(t, "spare capacity", string(payload[len(body):]), "written beyond the payload")
	assert.Equal(t, body, open(t, theirs, one).Payload)
	assert.Equal(t, body, open(t, theirs, two).Payload)
}

func TestT24ArmorIsStrict(t *testing.T) {
	e, f, lit, sig := fixture(t)
	good := armorOf(f.message(lit, sig), 64, "")
	open(t, e, []byte(good))
	for _, bad := range []string{
		"text before\n" + good, good + "text after", good + good,
		strings.Split(good, "-----END")[0],
		strings.ReplaceAll(good, "PGP MESSAGE", "PGP SIGNATURE"),
	} {
		rejected(t, e, []byte(bad), envelope.Malformed)
	}
}

// What is not signed in a signature says nothing but, if nothing else does, the
// key ID of the issuer, whose key must then have made the signature.
func TestUnhashedSubpackets(t *testing.T) {
	e, f, lit, _ := fixture(t)
	sig := signaturePacket(t, partner(), body, nil)
	require.Less(t, sig[1], byte(192), "a length of one byte")
	p := sig[2:]
	hashed := int(p[4])<<8 | int(p[5])
	unhashed := p[6+hashed:]
	n := int(unhashed[0])<<8 | int(unhashed[1])
	with := func(subpackets ...byte) []byte {
		out := append(bytes.Clone(p[:6+hashed]), byte(len(subpackets)>>8), byte(len(subpackets)))
		return rawPacket(2, append(append(out, subpackets...), unhashed[2+n:]...))
	}
	own := unhashed[2 : 2+n]
	open(t, e, f.message(lit, with(own...)))
	// A date, an end, a notation, and a recipient that nobody signed.
	more := append(bytes.Clone(own), 5, 2, 0, 0, 0, 1, 5, 3, 0, 0, 0, 1, 22, 35, 4)
	more = append(more, bytes.Repeat([]byte{9}, 20)...)
	m := open(t, e, f.message(lit, with(more...)))
	assert.WithinDuration(t, time.Now(), m.Signers[0].Time, time.Minute)
	assert.Empty(t, m.Header)
	assert.False(t, m.Bound)
	// Another issuer there is not asked: the fingerprint is signed.
	m = open(t, e, f.message(lit, with(9, 16, 1, 2, 3, 4, 5, 6, 7, 8)))
	assert.True(t, m.SignedBy(partner().Info().ID))
}

func TestSealDoesNotCompress(t *testing.T) {
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Encoding: pgp.Binary})
	length := func(payload []byte) int { return len(seal(t, ours, payload)) }
	random, zeros := make([]byte, 10_000), make([]byte, 10_000)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	assert.InDelta(t, length(random), length(zeros), 8)
	inner := plaintext(t, partner(), seal(t, ours, zeros))
	assert.Equal(t, byte(0xc0|4), inner[0], "a one-pass signature comes first, not a compressed packet")
}

// LibrePGP has EAX and OCB only.
func TestGCMInLibrePGP(t *testing.T) {
	e, f, _, _ := fixture(t)
	data := append([]byte{1, 9, 3, 4}, bytes.Repeat([]byte{7}, 100)...)
	rejected(t, e, append(f.pkesk(), rawPacket(20, data)...), envelope.Malformed)
}

// One-pass packets only announce. Each of them may say that it is the last, or
// none; signatures may come in their order, or in reverse; and a signature over
// signatures, as sq makes it to notarize, takes nothing from those over the
// document.
func TestOrderAndFlagsOfOnePass(t *testing.T) {
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()), public(third()))})
	f := newForger(t, bank())
	lit, a, b := literalPacket(body), signaturePacket(t, partner(), body, nil), signaturePacket(t, third(), body, nil)
	announce := func(k *pgp.Key, last byte) []byte {
		id := entity(t, public(k)).PrimaryKey.KeyId
		p := binary.BigEndian.AppendUint64([]byte{3, 0, 8, 22}, id)
		return rawPacket(4, append(p, last))
	}
	for flags := range byte(4) {
		one, two := announce(partner(), flags&1), announce(third(), flags>>1)
		assert.Len(t, open(t, e, f.message(one, two, lit, b, a)).Signers, 2, "reverse order, flags %d", flags)
		assert.Len(t, open(t, e, f.message(one, two, lit, a, b)).Signers, 2, "same order, flags %d", flags)
	}
	notary := signaturePacket(t, third(), append(bytes.Clone(a), lit...), nil)
	m := open(t, e, f.message(announce(third(), 0), announce(partner(), 1), lit, a, notary))
	require.Len(t, m.Signers, 1)
	assert.Equal(t, partner().Info().ID, m.Signers[0].ID)
	assert.Len(t, m.Ignored, 1)
}
