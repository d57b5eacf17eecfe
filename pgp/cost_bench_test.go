package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	library "github.com/ProtonMail/go-crypto/openpgp/v2"
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

// What the operations with one key cost beside those of RSA-4096, taken in turn: cert.Cost
// has these figures, rounded.
//
//	go test -run - -bench Costs ./pgp
func BenchmarkCosts(b *testing.B) {
	operations := func(c packet.Config) (verify, decrypt func()) {
		c.V6Keys = c.Algorithm >= packet.PubKeyAlgoX25519
		e, err := library.NewEntity("a", "", "a@partner.example", &c)
		require.NoError(b, err)
		version := e.PrimaryKey.Version
		sig := &packet.Signature{Version: version, PubKeyAlgo: e.PrimaryKey.PubKeyAlgo, Hash: crypto.SHA512, CreationTime: e.PrimaryKey.CreationTime}
		h, err := sig.PrepareSign(&packet.Config{V6Keys: c.V6Keys})
		require.NoError(b, err)
		require.NoError(b, sig.Sign(h, e.PrivateKey, nil))
		verify = func() {
			h, err := sig.PrepareVerify()
			require.NoError(b, err)
			require.NoError(b, e.PrimaryKey.VerifySignature(h, sig))
		}
		if len(e.Subkeys) == 0 {
			return verify, nil
		}
		var session bytes.Buffer
		require.NoError(b, packet.SerializeEncryptedKey(&session, e.Subkeys[0].PublicKey, packet.CipherAES256, make([]byte, 32), nil))
		return verify, func() {
			p, err := packet.Read(bytes.NewReader(session.Bytes()))
			require.NoError(b, err)
			require.NoError(b, p.(*packet.EncryptedKey).Decrypt(e.Subkeys[0].PrivateKey, nil))
		}
	}
	verifyRSA, decryptRSA := operations(packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 4096})
	for name, c := range map[string]packet.Config{
		"RSA-2048": {Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}, "RSA-8192": {Algorithm: packet.PubKeyAlgoRSA, RSABits: 8192},
		"Curve25519": {Algorithm: packet.PubKeyAlgoEd25519}, "Curve448": {Algorithm: packet.PubKeyAlgoEd448},
		"P-256": {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}, "P-384": {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP384},
		"P-521":         {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP521},
		"Brainpool-256": {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP256}, "Brainpool-384": {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP384},
		"Brainpool-512":        {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP512},
		"ML-DSA-65,ML-KEM-768": {Algorithm: packet.PubKeyAlgoMldsa65Ed25519}, "ML-DSA-87,ML-KEM-1024": {Algorithm: packet.PubKeyAlgoMldsa87Ed448},
		"SLH-DSA-128s": {Algorithm: packet.PubKeyAlgoSlhdsaShake128s}, "SLH-DSA-128f": {Algorithm: packet.PubKeyAlgoSlhdsaShake128f}, "SLH-DSA-256s": {Algorithm: packet.PubKeyAlgoSlhdsaShake256s},
	} {
		verify, decrypt := operations(c)
		b.Run(name+"/Verify", func(b *testing.B) { ratio(b, 0, verify, verifyRSA) })
		if decrypt != nil {
			b.Run(name+"/Decrypt", func(b *testing.B) { ratio(b, 0, decrypt, decryptRSA) })
		}
	}
}

// ratio runs both in turn and reports how the times compare.
func ratio(b *testing.B, size int, ours, limit func()) {
	var t, l time.Duration
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		ours()
		t += time.Since(start)
		b.StopTimer()
		start = time.Now()
		limit()
		l += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(t)/float64(l), "ratio")
}
