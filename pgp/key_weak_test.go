package pgp_test

import (
	"context"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A team that lives with one RSA key for both uses can rotate away from it: under a
// waiver that names the key, and no other way.
func TestRSAKeyForBothUses(t *testing.T) {
	e := entity(t, bankRSA())
	e.Subkeys = nil
	flags := func(set func(*packet.Signature)) *pgp.Key {
		for _, id := range e.Identities {
			sig := id.SelfCertifications[0].Packet
			set(sig)
			require.NoError(t, sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, nil))
		}
		return readEntity(t, e)
	}
	for name, k := range map[string]*pgp.Key{
		"flags for both": flags(func(s *packet.Signature) { s.FlagEncryptCommunications = true }),
		"no flags":       flags(func(s *packet.Signature) { s.FlagsValid = false }),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, keyset.Signing|keyset.Encryption, k.Info().Use)
			id := k.Info().ID
			waive := []envelope.Waiver{pgp.InsecureRSADualUse("until the next rotation", id)}
			others := []envelope.Waiver{pgp.InsecureRSADualUse("until the next rotation", bank().Info().ID)}
			f := newForger(t, bank())
			f.to.Subkeys[0].PublicKey = entity(t, public(k)).PrimaryKey
			message := f.message(literalPacket(body), signaturePacket(t, partner(), body, nil))
			for _, w := range [][]envelope.Waiver{nil, others} {
				ours := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner())), Waive: w})
				oe := rejected(t, ours, message, envelope.Forbidden)
				assert.ErrorContains(t, oe.Cause(), "pgp.InsecureRSADualUse")
				_, err := ours.Seal(t.Context(), body)
				if name == "flags for both" {
					assert.ErrorIs(t, err, envelope.ErrNoKey)
					assert.ErrorContains(t, err, "pgp.InsecureRSADualUse")
				} else {
					assert.NoError(t, err, "to sign it needs no waiver")
				}
			}
			ours := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner())), Waive: waive})
			m := open(t, ours, message)
			require.Len(t, m.Waived, 1)
			assert.Equal(t, []keyset.ID{id}, m.Waived[0].Keys())
			theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(k)), Waive: waive})
			assert.True(t, open(t, theirs, seal(t, ours, body)).SignedBy(id))
			assert.Equal(t, body, open(t, ours, seal(t, theirs, body)).Payload)

			strict := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(k))})
			_, err := strict.Seal(t.Context(), body)
			if name == "flags for both" {
				assert.NoError(t, err, "a partner may have flagged one for both")
			} else {
				assert.ErrorIs(t, err, envelope.ErrNoKey)
				assert.ErrorContains(t, err, "pgp.InsecureRSADualUse")
			}
		})
	}
	assert.Panics(t, func() { pgp.InsecureRSADualUse("for all") })
}

func TestShortRSA(t *testing.T) {
	short, err := openpgp.NewEntity("short", "", "", &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024})
	require.NoError(t, err)
	k := readEntity(t, short)
	assert.Equal(t, 1024, k.Info().Bits)
	own, peer := active(t, k), active(t, public(k))

	// Neither to encrypt to, nor to sign with, nor to verify, nor to decrypt (T17),
	// and no waiver permits it.
	_, err = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer}).Seal(context.Background(), body)
	assert.ErrorContains(t, err, "1024 bits")
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	_, err = newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner()))}).Seal(context.Background(), body)
	assert.ErrorContains(t, err, "1024 bits")
	sealed := newForger(t, bank()).message(literalPacket(body), signaturePacket(t, k, body, nil))
	rejected(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer}), sealed, envelope.Forbidden)
	back := newForger(t, public(k)).message(literalPacket(body), signaturePacket(t, bank(), body, nil))
	rejected(t, newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(bank()))}), back, envelope.Forbidden)
}

func TestSHA1Certificates(t *testing.T) {
	e := entity(t, newKey(t, "old certificate"))
	plain := &packet.Config{NonDeterministicSignaturesViaNotation: ptr(false)}
	for _, id := range e.Identities {
		sig := id.SelfCertifications[0].Packet
		sig.Hash, sig.Notations = 3, nil
		require.NoError(t, sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, plain))
	}
	k := readEntity(t, e)
	peer := active(t, public(k))
	waive := []envelope.Waiver{pgp.InsecureSHA1Certificates("the partner's key is from 2012")}
	_, theirs := conversation(t, bank(), k)
	f := newForger(t, bank())
	sealed := f.message(literalPacket(body), signatureBy(t, e.PrivateKey, body, nil))
	_, err := theirs.Seal(context.Background(), body)
	assert.ErrorIs(t, err, envelope.ErrNoKey, "we do not seal with such a key of ours either")

	rejected(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer}), sealed, envelope.Forbidden)
	_, err = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer}).Seal(context.Background(), body)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	// Strict and lax envelopes over the same set do not disturb each other (T12).
	lax := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer, Waive: waive})
	m := open(t, lax, sealed)
	require.Len(t, m.Waived, 1)
	seal(t, lax, body)
	rejected(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer}), sealed, envelope.Forbidden)
}
