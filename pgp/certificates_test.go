package pgp_test

import (
	"bytes"
	"crypto"
	goed "crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// packets cuts a binary certificate into its packets.
func packets(t testing.TB, in []byte) (all [][]byte) {
	r := packet.NewOpaqueReader(bytes.NewReader(in))
	for {
		p, err := r.Next()
		if err != nil {
			return all
		}
		var b bytes.Buffer
		require.NoError(t, p.Serialize(&b))
		all = append(all, b.Bytes())
	}
}

// selfSig begins a signature by the primary key.
func selfSig(by *packet.PrivateKey, kind packet.SignatureType) *packet.Signature {
	return &packet.Signature{Version: by.Version, SigType: kind, PubKeyAlgo: by.PubKeyAlgo, Hash: crypto.SHA256,
		CreationTime: time.Now().Add(-time.Hour), IssuerKeyId: &by.KeyId, FlagsValid: kind != packet.SigTypeKeyRevocation && kind != packet.SigTypeSubkeyRevocation}
}

func written(t testing.TB, s *packet.Signature) []byte {
	var b bytes.Buffer
	require.NoError(t, s.Serialize(&b))
	return b.Bytes()
}

// A certificate of the largest size is read, written in armor, and read again.
func TestLargestCertificate(t *testing.T) {
	cert := binaryKey(t, public(partner()))
	id := make([]byte, 2000)
	for i := 0; len(cert)+len(id)+6 < 1<<20; i++ {
		copy(id, fmt.Sprintf("%08d", i))
		cert = append(cert, rawPacket(13, id)...)
	}
	k, err := pgp.ReadKey(bytes.NewReader(cert))
	require.NoError(t, err)
	again, err := pgp.ReadKey(bytes.NewReader(mustCertificate(t, k)))
	require.NoError(t, err)
	assert.Equal(t, k.Info(), again.Info())
	_, _, err = k.Refresh(again)
	require.NoError(t, err)
	_, err = pgp.ReadKey(bytes.NewReader(append(cert, cert...)))
	assert.ErrorContains(t, err, "more than 1048576 bytes")
}

// Signatures by others count towards no limit, and what is written can be read
// again, after any merge.
func TestSignaturesByOthers(t *testing.T) {
	cert := packets(t, binaryKey(t, public(partner())))
	with := func(n int, seed byte) *pgp.Key {
		out := bytes.Join(cert[:3], nil)
		for i := range n {
			out = append(out, rawPacket(2, []byte{4, 0x10, 1, 8, 0, 6, 5, 2, seed, 0, byte(i >> 8), byte(i), 0, 10, 9, 16, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 0, 1, 1})...)
		}
		k, err := pgp.ReadKey(bytes.NewReader(append(out, bytes.Join(cert[3:], nil)...)))
		require.NoError(t, err)
		return k
	}
	a, b := with(3000, 1), with(3000, 2)
	merged, _, err := a.Refresh(b)
	require.NoError(t, err)
	again, err := pgp.ReadKey(bytes.NewReader(mustCertificate(t, merged.(*pgp.Key))))
	require.NoError(t, err)
	assert.Equal(t, a.Info(), again.Info())
}

// manyUserIDs is two copies of a certificate, each with n User IDs of its own.
func manyUserIDs(t testing.TB, n int) (out []byte) {
	cert := binaryKey(t, public(bank()))
	for copy := range byte(2) {
		out = append(out, cert...)
		for i := range n {
			out = append(out, 0xc0|13, 5, 'u', copy, byte(i>>16), byte(i>>8), byte(i))
		}
	}
	return out
}

// Copies with many User IDs are merged: each is looked up, and not compared with all
// others, which took 46 seconds.
func TestManyUserIDs(t *testing.T) {
	k, err := pgp.ReadKey(bytes.NewReader(manyUserIDs(t, 40_000)))
	require.NoError(t, err)
	assert.Equal(t, public(bank()).Info(), k.Info())
}

// The time that merging takes for each User ID does not grow with their number.
//
//	go test -run - -bench Merge ./pgp
func BenchmarkMerge(b *testing.B) {
	for _, n := range []int{5_000, 40_000} {
		ring := manyUserIDs(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				_, err := pgp.ReadKey(bytes.NewReader(ring))
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*n), "ns/ID")
		})
	}
}

