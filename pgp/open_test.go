package pgp_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"errors"
	"fmt"
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

// The state table of package keyset, on both sides.
func TestStates(t *testing.T) {
	for _, tt := range []struct {
		state   keyset.State
		seals   bool
		decrypt envelope.Reason // of a message to the key in this state
		verify  envelope.Reason // of a message signed by the key in this state
	}{
		{keyset.Pending, false, "", ""},
		{keyset.Active, true, "", ""},
		{keyset.Retiring, false, "", ""},
		{keyset.Revoked, false, envelope.RevokedRecipient, envelope.RevokedSigner},
	} {
		t.Run(tt.state.String(), func(t *testing.T) {
			// The other party has us as an active key all along.
			_, theirs := conversation(t, bank(), partner())
			sealed := seal(t, theirs, body)

			ours := newEnvelope(t, pgp.Config{Own: inState(t, tt.state, bank()), Peer: active(t, public(partner()))})
			check(t, ours, sealed, tt.decrypt)
			_, err := ours.Seal(context.Background(), body)
			assert.Equal(t, tt.seals, err == nil, "sign: %v", err)

			ours = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: inState(t, tt.state, public(partner()))})
			check(t, ours, sealed, tt.verify)
			_, err = ours.Seal(context.Background(), body)
			assert.Equal(t, tt.seals, err == nil, "encrypt: %v", err)
		})
	}
}

func check(t *testing.T, e *pgp.Envelope, sealed []byte, want envelope.Reason) {
	if want == "" {
		assert.Equal(t, body, open(t, e, sealed).Payload)
		return
	}
	rejected(t, e, sealed, want)
}

// One good signature by a trusted key is enough, whatever stands beside it and
// in whatever order (T9, and the rotation findings of the peers).
func TestAnyOneGoodSignature(t *testing.T) {
	revoked, stranger := revokedPartner(), newKey(t, "stranger")
	own := active(t, bank())
	peer, err := keyset.New(1,
		keyset.Key{Material: public(partner()), State: keyset.Active},
		keyset.Key{Material: public(revoked), State: keyset.Revoked})
	require.NoError(t, err)
	e := newEnvelope(t, pgp.Config{Own: own, Peer: peer})
	f := newForger(t, bank())
	good := signaturePacket(t, partner(), body, nil)
	beside := map[string]struct {
		sig              []byte
		ignored, unknown int
	}{
		"unknown":     {signaturePacket(t, stranger, body, nil), 0, 1},
		"revoked":     {signaturePacket(t, revoked, body, nil), 1, 0},
		"own":         {signaturePacket(t, bank(), body, nil), 1, 0},
		"broken":      {signaturePacket(t, partner(), []byte("other"), nil), 1, 0},
		"future":      {signaturePacket(t, partner(), body, func(s *packet.Signature) { s.CreationTime = time.Now().Add(time.Hour) }), 1, 0},
		"weak":        {signaturePacket(t, partner(), body, func(s *packet.Signature) { s.Hash = 3 }), 1, 0},
		"misdirected": {signaturePacket(t, partner(), body, toNobody), 1, 0},
		"unsupported": {rawPacket(2, append([]byte{10}, good[10:]...)), 0, 0},
		"malformed":   {rawPacket(2, []byte{4, 0, 1}), 0, 0},
	}
	lit := literalPacket(body)
	for name, b := range beside {
		for order, packets := range map[string][][]byte{
			"after":              {lit, b.sig, good},
			"before":             {lit, good, b.sig},
			"old style":          {b.sig, good, lit},
			"old style, other":   {good, b.sig, lit},
			"old and new":        {b.sig, lit, good},
			"compressed":         {compressed(2, bytes.Join([][]byte{lit, b.sig, good}, nil))},
			"one-pass of nobody": {onePassPacket(0), lit, b.sig, good},
			"marker and padding": {rawPacket(10, []byte("PGP")), lit, rawPacket(21, []byte("pad")), b.sig, good, rawPacket(60, nil)},
		} {
			t.Run(name+", "+order, func(t *testing.T) {
				m := open(t, e, f.message(packets...))
				assert.Equal(t, body, m.Payload)
				require.Len(t, m.Signers, 1)
				assert.Equal(t, partner().Info().ID, m.Signers[0].ID)
				assert.Len(t, m.Ignored, b.ignored)
				assert.Len(t, m.Unknown, b.unknown)
			})
		}
	}
}

