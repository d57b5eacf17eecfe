package pgp_test

import (
	"bytes"
	"crypto"
	goed "crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

func keyRevocation(t testing.TB, e *openpgp.Entity, change func(*packet.Signature)) []byte {
	s := selfSig(e.PrivateKey, packet.SigTypeKeyRevocation)
	reason := packet.KeyCompromised
	s.RevocationReason = &reason
	if change != nil {
		change(s)
	}
	require.NoError(t, s.RevokeKey(e.PrimaryKey, e.PrivateKey, nil))
	return written(t, s)
}

func subkeyRevocation(t testing.TB, e *openpgp.Entity, sub *packet.PublicKey) []byte {
	s := selfSig(e.PrivateKey, packet.SigTypeSubkeyRevocation)
	reason := packet.KeyCompromised
	s.RevocationReason = &reason
	require.NoError(t, s.RevokeSubkey(sub, e.PrivateKey, nil))
	return written(t, s)
}

// revokedFor reports whether a message by the key is refused because it is revoked,
// and sealing to it is.
func revokedFor(t testing.TB, k, cert *pgp.Key) bool {
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, cert)})
	theirs := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(bank()))})
	_, err := ours.Open(t.Context(), seal(t, theirs, body))
	_, sealErr := ours.Seal(t.Context(), body)
	require.Equal(t, err == nil, sealErr == nil)
	return err != nil
}

// A revocation counts wherever it stands in the file.
func TestRevocationAnywhere(t *testing.T) {
	k := newKey(t, "R <r@r.example>")
	e := entity(t, k)
	cert := packets(t, binaryKey(t, public(k))) // primary, User ID, certification, subkey, binding
	require.Len(t, cert, 5)
	revocation := keyRevocation(t, e, nil)
	good, err := pgp.ReadKey(bytes.NewReader(bytes.Join(cert, nil)))
	require.NoError(t, err)
	require.False(t, revokedFor(t, k, good))
	for at := 1; at <= len(cert); at++ {
		file := bytes.Join([][]byte{bytes.Join(cert[:at], nil), revocation, bytes.Join(cert[at:], nil)}, nil)
		revoked, err := pgp.ReadKey(bytes.NewReader(file))
		require.NoError(t, err, "packet %d", at)
		assert.True(t, revokedFor(t, k, revoked), "packet %d", at)
		merged, _, err := good.Refresh(revoked)
		require.NoError(t, err)
		assert.True(t, revokedFor(t, k, merged.(*pgp.Key)), "refreshed from packet %d", at)
		again, err := pgp.ReadKey(bytes.NewReader(mustCertificate(t, revoked)))
		require.NoError(t, err)
		assert.True(t, revokedFor(t, k, again), "written, from packet %d", at)
	}
	// As a block of its own behind the certificate, as GnuPG writes it.
	file := append(mustCertificate(t, k), revocationBlock(revocation)...)
	revoked, err := pgp.ReadKey(bytes.NewReader(file))
	require.NoError(t, err)
	assert.True(t, revokedFor(t, k, revoked))
}

// In a file of several certificates it is that of the key that made it; and of two
// copies, what one says of a subkey counts that only the other one has.
func TestRevocationInAnotherCertificate(t *testing.T) {
	k, other := newKey(t, "R <r@r.example>"), newKey(t, "O <o@o.example>")
	e := entity(t, k)
	file := bytes.Join([][]byte{binaryKey(t, public(k)), binaryKey(t, public(other)), keyRevocation(t, e, nil)}, nil)
	keys, err := pgp.ReadKeys(bytes.NewReader(file))
	require.NoError(t, err)
	require.Len(t, keys, 2)
	assert.True(t, revokedFor(t, k, keys[0]))
	assert.False(t, revokedFor(t, other, keys[1]))

	cert := packets(t, binaryKey(t, public(k)))
	without := append(bytes.Join(cert[:3], nil), subkeyRevocation(t, e, e.Subkeys[0].PublicKey)...)
	_, err = pgp.ReadKey(bytes.NewReader(without))
	assert.ErrorContains(t, err, "subkey revocation")
	for _, both := range [][]byte{append(bytes.Clone(without), bytes.Join(cert, nil)...), append(bytes.Join(cert, nil), without...)} {
		p, err := pgp.ReadKey(bytes.NewReader(both))
		require.NoError(t, err)
		_, err = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, p)}).Seal(t.Context(), body)
		assert.ErrorIs(t, err, envelope.ErrNoKey)
	}
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