// A certificate of which the primary key is under SHA-2 and the encryption subkey is
// bound under SHA-1 keeps both, under its waiver; our own decrypts without one.
func TestSubkeyBoundUnderSHA1(t *testing.T) {
	e := entity(t, newKey(t, "half old <o@o.example>"))
	binding := e.Subkeys[0].Bindings[0].Packet
	binding.Hash, binding.Notations = crypto.SHA1, nil
	require.NoError(t, binding.SignKey(e.Subkeys[0].PublicKey, e.PrivateKey, &packet.Config{NonDeterministicSignaturesViaNotation: ptr(false)}))
	k := readEntity(t, e)
	assert.Equal(t, keyset.Signing|keyset.Encryption, k.Info().Use)
	reason := "renewed in parts"
	waive := []envelope.Waiver{pgp.InsecureSHA1Certificates(reason)}

	strict := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k))})
	_, err := strict.Seal(t.Context(), body)
	require.ErrorIs(t, err, envelope.ErrNoKey)
	assert.ErrorContains(t, err, "bound under SHA-1, which pgp.InsecureSHA1Certificates can permit")
	lax := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k)), Waive: waive})
	sealed := seal(t, lax, body)
	ours := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(bank()))})
	assert.Empty(t, open(t, ours, sealed).Waived)
	assert.Empty(t, open(t, lax, seal(t, ours, body)).Waived, "the primary key needs none")
}

// The newest self-signature that has itself expired yields to the one before it.
func TestExpiredSelfSignatureYields(t *testing.T) {
	e := entity(t, newKey(t, "E <e@e.example>"))
	cert := packets(t, binaryKey(t, publicEntity(t, e)))
	s := selfSig(e.PrivateKey, packet.SigTypePositiveCert)
	s.CreationTime = time.Now().Add(time.Second) // newer than the one that is there
	s.SigLifetimeSecs = ptr(uint32(1))
	s.FlagCertify = true // and it would not sign
	require.NoError(t, s.SignUserId("E <e@e.example>", e.PrimaryKey, e.PrivateKey, nil))
	time.Sleep(2100 * time.Millisecond)
	p, err := pgp.ReadKey(bytes.NewReader(bytes.Join([][]byte{cert[0], cert[1], cert[2], written(t, s), bytes.Join(cert[3:], nil)}, nil)))
	require.NoError(t, err)
	assert.False(t, revokedFor(t, readEntity(t, e), p))
}

// Signatures of another version than the key count for nothing, and neither does
// one that names its issuer by a fingerprint of another version.
func TestSelfSignaturesOfAnotherVersion(t *testing.T) {
	v6, err := openpgp.NewEntity("v6", "", "v6@x.example", &packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoEd25519})
	require.NoError(t, err)
	k4 := *v6.PrivateKey
	k4.PublicKey.Version = 4
	k4.PublicKey.Fingerprint = append(make([]byte, 12), v6.PrimaryKey.Fingerprint[:8]...)
	s := selfSig(v6.PrivateKey, packet.SigTypeDirectSignature)
	s.Version, s.FlagSign, s.FlagCertify, s.Hash, s.IssuerKeyId = 4, true, true, crypto.SHA512, nil
	h := s.Hash.New()
	require.NoError(t, v6.PrimaryKey.SerializeForHash(h))
	require.NoError(t, s.Sign(h, &k4, nil))
	var key bytes.Buffer
	require.NoError(t, v6.PrimaryKey.Serialize(&key))
	_, err = pgp.ReadKey(bytes.NewReader(append(key.Bytes(), written(t, s)...)))
	assert.ErrorContains(t, err, "no valid self-signature")
}

// A signature names its issuer in its hashed part, and an unhashed name beside it
// is what anybody could have written.
func TestHashedIssuerOverrules(t *testing.T) {
	e, f, lit, sig := fixture(t)
	foreign := entity(t, third()).PrimaryKey
	end := bytes.Index(sig, []byte{22, 33, 4}) + 23 // of the hashed area; the unhashed one is empty
	require.Equal(t, []byte{0, 0}, sig[end:end+2], "%x", sig)
	unhashed := append([]byte{22, 33, 4}, foreign.Fingerprint...)
	tagged := append(bytes.Clone(sig[2:end]), 0, byte(len(unhashed)))
	tagged = append(append(tagged, unhashed...), sig[end+2:]...)
	open(t, e, f.message(lit, rawPacket(2, tagged)))

	wrong := bytes.Index(sig, []byte{22, 33, 4}) // the fingerprint, of version 4
	require.Positive(t, wrong)
	changed := bytes.Clone(sig)
	changed[wrong+2] = 6
	oe := rejected(t, e, f.message(lit, changed), envelope.BadSignature)
	assert.ErrorContains(t, oe.Cause(), "fingerprint of version 6")
}