func toNobody(s *packet.Signature) {
	s.IntendedRecipients = []*packet.Recipient{{KeyVersion: 4, Fingerprint: bytes.Repeat([]byte{9}, 20)}}
}

func onePassPacket(keyID byte) []byte {
	return rawPacket(4, []byte{3, 0, 8, 22, keyID, keyID, keyID, keyID, keyID, keyID, keyID, keyID, 1})
}

// What one signature lacks, another does not lend: the only signature that is
// for us is by a stranger, the only one by the partner is for somebody else.
func TestSignaturesLendNothing(t *testing.T) {
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), OpenContext: "order", MaxAge: time.Hour})
	f := newForger(t, bank())
	lit := literalPacket(body)
	inContext := func(s *packet.Signature) {
		s.Notations = []*packet.Notation{{Name: "context@sealwax.github.io", Value: []byte("order"), IsHumanReadable: true}}
	}
	old := func(s *packet.Signature) { inContext(s); s.CreationTime = time.Now().Add(-2 * time.Hour) }
	stranger := newKey(t, "stranger")
	fresh := signaturePacket(t, stranger, body, inContext)
	rejected(t, e, f.message(lit, fresh, signaturePacket(t, partner(), body, nil)), envelope.Misdirected)
	rejected(t, e, f.message(lit, signaturePacket(t, partner(), body, nil), fresh), envelope.Misdirected)
	rejected(t, e, f.message(lit, fresh, signaturePacket(t, partner(), body, old)), envelope.OutOfTime)
	open(t, e, f.message(lit, fresh, signaturePacket(t, partner(), body, inContext)))
}

// A signature need not name its key (RFC 9580, Section 5.2.3.12).
func TestSignatureThatNamesNobody(t *testing.T) {
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(third()), public(partner()))})
	f := newForger(t, bank())
	anonymous := func(by *pgp.Key) []byte {
		e := entity(t, by)
		key := *e.PrivateKey
		key.Fingerprint, key.KeyId = nil, 0
		return signatureBy(t, &key, body, func(s *packet.Signature) { s.IssuerKeyId = ptr(uint64(0)) })
	}
	m := open(t, e, f.message(literalPacket(body), anonymous(partner())))
	assert.True(t, m.SignedBy(partner().Info().ID))
	rejected(t, e, f.message(literalPacket(body), anonymous(newKey(t, "stranger"))), envelope.UnknownSigner)
	rejected(t, e, f.message(literalPacket(body), anonymous(bank())), envelope.Misdirected)
}

