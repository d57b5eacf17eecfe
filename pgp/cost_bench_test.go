package pgp_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// What a stranger can make us do, beside an honest message of as many bytes
// with the same keys: "ratio" is the time of the hostile one to that of the
// honest one, taken in turn.
//
//	go test -run - -bench Hostile ./pgp
func BenchmarkHostile(b *testing.B) {
	var own []*pgp.Key
	for range keyset.MaxKeys - 1 {
		own = append(own, newKey(b, "own"))
	}
	own = append(own, bankRSA())
	config := pgp.Config{Own: active(b, own...), Peer: active(b, public(partner()))}
	e := newEnvelope(b, config)
	sig := signaturePacket(b, partner(), body, nil)
	hidden := func(k *pgp.Key) *forger {
		f := newForger(b, k)
		f.hidden = true
		return f
	}
	stranger := hidden(newKey(b, "stranger"))
	strangerRSA := hidden(partRSA())
	named := newForger(b, bankRSA())
	for name, sealed := range map[string][]byte{
		"SessionKeys/Curve25519": append(bytes.Repeat(stranger.pkesk(), 32), stranger.seipd(literalPacket(body))...),
		"SessionKeys/RSA":        append(bytes.Repeat(strangerRSA.pkesk(), 32), strangerRSA.seipd(literalPacket(body))...),
		"Bodies":                 append(bytes.Repeat(named.pkesk(), 3), append(wrongKeys(b), named.seipd(literalPacket(make([]byte, 1<<20)))...)...),
		"Signatures/Named":       named.message(append([][]byte{literalPacket(make([]byte, 1<<20))}, repeat(sig, 32)...)...),
		"Signatures/Unnamed":     named.message(append([][]byte{literalPacket(make([]byte, 1<<20))}, repeat(unnamed(b), 32)...)...),
		"Bomb/zlib":              named.message(compressed(2, literalPacket(make([]byte, 31<<20)))),
		"Quine":                  named.message(compressed(2, compressed(2, compressed(2, literalPacket(body))))),
		"ChunkSize":              chunkOctet16(b, bankRSA()),
		"Padding":                append(bytes.Repeat(rawPacket(21, nil), 200), named.message(literalPacket(body))...),
	} {
		honest := honestOf(b, len(sealed))
		b.Run(name, func(b *testing.B) {
			ratio(b, len(sealed), func() {
				_, err := e.Open(context.Background(), sealed)
				require.Error(b, err)
			}, func() {
				_, err := e.Open(context.Background(), honest)
				require.NoError(b, err)
			})
		})
	}
}

// honestOf is a good message of about n bytes to a hidden RSA key.
func honestOf(b *testing.B, n int) []byte {
	f := newForger(b, bankRSA())
	f.hidden = true
	payload := make([]byte, max(1, n-1000))
	return f.message(onePassPacket(0), literalPacket(payload), signaturePacket(b, partner(), payload, nil))
}

func wrongKeys(b *testing.B) []byte {
	f := newForger(b, bankRSA())
	f.session = bytes.Repeat([]byte{9}, 32)
	return f.pkesk()
}

func unnamed(b *testing.B) []byte {
	key := *entity(b, partner()).PrivateKey
	key.Fingerprint, key.KeyId = nil, 0
	return signatureBy(b, &key, []byte("other"), func(s *packet.Signature) { s.IssuerKeyId = ptr(uint64(0)) })
}

// chunkOctet16 claims chunks of 4 MiB in a message of a few hundred bytes.
func chunkOctet16(b *testing.B, k *pgp.Key) []byte {
	e := newEnvelope(b, pgp.Config{Own: active(b, partner()), Peer: active(b, public(k)), Encoding: pgp.Binary})
	sealed := seal(b, e, body)
	at := bytes.LastIndex(sealed, []byte{2, 9, 2})
	sealed[at+3] = 16
	return sealed
}
