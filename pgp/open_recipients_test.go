package pgp_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

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