func TestTimeOfSignatures(t *testing.T) {
	var now time.Time
	clock := func() time.Time { return now }
	config := pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Now: clock}
	e := newEnvelope(t, config)
	config.MaxAge = time.Hour
	limited := newEnvelope(t, config)
	f := newForger(t, bank())
	made, end := partner().Info().NotBefore, partner().Info().NotAfter
	signedAt := func(at time.Time) []byte {
		return f.message(literalPacket(body), signaturePacket(t, partner(), body, func(s *packet.Signature) { s.CreationTime = at }))
	}
	day := 24 * time.Hour
	mid := made.Add(100 * day)
	for _, tt := range []struct {
		name    string
		now, at time.Time
		ok      bool
		limited bool
	}{
		{"now", mid, mid, true, true},
		{"five minutes ahead", mid, mid.Add(5 * time.Minute), true, true},
		{"more than that", mid, mid.Add(5*time.Minute + time.Second), false, false},
		{"an hour old", mid, mid.Add(-time.Hour), true, true},
		{"older", mid, mid.Add(-time.Hour - time.Second), true, false},
		{"months old", mid, made.Add(day), true, false},
		{"as the key was made", mid, made, true, false},
		{"before the key was made", mid, made.Add(-time.Hour), false, false},
		{"in the key's last second", end, end, true, true},
		{"under way when the key ended", end.Add(day), end, true, false},
		{"by a key that ended more than a day ago", end.Add(day + time.Second), end, false, false},
		{"back-dated by such a key", end.Add(30 * day), mid, false, false},
		{"after the key ended", end.Add(time.Hour), end.Add(time.Minute), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now = tt.now
			sealed := signedAt(tt.at)
			for _, c := range []struct {
				e  *pgp.Envelope
				ok bool
			}{{e, tt.ok}, {limited, tt.limited}} {
				if c.ok {
					open(t, c.e, sealed)
				} else {
					rejected(t, c.e, sealed, envelope.OutOfTime)
				}
			}
		})
	}
	t.Run("bounds of the entry", func(t *testing.T) {
		now = mid
		peer, err := keyset.New(1, keyset.Key{Material: public(partner()), State: keyset.Active, NotAfter: mid.Add(-2 * day)})
		require.NoError(t, err)
		narrow := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer, Now: clock})
		rejected(t, narrow, signedAt(mid.Add(-3*day)), envelope.OutOfTime)
		now = mid.Add(-day)
		open(t, narrow, signedAt(mid.Add(-3*day)))
	})
	t.Run("own keys decrypt after their end", func(t *testing.T) {
		now = mid
		expired := newEnvelope(t, pgp.Config{Own: func() *keyset.Set {
			s, err := keyset.New(1, keyset.Key{Material: bank(), State: keyset.Active, NotAfter: mid.Add(-day)})
			require.NoError(t, err)
			return s
		}(), Peer: active(t, public(partner())), Now: clock})
		open(t, expired, signedAt(mid))
		_, err := expired.Seal(context.Background(), body)
		assert.ErrorIs(t, err, envelope.ErrNoKey)
	})
}

// Whoever receives a signed message can encrypt it anew to others (T7, T8).
func TestSurreptitiousForwarding(t *testing.T) {
	toThird := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(third())), Encoding: pgp.Binary})
	sealed := seal(t, toThird, body)
	signed := plaintext(t, third(), sealed)
	for _, hidden := range []bool{false, true} {
		f := newForger(t, bank())
		f.hidden = hidden
		forwarded := f.message(signed)
		e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()))})
		rejected(t, e, forwarded, envelope.Misdirected)
		// Trap T6: a session key for a password switches the library's check off.
		rejected(t, e, append(rawPacket(3, []byte{4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 96}), forwarded...), envelope.Misdirected)
	}
	// GnuPG 2.2 names no recipient. Such a message opens, and is not bound.
	unbound := newForger(t, bank()).message(literalPacket(body), signaturePacket(t, partner(), body, nil))
	config := pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()))}
	assert.False(t, open(t, newEnvelope(t, config), unbound).Bound)
	config.RequireBound = true
	rejected(t, newEnvelope(t, config), unbound, envelope.Misdirected)
	_, theirs := conversation(t, bank(), partner())
	assert.True(t, open(t, newEnvelope(t, config), seal(t, theirs, body)).Bound)
}

// plaintext returns the signed packets inside a message.
func plaintext(t *testing.T, k *pgp.Key, binary []byte) []byte {
	sub := entity(t, k).Subkeys[0].PrivateKey
	r := packet.NewReader(bytes.NewReader(binary))
	p, err := r.Next()
	require.NoError(t, err)
	ek := p.(*packet.EncryptedKey)
	require.NoError(t, ek.Decrypt(sub, nil))
	p, err = r.Next()
	require.NoError(t, err)
	rc, err := p.(*packet.SymmetricallyEncrypted).Decrypt(ek.CipherFunc, ek.Key)
	require.NoError(t, err)
	var b bytes.Buffer
	_, err = b.ReadFrom(rc)
	require.NoError(t, err)
	return b.Bytes()
}