// A subkey revocation counts for the subkey that it verifies for, wherever it stands.
func TestSubkeyRevocationAnywhere(t *testing.T) {
	k, err := newKey(t, "S <s@s.example>").WithNewSubkey(t.Context(), year)
	require.NoError(t, err)
	e := entity(t, k)
	cert := packets(t, binaryKey(t, public(k)))
	require.Len(t, cert, 7)
	for n, sub := range e.Subkeys {
		for at := 1; at <= len(cert); at++ {
			file := bytes.Join([][]byte{bytes.Join(cert[:at], nil), subkeyRevocation(t, e, sub.PublicKey), bytes.Join(cert[at:], nil)}, nil)
			p, err := pgp.ReadKey(bytes.NewReader(file))
			require.NoError(t, err, "packet %d", at)
			ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, p), Encoding: pgp.Binary})
			o, err := pgp.Inspect(seal(t, ours, body))
			require.NoError(t, err)
			other := e.Subkeys[1-n].PublicKey
			assert.Equal(t, []keyset.ID{keyset.ID(other.KeyIdString())}, o.Recipients, "subkey %d, packet %d", n, at)
		}
	}
}

func revocationBlock(binary []byte) []byte {
	return []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: This is a revocation certificate\n\n" +
		base64.StdEncoding.EncodeToString(binary) + "\n" + "-----END PGP PUBLIC KEY BLOCK-----\n")
}

// A revocation by the primary key that cannot be understood is never taken for absent.
func TestRevocationsThatAreNotUnderstood(t *testing.T) {
	k := newKey(t, "R <r@r.example>")
	e := entity(t, k)
	cert := packets(t, binaryKey(t, public(k)))
	with := func(sig []byte) error {
		_, err := pgp.ReadKey(bytes.NewReader(append(bytes.Join(cert, nil), sig...)))
		return err
	}
	body := func(sig []byte) int { // where the body begins
		if sig[1] < 192 {
			return 2
		}
		return 3
	}
	plain := keyRevocation(t, e, nil)
	changed := func(at int, to byte) []byte {
		out := bytes.Clone(plain)
		out[body(out)+at] = to
		return out
	}
	for want, sig := range map[string][]byte{
		"under RIPEMD-160":    changed(3, 3),
		"under MD5":           changed(3, 1),
		"does not verify":     flip(plain, len(plain)-1),
		"not understood":      changed(3, 99),
		"a subkey revocation": subkeyRevocation(t, e, entity(t, newKey(t, "other")).Subkeys[0].PublicKey), // for one that is not here
	} {
		err := with(sig)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "revocation of")
		assert.ErrorContains(t, err, string(k.Info().ID))
	}
	v3 := rawPacket(2, append(append([]byte{3, 5, 0x20, 1, 2, 3, 4}, plainID(e.PrimaryKey.KeyId)...), 1, 3, 0, 0, 0, 8, 1))
	assert.ErrorContains(t, with(v3), "of version 3")
	assert.ErrorContains(t, with(changed(0, 3)), "of version 3")
	// One that we understand, whatever else it says, counts.
	noted := keyRevocation(t, e, func(s *packet.Signature) {
		s.Notations = []*packet.Notation{{Name: "x@y.example", Value: []byte("1"), IsCritical: true, IsHumanReadable: true}}
	})
	revoked, err := pgp.ReadKey(bytes.NewReader(append(bytes.Join(cert, nil), noted...)))
	require.NoError(t, err)
	assert.True(t, revokedFor(t, k, revoked))
	// One by anybody else is nobody's business.
	stranger := entity(t, newKey(t, "stranger"))
	require.NoError(t, with(keyRevocation(t, stranger, nil)))
	require.NoError(t, with(flip(keyRevocation(t, stranger, nil), 40)))
}

func plainID(id uint64) (out []byte) {
	for i := 7; i >= 0; i-- {
		out = append(out, byte(id>>(8*i)))
	}
	return out
}

// A revoker that the certificate names is not here to be verified: its revocation
// is an error, and not absent.
func TestDesignatedRevoker(t *testing.T) {
	revoker := entity(t, newKey(t, "revoker"))
	k := newKey(t, "R <r@r.example>")
	e := entity(t, k)
	cert := packets(t, binaryKey(t, public(k)))
	direct := rawPacket(2, directKeyNaming(t, e, revoker.PrimaryKey.Fingerprint))
	by := func(who *openpgp.Entity) error {
		_, err := pgp.ReadKey(bytes.NewReader(bytes.Join([][]byte{cert[0], direct, keyRevocation(t, who, nil), bytes.Join(cert[1:], nil)}, nil)))
		return err
	}
	assert.ErrorContains(t, by(revoker), "by the revoker "+fmt.Sprintf("%X", revoker.PrimaryKey.Fingerprint))
	assert.NoError(t, by(entity(t, newKey(t, "stranger"))))
}