// One pair of numbers under two algorithm identifiers is one key: revoked, or our
// own, under both. Seal asks, too.
func TestOneKeyUnderTwoAlgorithms(t *testing.T) {
	old := newKey(t, "Old <o@o.example>")
	std := goed.NewKeyFromSeed(entity(t, old).PrivateKey.PrivateKey.(*eddsa.PrivateKey).D)
	priv := ed25519.PrivateKey{PublicKey: ed25519.PublicKey{Point: std.Public().(goed.PublicKey)}, Key: []byte(std)}
	k := packet.NewEd25519PrivateKey(time.Now().Add(-time.Hour).Truncate(time.Second), &priv)
	var cert bytes.Buffer
	require.NoError(t, k.PublicKey.Serialize(&cert))
	cert.Write(rawPacket(13, []byte("Old <o@o.example>")))
	s := selfSig(k, packet.SigTypePositiveCert)
	s.FlagSign, s.FlagCertify = true, true
	require.NoError(t, s.SignUserId("Old <o@o.example>", &k.PublicKey, k, nil))
	cert.Write(written(t, s))
	again, err := pgp.ReadKey(&cert)
	require.NoError(t, err)
	require.NotEqual(t, old.Info().ID, again.Info().ID)
	set, err := keyset.New(1, keyset.Key{Material: public(old), State: keyset.Revoked}, keyset.Key{Material: again, State: keyset.Active})
	require.NoError(t, err)
	message := newForger(t, bank()).message(literalPacket(body), signatureBy(t, k, body, nil))
	rejected(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: set}), message, envelope.RevokedSigner)
	own := newForger(t, old).message(literalPacket(body), signatureBy(t, k, body, nil))
	rejected(t, newEnvelope(t, pgp.Config{Own: active(t, old), Peer: active(t, again)}), own, envelope.Misdirected)
}

// Seal does not encrypt to the numbers of a revoked key, whichever certificate has
// adopted them.
func TestSealAsksForRevokedNumbers(t *testing.T) {
	old, next := newKey(t, "Old <o@o.example>"), newKey(t, "New <n@n.example>")
	eo, en := entity(t, old), entity(t, next)
	cert := packets(t, binaryKey(t, public(next)))
	var sub bytes.Buffer
	require.NoError(t, eo.Subkeys[0].PublicKey.Serialize(&sub))
	b := selfSig(en.PrivateKey, packet.SigTypeSubkeyBinding)
	b.CreationTime = time.Now()
	b.FlagEncryptCommunications, b.FlagEncryptStorage = true, true
	require.NoError(t, b.SignKey(eo.Subkeys[0].PublicKey, en.PrivateKey, nil))
	adopted, err := pgp.ReadKey(bytes.NewReader(bytes.Join([][]byte{cert[0], cert[1], cert[2], sub.Bytes(), written(t, b)}, nil)))
	require.NoError(t, err)
	set, err := keyset.New(1, keyset.Key{Material: public(old), State: keyset.Revoked}, keyset.Key{Material: adopted, State: keyset.Active})
	require.NoError(t, err)
	_, err = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: set}).Seal(t.Context(), body)
	require.ErrorIs(t, err, envelope.ErrNoKey)
	assert.ErrorContains(t, err, "numbers of a revoked key")
}

// A subkey that did not consent to its binding does not sign, and it is said so.
func TestSubkeyWithoutBackSignature(t *testing.T) {
	e := entity(t, newKey(t, "lone"))
	require.NoError(t, e.AddSigningSubkey(&packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}))
	sub := e.Subkeys[1]
	binding := sub.Bindings[0].Packet
	binding.EmbeddedSignature = nil
	require.NoError(t, binding.SignKey(sub.PublicKey, e.PrivateKey, nil))
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, publicEntity(t, e))})
	oe := rejected(t, ours, newForger(t, bank()).message(literalPacket(body), signatureBy(t, sub.PrivateKey, body, nil)), envelope.Forbidden)
	assert.ErrorContains(t, oe.Cause(), "no back signature")
}

// Why a key does not seal is said for each key, and for each part of it.
func TestNoKeySaysWhy(t *testing.T) {
	ended, err := pgp.GenerateKey("ended", pgp.Curve25519, time.Hour)
	require.NoError(t, err)
	signs := entity(t, newKey(t, "signs"))
	signs.Subkeys = nil
	revoked := entity(t, newKey(t, "revoked"))
	withRevoked, err := pgp.ReadKey(bytes.NewReader(append(binaryKey(t, publicEntity(t, revoked)), subkeyRevocation(t, revoked, revoked.Subkeys[0].PublicKey)...)))
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		key  *pgp.Key
		at   time.Time
		want string
	}{
		"ended":     {public(ended), time.Now().Add(2 * time.Hour), "active, but ended on " + ended.Info().NotAfter.UTC().Format(time.RFC3339)},
		"too early": {public(ended), time.Now().Add(-2 * year), "active, but not valid before "},
		"signs":     {publicEntity(t, signs), time.Now(), "active, but not for encryption"},
		"revoked":   {withRevoked, time.Now(), string(withRevoked.Info().ID)},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, tt.key), Now: func() time.Time { return tt.at }})
			_, err := e.Seal(t.Context(), body)
			if name != "revoked" {
				own := newEnvelope(t, pgp.Config{Own: active(t, ended), Peer: active(t, public(partner())), Now: func() time.Time { return tt.at }})
				_, ownErr := own.Seal(t.Context(), body)
				assert.Equal(t, name != "signs", ownErr != nil)
			}
			require.ErrorIs(t, err, envelope.ErrNoKey)
			assert.ErrorContains(t, err, tt.want)
		})
	}
	none := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: inState(t, keyset.Retiring, public(partner()))})
	_, err = none.Seal(t.Context(), body)
	assert.ErrorContains(t, err, "(retiring)")
}