func TestContexts(t *testing.T) {
	server := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), SealContext: "reply", OpenContext: "order"})
	client := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank())), SealContext: "order", OpenContext: "reply"})
	refunds := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), OpenContext: "refund"})
	_, none := conversation(t, bank(), partner())
	order := seal(t, client, body)
	m := open(t, server, order)
	assert.Equal(t, map[string]any{"context@sealwax.github.io": "order"}, m.Header)
	rejected(t, refunds, order, envelope.Misdirected)
	rejected(t, server, seal(t, none, body), envelope.Misdirected)
	open(t, client, seal(t, server, body))
	// A captured reply of the partner, posted to us as an order.
	theirServer := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank())), SealContext: "reply", OpenContext: "order"})
	rejected(t, server, seal(t, theirServer, body), envelope.Misdirected)
}

// Contexts that cannot keep conversations apart are refused by New.
func TestContextsThatCannotWork(t *testing.T) {
	for want, c := range map[string]pgp.Config{
		"SealContext without OpenContext": {SealContext: "order"},
		"are the same":                    {SealContext: "order", OpenContext: "order"},
		"not valid UTF-8":                 {OpenContext: "\xff"},
		"Skew is 5ns":                     {Skew: 5},
	} {
		c.Own, c.Peer = active(t, bank()), active(t, public(partner()))
		_, err := pgp.New(c)
		assert.ErrorContains(t, err, want)
	}
}

// Every trusted key is tried: named, hidden, and whichever opened last first.
func TestHiddenRecipients(t *testing.T) {
	var keys []*pgp.Key
	for i := range 6 {
		keys = append(keys, newKey(t, fmt.Sprint("own ", i)))
	}
	keys = append(keys, bankRSA())
	e := newEnvelope(t, pgp.Config{Own: active(t, keys...), Peer: active(t, public(partner()))})
	sig := signaturePacket(t, partner(), body, nil)
	for i, k := range keys {
		f := newForger(t, k)
		f.hidden = true
		sealed := f.message(literalPacket(body), sig)
		for range 2 {
			m := open(t, e, sealed)
			assert.Equal(t, k.Info().ID, m.Decrypter.ID, "key %d", i)
			assert.Empty(t, m.Addressed)
		}
	}
}

// The first session key for us is broken, or leads to a body that does not
// open: the next one is tried, RSA or not.
func TestSeveralSessionKeysForUs(t *testing.T) {
	for name, k := range map[string]*pgp.Key{"Curve25519": bank(), "RSA": bankRSA()} {
		e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
		f := newForger(t, k)
		good := f.message(literalPacket(body), signaturePacket(t, partner(), body, nil))
		other := newForger(t, k)
		other.session = bytes.Repeat([]byte{8}, 32)
		hidden := newForger(t, newKey(t, "somebody"))
		hidden.hidden = true
		session := f.pkesk()
		for what, before := range map[string][]byte{
			"broken":             flip(session, len(session)-3),
			"for another body":   other.pkesk(),
			"hidden, not for us": hidden.pkesk(),
			"unknown version":    rawPacket(1, []byte{9, 1, 2, 3}),
			"empty":              rawPacket(1, nil),
			"three wrong ones":   bytes.Repeat(other.pkesk(), 3),
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				assert.Equal(t, body, open(t, e, append(bytes.Clone(before), good...)).Payload)
			})
		}
	}
}

