package pgp_test

import (
	"bytes"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

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
