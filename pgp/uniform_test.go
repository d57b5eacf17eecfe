package pgp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// Trap T20: for every byte of five kinds of message, changed, the answer is
// the same text, and nothing is released. What still opens says the same as
// before: a changed byte that means nothing, such as the ID of a recipient
// that is hidden instead, or a reserved bit, changes no more than that.
func TestT20EveryOctetChanged(t *testing.T) {
	v6 := v6Own(t)
	rsaAEAD := libraryKey(t, "rsa", &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048, DefaultCipher: packet.CipherAES256, AEADConfig: &packet.AEADConfig{}})
	to := func(k *pgp.Key) *forger { return newForger(t, k) }
	lit, sig := literalPacket(body), signaturePacket(t, partner(), body, nil)
	for name, tt := range map[string]struct {
		own    *pgp.Key
		sealed []byte
	}{
		"Curve25519, version 1":             {bank(), to(bank()).message(onePassPacket(0), lit, sig)},
		"Curve25519, version 1, compressed": {bank(), to(bank()).message(compressed(2, bytes.Join([][]byte{onePassPacket(0), lit, sig}, nil)))},
		"RSA, version 1":                    {bankRSA(), to(bankRSA()).message(onePassPacket(0), lit, sig)},
		"RSA, version 2":                    {rsaAEAD, seal(t, newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(rsaAEAD)), Encoding: pgp.Binary}), body)},
		"X25519 of version 6, version 2":    {v6, seal(t, newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(v6)), Encoding: pgp.Binary}), body)},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvelope(t, pgp.Config{Own: active(t, tt.own), Peer: active(t, public(partner())), MaxSize: 1 << 20})
			require.Equal(t, body, open(t, e, tt.sealed).Payload)
			step := 1
			if testing.Short() {
				step = 7
			}
			opened := 0
			for i := 0; i < len(tt.sealed); i += step {
				changed := bytes.Clone(tt.sealed)
				changed[i] ^= 0x10
				m, err := e.Open(context.Background(), changed)
				if err == nil {
					opened++
					assert.Equal(t, body, m.Payload, "byte %d", i)
					continue
				}
				assert.Nil(t, m)
				oe, ok := errors.AsType[*envelope.OpenError](err)
				require.True(t, ok, "byte %d: %v", i, err)
				assert.Equal(t, "envelope: message rejected", fmt.Sprintf("%+v", oe))
			}
			assert.LessOrEqual(t, opened, 2, "more bytes than those that mean nothing")
		})
	}
}

// Implicit rejection: a session key that is put before the good one is no
// oracle. Whether it conforms, conforms for another cipher, or does not conform
// at all, the message opens.
func TestImplicitRejection(t *testing.T) {
	e := newEnvelope(t, pgp.Config{Own: active(t, bankRSA()), Peer: active(t, public(partner()))})
	f := newForger(t, bankRSA())
	good := f.message(onePassPacket(0), literalPacket(body), signaturePacket(t, partner(), body, nil))
	for _, hidden := range []bool{false, true} {
		g := newForger(t, bankRSA())
		g.hidden = hidden
		g.session = bytes.Repeat([]byte{8}, 32)
		conforming := g.pkesk()
		damaged := flip(conforming, len(conforming)-7)
		g.cipher = 3 // CAST5
		weak := g.pkesk()
		for name, before := range map[string][]byte{"conforming": conforming, "damaged": damaged, "weak": weak,
			"three": bytes.Join([][]byte{conforming, damaged, weak}, nil)} {
			t.Run(fmt.Sprint(name, " hidden ", hidden), func(t *testing.T) {
				assert.Equal(t, body, open(t, e, append(bytes.Clone(before), good...)).Payload)
			})
		}
	}
}