// Trap T19: what a stranger can make us do is bounded.
func TestT19WorkIsBounded(t *testing.T) {
	var keys []*pgp.Key
	for i := range keyset.MaxKeys {
		keys = append(keys, newKey(t, fmt.Sprint("own ", i)))
	}
	e := newEnvelope(t, pgp.Config{Own: active(t, keys...), Peer: active(t, public(partner()))})
	f := newForger(t, newKey(t, "stranger"))
	f.hidden = true
	lit, sig := literalPacket(body), signaturePacket(t, partner(), body, nil)

	one := f.message(lit, sig)
	rejected(t, e, one, envelope.NotForUs)                                        // 16 private-key operations
	rejected(t, e, append(bytes.Repeat(f.pkesk(), 3), one...), envelope.NotForUs) // 64
	rejected(t, e, append(bytes.Repeat(f.pkesk(), 4), one...), envelope.TooLarge)

	// What is limited is trials, and not places: a session key that names us is
	// found wherever it stands.
	g := newForger(t, keys[3])
	named := newForger(t, newKey(t, "somebody else"))
	mine := g.message(lit, sig)
	open(t, e, append(bytes.Repeat(named.pkesk(), 31), mine...))
	open(t, e, append(bytes.Repeat(named.pkesk(), 200), mine...))
	rejected(t, e, append(bytes.Repeat(named.pkesk(), 256), mine...), envelope.Malformed)

	// Of 33 signatures only 32 are looked at.
	bad := signaturePacket(t, partner(), []byte("other"), nil)
	open(t, e, g.message(append([][]byte{lit}, append(repeat(bad, 31), sig)...)...))
	rejected(t, e, g.message(append([][]byte{lit}, append(repeat(bad, 32), sig)...)...), envelope.BadSignature)

	// Of wrong session keys that conform, as many reach the body as its size is
	// worth: four of a large one.
	other := newForger(t, keys[3])
	other.session = bytes.Repeat([]byte{8}, 32)
	open(t, e, append(bytes.Repeat(other.pkesk(), 3), mine...))
	open(t, e, append(bytes.Repeat(other.pkesk(), 31), mine...))
	rejected(t, e, append(bytes.Repeat(other.pkesk(), 32), mine...), envelope.Corrupt)
	long := octets(1 << 20)
	large := g.message(literalPacket(long), signaturePacket(t, partner(), long, nil))
	open(t, e, append(bytes.Repeat(other.pkesk(), 3), large...))
	rejected(t, e, append(bytes.Repeat(other.pkesk(), 4), large...), envelope.Corrupt)
}

func repeat(p []byte, n int) [][]byte {
	var out [][]byte
	for range n {
		out = append(out, p)
	}
	return out
}

func TestMaxSize(t *testing.T) {
	const limit = 10_000
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), MaxSize: limit})
	f := newForger(t, bank())
	for _, n := range []int{limit, limit + 1} {
		payload := make([]byte, n)
		sig := signaturePacket(t, partner(), payload, nil)
		for name, sealed := range map[string][]byte{
			"plain":      f.message(literalPacket(payload), sig),
			"compressed": f.message(compressed(2, append(literalPacket(payload), sig...))),
		} {
			t.Run(fmt.Sprint(n, " ", name), func(t *testing.T) {
				if n <= limit {
					open(t, e, sealed)
				} else {
					rejected(t, e, sealed, envelope.TooLarge)
				}
			})
		}
	}
}

