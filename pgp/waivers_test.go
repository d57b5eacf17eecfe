package pgp_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"fmt"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

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
