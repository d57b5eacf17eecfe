package pgp_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

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