func TestWaivers(t *testing.T) {
	reason := "the partner's gateway is from 2009"
	f := newForger(t, bank())
	lit := literalPacket(body)
	for name, tt := range map[string]struct {
		waiver  envelope.Waiver
		sealed  []byte
		without envelope.Reason
	}{
		"unsigned": {pgp.InsecureUnsigned(reason), f.message(lit), envelope.Unsigned},
	} {
		t.Run(name, func(t *testing.T) {
			config := pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()))}
			if tt.sealed != nil {
				rejected(t, newEnvelope(t, config), tt.sealed, tt.without)
			}
			config.Waive = []envelope.Waiver{tt.waiver}
			var events []envelope.Event
			config.Observe = func(_ context.Context, e envelope.Event) { events = append(events, e) }
			e := newEnvelope(t, config)
			if tt.sealed != nil {
				m := open(t, e, tt.sealed)
				require.Len(t, m.Waived, 1)
				assert.Equal(t, tt.waiver.Name(), m.Waived[0].Name())
				assert.Equal(t, reason, m.Waived[0].Reason())
				assert.Equal(t, m.Waived, events[0].Waived)
			}
			// A waiver that was not needed is not reported.
			_, theirs := conversation(t, bank(), partner())
			assert.Empty(t, open(t, e, seal(t, theirs, body)).Waived)
		})
	}
	// What no waiver permits.
	all := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())),
		Waive: []envelope.Waiver{pgp.InsecureUnsigned(reason), pgp.InsecureSHA1Certificates(reason)}})
	rejected(t, all, f.message(lit, signaturePacket(t, partner(), body, func(s *packet.Signature) { s.Hash = 3 })), envelope.Forbidden)
	rejected(t, all, unprotected(t, f, lit, signaturePacket(t, partner(), body, nil)), envelope.Forbidden)
	// A message that carries signatures still needs one that verifies.
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Waive: []envelope.Waiver{pgp.InsecureUnsigned(reason)}})
	rejected(t, e, f.message(lit, signaturePacket(t, newKey(t, "stranger"), body, nil)), envelope.UnknownSigner)
}

// unprotected is a message in Symmetrically Encrypted Data, as old programs
// write it (RFC 9580, Section 5.7). The library does not write it any more.
func unprotected(t *testing.T, f *forger, packets ...[]byte) []byte {
	block, err := aes.NewCipher(f.session)
	require.NoError(t, err)
	stream, prefix := packet.NewOCFBEncrypter(block, bytes.Repeat([]byte{3}, aes.BlockSize), packet.OCFBResync)
	data := bytes.Join(packets, nil)
	stream.XORKeyStream(data, data)
	return append(f.pkesk(), rawPacket(9, append(prefix, data...))...)
}

func TestUsageAndEvents(t *testing.T) {
	own, peer := keyset.NewRing(active(t, bank())), keyset.NewRing(active(t, public(partner())))
	var events []envelope.Event
	e := newEnvelope(t, pgp.Config{Own: own, Peer: peer, Observe: func(_ context.Context, ev envelope.Event) { events = append(events, ev) }})
	_, theirs := conversation(t, bank(), partner())
	sealed := seal(t, theirs, body)
	seal(t, e, body)
	open(t, e, sealed)
	_, err := e.Open(context.Background(), []byte("x"))
	require.Error(t, err)

	ours, _ := own.Usage(bank().Info().ID)
	assert.Equal(t, [2]uint64{1, 2}, [2]uint64{ours.Sealed, ours.Opened}, "open opens twice: Open and OpenTo")
	them, _ := peer.Usage(partner().Info().ID)
	assert.Equal(t, [2]uint64{1, 2}, [2]uint64{them.Sealed, them.Opened})
	require.Len(t, events, 4)
	assert.Equal(t, events[1].Size, events[2].Size)
	assert.Equal(t, "seal", events[0].Op)
	assert.Len(t, events[0].Keys, 2)
	assert.Positive(t, events[0].Size)
	assert.Equal(t, "open", events[1].Op)
	assert.Equal(t, int64(len(sealed)), events[1].Size)
	assert.Len(t, events[1].Keys, 2)
	assert.ErrorIs(t, events[3].Err, envelope.ErrRejected)
	assert.Empty(t, events[3].Keys)
}

// Unsigned messages are evidence of nothing: anyone can make them.
func TestUnsignedIsNoEvidence(t *testing.T) {
	own := keyset.NewRing(active(t, bank()))
	e := newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner())), Waive: []envelope.Waiver{pgp.InsecureUnsigned("test")}})
	open(t, e, newForger(t, bank()).message(literalPacket(body)))
	u, _ := own.Usage(bank().Info().ID)
	assert.Zero(t, u.Opened)
}