// directKeyNaming is the body of a direct-key signature with a revocation key, which
// the library does not write: it is signed by hand.
func directKeyNaming(t testing.TB, e *openpgp.Entity, fingerprint []byte) []byte {
	hashed := []byte{5, 2, 0x60, 0, 0, 0, 23, 12, 0x80, 22}
	hashed = append(hashed, fingerprint...)
	hashed = append(hashed, append([]byte{22, 33, 4}, e.PrimaryKey.Fingerprint...)...)
	head := append([]byte{4, 0x1f, 22, 8, 0, byte(len(hashed))}, hashed...)
	h := crypto.SHA256.New()
	require.NoError(t, e.PrimaryKey.SerializeForHash(h))
	h.Write(head)
	h.Write([]byte{4, 0xff, 0, 0, 0, byte(len(head))})
	digest := h.Sum(nil)
	seed := e.PrivateKey.PrivateKey.(*eddsa.PrivateKey).D
	sig := goed.Sign(goed.NewKeyFromSeed(seed), digest)
	out := append(head, 0, 0, digest[0], digest[1])
	for _, half := range [][]byte{sig[:32], sig[32:]} {
		half = bytes.TrimLeft(half, "\x00")
		n := 8*len(half) - 8
		for b := half[0]; b != 0; b >>= 1 {
			n++
		}
		out = append(append(out, byte(n>>8), byte(n)), half...)
	}
	return out
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

// The revocation certificate that GnuPG made with the key, behind the certificate.
func TestGnuPGRevocationAppended(t *testing.T) {
	g := newGnuPG(t)
	fpr := g.generate("Partner", gpgCurve)
	cert := g.must(nil, "--armor", "--export", fpr)
	rev, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", fpr+".rev"))
	require.NoError(t, err)
	rev = regexp.MustCompile(`(?s)-----BEGIN PGP.*END PGP PUBLIC KEY BLOCK-----`).Find(rev)
	require.NotEmpty(t, rev)
	k, err := pgp.ReadKey(bytes.NewReader(append(append(bytes.Clone(cert), '\n'), append(rev, '\n')...)))
	require.NoError(t, err)
	_, err = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, k)}).Seal(t.Context(), body)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
}

// A key whose primary half is offline, as "gpg --export-secret-subkeys" writes it,
// is written so that gpg reads it again as one.
func TestGnuPGOfflinePrimary(t *testing.T) {
	g := newGnuPG(t)
	fpr := g.generate("Offline", gpgCurve)
	k, err := pgp.ReadKey(bytes.NewReader(g.must(nil, "--export-secret-subkeys", fpr)))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, k.WriteInsecurePrivateKey(&out))
	h := newGnuPG(t)
	h.must(out.Bytes(), "--import")
	list := string(h.must(nil, "--with-colons", "--list-secret-keys"))
	assert.Regexp(t, `(?m)^sec:[^\n]*:#:`, list, "the primary key is a stub")
	assert.Regexp(t, `(?m)^ssb:[^\n]*:\+:`, list, "the subkey is here")
	sealed := seal(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k))}), body)
	ours := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(bank()))})
	open(t, ours, sealed)
}

// What a key file is instead of one, and which key it is that is locked.
func TestKeyFilesAreExplained(t *testing.T) {
	cert := mustCertificate(t, partner())
	for in, want := range map[string]string{
		"\xef\xbb\xbf" + string(cert):                                "byte order mark",
		base64.StdEncoding.EncodeToString(cert):                      "encoded twice",
		"-----BEGIN CERTIFICATE-----\nMIIB":                          "X.509",
		"\x30\x82\x02\x0a\x02\x82\x01\x01\x00":                       "DER",
		"ssh-ed25519 AAAAC3Nz bank@example.org":                      "SSH",
		string(bytes.Replace(cert, []byte("\n\n"), []byte("\n"), 1)): "no empty line",
		string(bytes.ReplaceAll(cert, []byte("\n"), []byte(`\n`))):   "spelled out",
		"\x00\x00\x00\x20\x01\x01\x00\x02KBXf\x00\x00":               "gpg --export",
		string(seal(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Encoding: pgp.Armor}), body)): "PGP MESSAGE",
	} {
		_, err := pgp.ReadKey(bytes.NewReader([]byte(in)))
		assert.ErrorContains(t, err, want)
	}
	e := entity(t, bank())
	require.NoError(t, e.EncryptPrivateKeys([]byte("right"), nil))
	var locked bytes.Buffer
	require.NoError(t, e.SerializePrivateWithoutSigning(&locked, nil))
	_, err := pgp.ReadKey(bytes.NewReader(locked.Bytes()))
	assert.ErrorContains(t, err, string(bank().Info().ID))
	assert.ErrorContains(t, err, "ReadLockedKey")
	_, err = pgp.ReadLockedKey(bytes.NewReader(locked.Bytes()), []byte("wrong"))
	assert.ErrorContains(t, err, string(bank().Info().ID))
	assert.NotContains(t, err.Error(), "wrong")
}

// A file that GnuPG signed as text opens, and says so.
func TestGnuPGTextMode(t *testing.T) {
	g := newGnuPG(t)
	fpr := g.generate("Partner", gpgCurve)
	g.must(mustCertificate(t, bank()), "--import")
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, g.export(fpr))})
	sealed := g.must([]byte("line one\nline two\n"), "--textmode", "--sign", "--encrypt", "--recipient", string(bank().Info().ID), "--local-user", fpr)
	m := open(t, ours, sealed)
	assert.Equal(t, "line one\r\nline two\r\n", string(m.Payload), "what was signed")
	assert.True(t, m.Text)
}