// Messages under way open while both sides rotate; -race.
func TestConcurrentRotation(t *testing.T) {
	next := newKey(t, "next")
	own := keyset.NewRing(active(t, bank(), next))
	peer := keyset.NewRing(active(t, public(partner())))
	e := newEnvelope(t, pgp.Config{Own: own, Peer: peer})
	_, theirs := conversation(t, bank(), partner())
	sealed := seal(t, theirs, body)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			assert.NoError(t, own.Retire(next.Info().ID))
			assert.NoError(t, own.Promote(next.Info().ID))
		}
	})
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for range 5 {
				m, err := e.Open(context.Background(), sealed)
				if assert.NoError(t, err) {
					assert.Equal(t, body, m.Payload)
				}
				_, err = e.Seal(context.Background(), body)
				assert.NoError(t, err)
			}
		})
	}
	workers.Wait()
	cancel()
	wg.Wait()
}

func TestInspect(t *testing.T) {
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()), public(partRSA())), Encoding: pgp.Armor})
	o, err := pgp.Inspect(seal(t, ours, body))
	require.NoError(t, err)
	assert.Equal(t, keyset.OpenPGP, o.Format)
	assert.Equal(t, "armor", o.Encoding)
	assert.Equal(t, []string{"ECDH", "RSA"}, o.Algorithms)
	require.Len(t, o.Recipients, 2)
	assert.Len(t, o.Recipients[0], 16)
	f := newForger(t, bank())
	f.hidden = true
	o, err = pgp.Inspect(f.message(literalPacket(body)))
	require.NoError(t, err)
	assert.Equal(t, []keyset.ID{""}, o.Recipients)
	_, err = pgp.Inspect([]byte("nothing"))
	var oe *envelope.OpenError
	assert.True(t, errors.As(err, &oe))
}

// Under another date the same key has another fingerprint. It is still ours, and
// still revoked: whoever registers it as his own does not become its owner.
func TestSameKeyUnderAnotherFingerprint(t *testing.T) {
	redated := func(k *pgp.Key) *pgp.Key {
		e := entity(t, k)
		var b bytes.Buffer
		require.NoError(t, e.PrivateKey.Serialize(&b))
		packets := b.Bytes()
		at := bytes.Index(packets[:8], []byte{4, byte(e.PrimaryKey.CreationTime.Unix() >> 24)})
		packets[at+4]-- // a second of its date
		p, err := packet.Read(bytes.NewReader(packets))
		require.NoError(t, err)
		e.PrivateKey = p.(*packet.PrivateKey)
		e.PrimaryKey = &e.PrivateKey.PublicKey
		for _, id := range e.Identities {
			require.NoError(t, id.SelfCertifications[0].Packet.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, nil))
		}
		binding := e.Subkeys[0].Bindings[0].Packet
		require.NoError(t, binding.SignKey(e.Subkeys[0].PublicKey, e.PrivateKey, nil))
		return readEntity(t, e)
	}
	f := newForger(t, bank())
	lit := literalPacket(body)

	// The partner registers our key under another date, and sends us our own words.
	impostor := redated(bank())
	require.NotEqual(t, bank().Info().ID, impostor.Info().ID)
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(impostor), public(partner()))})
	rejected(t, e, f.message(lit, signaturePacket(t, impostor, body, nil)), envelope.Misdirected)

	// A revoked key comes back under another date.
	again := redated(partner())
	peer, err := keyset.New(1, keyset.Key{Material: public(partner()), State: keyset.Revoked}, keyset.Key{Material: public(again), State: keyset.Active})
	require.NoError(t, err)
	e = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer})
	rejected(t, e, f.message(lit, signaturePacket(t, again, body, nil)), envelope.RevokedSigner)

	own, err := keyset.New(1, keyset.Key{Material: bank(), State: keyset.Revoked}, keyset.Key{Material: impostor, State: keyset.Active})
	require.NoError(t, err)
	e = newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner()))})
	rejected(t, e, f.message(lit, signaturePacket(t, partner(), body, nil)), envelope.RevokedRecipient)
}
