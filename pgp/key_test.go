package pgp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func TestGenerateKey(t *testing.T) {
	for _, tt := range []struct {
		alg  pgp.Algorithm
		name string
		bits int
	}{
		{pgp.RSA3072, "RSA-3072", 3072},
		{pgp.Curve25519, "Ed25519+X25519", 0},
	} {
		t.Run(string(tt.alg), func(t *testing.T) {
			k := bankRSA()
			if tt.alg == pgp.Curve25519 {
				k = bank()
			}
			i := k.Info()
			assert.Equal(t, keyset.OpenPGP, i.Format)
			assert.True(t, i.Private)
			assert.Equal(t, keyset.Signing|keyset.Encryption, i.Use)
			assert.Equal(t, tt.name, i.Algorithm)
			assert.Equal(t, tt.bits, i.Bits)
			assert.Contains(t, i.Name, "@bank.example>")
			assert.Equal(t, year, i.NotAfter.Sub(i.NotBefore))
			assert.NoError(t, k.SelfTest(context.Background()))
			assert.ErrorIs(t, public(k).SelfTest(context.Background()), errors.ErrUnsupported)
			assert.Len(t, string(i.ID), 40)
			assert.Equal(t, strings.ToUpper(string(i.ID)), string(i.ID))

			e := entity(t, k)
			self, _ := e.PrimaryIdentity(time.Now(), nil)
			assert.Equal(t, uint8(9), self.PreferredHash[0], "SHA-384 first")
			assert.Equal(t, uint8(packet.CipherAES256), self.PreferredSymmetric[0])
			require.Len(t, e.Subkeys, 1)
			binding, err := e.Subkeys[0].Verify(time.Now(), nil)
			require.NoError(t, err)
			assert.True(t, binding.FlagEncryptCommunications)
			assert.False(t, binding.FlagSign)
			assert.NotNil(t, binding.KeyLifetimeSecs, "the subkey ends by itself")
			if tt.bits != 0 {
				n, err := e.Subkeys[0].PublicKey.BitLength()
				require.NoError(t, err)
				assert.Equal(t, uint16(tt.bits), n)
			}
		})
	}
}

func TestGenerateKeyErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		name     string
		alg      pgp.Algorithm
		validity time.Duration
	}{
		"no name":        {" ", pgp.Curve25519, year},
		"control":        {"a\nb", pgp.Curve25519, year},
		"not UTF-8":      {"a\xff", pgp.Curve25519, year},
		"long":           {strings.Repeat("x", 256), pgp.Curve25519, year},
		"no algorithm":   {"x", "", year},
		"other":          {"x", "rsa1024", year},
		"no end":         {"x", pgp.Curve25519, 0},
		"negative":       {"x", pgp.Curve25519, -year},
		"for ever, near": {"x", pgp.Curve25519, 101 * year},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := pgp.GenerateKey(tt.name, tt.alg, tt.validity)
			assert.Error(t, err)
			assert.Nil(t, k)
		})
	}
}

func armored(t testing.TB, kind string, binary []byte) []byte {
	var b bytes.Buffer
	w, err := armor.Encode(&b, kind, nil)
	require.NoError(t, err)
	_, err = w.Write(binary)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func binaryKey(t testing.TB, k *pgp.Key) []byte {
	var b bytes.Buffer
	e := entity(t, k)
	if e.PrivateKey != nil {
		require.NoError(t, e.SerializePrivateWithoutSigning(&b, nil))
	} else {
		require.NoError(t, e.Serialize(&b))
	}
	return b.Bytes()
}

func TestReadKeys(t *testing.T) {
	a, b := binaryKey(t, public(bank())), binaryKey(t, public(partner()))
	ids := []keyset.ID{bank().Info().ID, partner().Info().ID}
	for name, in := range map[string][]byte{
		"binary":           append(bytes.Clone(a), b...),
		"one block":        armored(t, "PGP PUBLIC KEY BLOCK", append(bytes.Clone(a), b...)),
		"two blocks":       append(append(armored(t, "PGP PUBLIC KEY BLOCK", a), '\n'), armored(t, "PGP PUBLIC KEY BLOCK", b)...),
		"with a copy":      append(append(bytes.Clone(a), b...), a...),
		"trust packets":    append(append(bytes.Clone(a), rawPacket(12, []byte{1, 2})...), b...),
		"private one too":  append(binaryKey(t, bank()), b...),
		"public, private":  append(append(bytes.Clone(a), b...), binaryKey(t, bank())...),
		"attribute inside": append(append(bytes.Clone(a), rawPacket(17, []byte{1})...), b...),
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := pgp.ReadKeys(bytes.NewReader(in))
			require.NoError(t, err)
			require.Len(t, keys, 2)
			for i, k := range keys {
				assert.Equal(t, ids[i], k.Info().ID)
			}
			assert.Equal(t, strings.Contains(name, "private"), keys[0].Info().Private)
		})
	}
	_, err := pgp.ReadKey(bytes.NewReader(append(bytes.Clone(a), b...)))
	assert.ErrorContains(t, err, "2 certificates")
}

// Trap T25: the library drops what it cannot read, as long as something is left.
func TestT25BrokenKeysAreNamed(t *testing.T) {
	good := binaryKey(t, public(bank()))
	for name, in := range map[string][]byte{
		"empty":               nil,
		"text":                []byte("hello"),
		"garbage":             {0xff, 0xff, 0xff},
		"a message":           newForger(t, bank()).message(literalPacket(body)),
		"cut":                 good[:len(good)-5],
		"second one cut":      append(bytes.Clone(good), binaryKey(t, public(partner()))[:100]...),
		"unknown version":     append(bytes.Clone(good), rawPacket(6, []byte{9, 1, 2, 3, 4, 5, 6})...),
		"packet of a message": append(bytes.Clone(good), literalPacket(body)...),
		"subkey alone":        rawPacket(14, good[2:40]),
		"no self-signature":   append(keyPacketOnly(good), rawPacket(13, []byte("x"))...),
		"broken signature":    flip(good, bytes.Index(good, []byte("bank.example"))+len("bank.example>")+60),
		"armor of a message":  armored(t, "PGP MESSAGE", good),
		"armor without end":   bytes.Split(armored(t, "PGP PUBLIC KEY BLOCK", good), []byte("-----END"))[0],
		"text before":         append([]byte("my key:\n"), armored(t, "PGP PUBLIC KEY BLOCK", good)...),
		"too large":           bytes.Repeat(good, 1+(1<<20)/len(good)),
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := pgp.ReadKeys(bytes.NewReader(in))
			assert.Error(t, err)
			assert.Nil(t, keys)
		})
	}
	_, err := pgp.ReadKeys(bytes.NewReader(append(bytes.Clone(good), rawPacket(6, []byte{9, 1, 2, 3, 4, 5, 6})...)))
	assert.ErrorContains(t, err, "certificate 2")
	_, err = pgp.ReadKeys(errReader{})
	assert.ErrorIs(t, err, errBroken)
}

var errBroken = errors.New("disk on fire")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

func keyPacketOnly(binary []byte) []byte { return bytes.Clone(binary[:2+int(binary[1])]) }

func TestReadLockedKey(t *testing.T) {
	e := entity(t, bank())
	require.NoError(t, e.EncryptPrivateKeys([]byte("correct horse"), nil))
	var b bytes.Buffer
	require.NoError(t, e.SerializePrivateWithoutSigning(&b, nil))

	_, err := pgp.ReadKey(bytes.NewReader(b.Bytes()))
	assert.ErrorContains(t, err, "ReadLockedKey")
	_, err = pgp.ReadLockedKey(bytes.NewReader(b.Bytes()), []byte("wrong"))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "wrong")
	_, err = pgp.ReadLockedKey(bytes.NewReader(b.Bytes()), nil)
	require.Error(t, err)
	k, err := pgp.ReadLockedKey(bytes.NewReader(b.Bytes()), []byte("correct horse"))
	require.NoError(t, err)
	assert.Equal(t, bank().Info(), k.Info())
	assert.NoError(t, k.SelfTest(context.Background()))
	// What was locked is written unlocked, as the name of the method says.
	var out bytes.Buffer
	require.NoError(t, k.WriteInsecurePrivateKey(&out))
	_, err = pgp.ReadKey(&out)
	assert.NoError(t, err)
	// A key that is not locked needs no passphrase.
	_, err = pgp.ReadLockedKey(bytes.NewReader(binaryKey(t, bank())), []byte("any"))
	assert.NoError(t, err)
}

func TestWriteAndRead(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, bank().WriteInsecurePrivateKey(&b))
	k, err := pgp.ReadKey(&b)
	require.NoError(t, err)
	assert.Equal(t, bank().Info(), k.Info())

	require.NoError(t, bank().WriteCertificate(&b))
	assert.NotContains(t, b.String(), "PRIVATE")
	k, err = pgp.ReadKey(&b)
	require.NoError(t, err)
	assert.Equal(t, bank().Public().Info(), k.Info())
	assert.ErrorIs(t, k.WriteInsecurePrivateKey(&b), errors.ErrUnsupported)

	b.Reset()
	next, old := newKey(t, "next"), newKey(t, "old")
	set, err := keyset.New(1,
		keyset.Key{Material: bank(), State: keyset.Active},
		keyset.Key{Material: next, State: keyset.Pending},
		keyset.Key{Material: old, State: keyset.Retiring},
		keyset.Key{Material: third(), State: keyset.Revoked})
	require.NoError(t, err)
	require.NoError(t, pgp.WriteCertificates(&b, set))
	keys, err := pgp.ReadKeys(&b)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	assert.Equal(t, bank().Info().ID, keys[0].Info().ID)
	assert.Equal(t, next.Info().ID, keys[1].Info().ID)
	for _, k := range keys {
		assert.False(t, k.Info().Private)
	}
	assert.Error(t, pgp.WriteCertificates(&b, inState(t, keyset.Retiring, old)))
}

// Trap T9 and the rotation findings: copies of one certificate are merged, in
// whatever order they come, and what either revokes stays revoked.
func TestT9CopiesAreMerged(t *testing.T) {
	old := entity(t, newKey(t, "renewed"))
	private := entityCopy(t, old)
	// The old copy ended long ago by its self-signature, the renewed one has not.
	for _, id := range old.Identities {
		id.SelfCertifications[0].Packet.KeyLifetimeSecs = ptr(uint32(1))
		require.NoError(t, id.SelfCertifications[0].Packet.SignUserId(id.Name, old.PrimaryKey, old.PrivateKey, nil))
	}
	renewed := entityCopy(t, private)
	for _, id := range renewed.Identities {
		sig := id.SelfCertifications[0].Packet
		sig.CreationTime = sig.CreationTime.Add(time.Second)
		require.NoError(t, sig.SignUserId(id.Name, renewed.PrimaryKey, renewed.PrivateKey, nil))
	}
	revoked := entityCopy(t, private)
	require.NoError(t, revoked.Revoke(packet.KeyCompromised, "stolen", nil))
	retired := entityCopy(t, private)
	require.NoError(t, retired.Revoke(packet.KeySuperseded, "old", nil))

	signer := readEntity(t, private)
	_, theirs := conversation(t, bank(), signer)
	sealed := seal(t, theirs, body)
	for _, tt := range []struct {
		name   string
		copies []*openpgp.Entity
		want   envelope.Reason
	}{
		{"old", []*openpgp.Entity{old}, envelope.OutOfTime},
		{"renewed", []*openpgp.Entity{renewed}, ""},
		{"old, renewed", []*openpgp.Entity{old, renewed}, ""},
		{"renewed, old", []*openpgp.Entity{renewed, old}, ""},
		{"clean, revoked", []*openpgp.Entity{renewed, revoked}, envelope.RevokedSigner},
		{"revoked, clean", []*openpgp.Entity{revoked, renewed}, envelope.RevokedSigner},
		{"superseded just now", []*openpgp.Entity{renewed, retired}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			for _, e := range tt.copies {
				require.NoError(t, e.Serialize(&b))
			}
			keys, err := pgp.ReadKeys(bytes.NewReader(b.Bytes()))
			require.NoError(t, err)
			require.Len(t, keys, 1)
			clock := func() time.Time { return time.Now().Add(3 * time.Second) }
			e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, keys[0]), Now: clock})
			if tt.want == envelope.OutOfTime {
				clock2 := func() time.Time { return time.Now().Add(48 * time.Hour) }
				e = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, keys[0]), Now: clock2})
			}
			check(t, e, sealed, tt.want)
		})
		t.Run(tt.name+", by Refresh", func(t *testing.T) {
			ring := keyset.NewRing(active(t, publicEntity(t, tt.copies[0])))
			for _, c := range tt.copies[1:] {
				require.NoError(t, ring.Refresh(context.Background(), publicEntity(t, c), "file:new"))
			}
			clock := func() time.Time { return time.Now().Add(3 * time.Second) }
			if tt.want == envelope.OutOfTime {
				clock = func() time.Time { return time.Now().Add(48 * time.Hour) }
			}
			e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: ring, Now: clock})
			check(t, e, sealed, tt.want)
		})
	}
	t.Run("superseded the day before yesterday", func(t *testing.T) {
		e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, publicEntity(t, retired)),
			Now: func() time.Time { return time.Now().Add(48 * time.Hour) }})
		rejected(t, e, sealed, envelope.OutOfTime)
	})
	t.Run("another key", func(t *testing.T) {
		_, _, err := public(bank()).Refresh(public(partner()))
		assert.Error(t, err)
	})
	t.Run("nothing new", func(t *testing.T) {
		m, resealed, err := bank().Refresh(bank().Public())
		require.NoError(t, err)
		assert.False(t, resealed)
		assert.Same(t, bank(), m)
	})
	t.Run("a certificate renewed elsewhere keeps the private half", func(t *testing.T) {
		m, resealed, err := signer.Refresh(publicEntity(t, renewed))
		require.NoError(t, err)
		assert.False(t, resealed)
		assert.True(t, m.Info().Private)
		assert.NoError(t, m.SelfTest(context.Background()))
	})
	t.Run("a new subkey changes what seals", func(t *testing.T) {
		grown := entityCopy(t, private)
		require.NoError(t, grown.AddEncryptionSubkey(&packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}))
		m, resealed, err := public(signer).Refresh(publicEntity(t, grown))
		require.NoError(t, err)
		assert.True(t, resealed)
		_, resealed, err = signer.Refresh(m)
		require.NoError(t, err)
		assert.False(t, resealed, "our own signing key is the same")
	})
}

func entityCopy(t testing.TB, e *openpgp.Entity) *openpgp.Entity {
	var b bytes.Buffer
	require.NoError(t, e.SerializePrivateWithoutSigning(&b, nil))
	out, err := openpgp.ReadEntity(packet.NewReader(&b))
	require.NoError(t, err)
	return out
}

func publicEntity(t testing.TB, e *openpgp.Entity) *pgp.Key {
	var b bytes.Buffer
	require.NoError(t, e.Serialize(&b))
	k, err := pgp.ReadKey(&b)
	require.NoError(t, err)
	return k
}

// A component is used for what its flags say, and for nothing else.
func TestSubkeysAndFlags(t *testing.T) {
	e := entity(t, newKey(t, "with a signing subkey"))
	curve := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}
	require.NoError(t, e.AddSigningSubkey(curve))
	require.NoError(t, e.AddEncryptionSubkey(&packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519,
		Time: func() time.Time { return time.Now().Add(2 * time.Second) }}))
	k := readEntity(t, e)
	_, theirs := conversation(t, bank(), k)
	later := func() time.Time { return time.Now().Add(5 * time.Second) }
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k)), Now: later})

	m := open(t, ours, seal(t, theirs, body))
	assert.Equal(t, keyset.ID(fmt.Sprintf("%X", e.Subkeys[1].PublicKey.Fingerprint)), m.Signers[0].Subkey, "the signing subkey signs")
	assert.Equal(t, k.Info().ID, m.Signers[0].ID)
	m = open(t, theirs, seal(t, ours, body))
	assert.Equal(t, keyset.ID(fmt.Sprintf("%X", e.Subkeys[2].PublicKey.Fingerprint)), m.Decrypter.Subkey, "the newest subkey is preferred")
}

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

func TestKeyPrintsNoSecret(t *testing.T) {
	k := bank()
	var secret bytes.Buffer
	require.NoError(t, entity(t, k).PrivateKey.Serialize(&secret))
	canary := secret.Bytes()[secret.Len()-20:]
	id := string(k.Info().ID)
	js, err := json.Marshal(map[string]any{"key": k, "value": *k})
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "entry", keyset.Key{Material: k, State: keyset.Active})
	for _, s := range []string{
		fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %q %x %d", k, k, k, k, k, k, k),
		fmt.Sprintf("%v %+v %#v", *k, *k, *k), fmt.Sprintf("%+v %#v", struct{ K *pgp.Key }{k}, keyset.Key{Material: k}),
		string(js), log.String(), k.String(),
	} {
		assert.Contains(t, s, id)
		for _, form := range []string{string(canary), fmt.Sprintf("%x", canary[:6]), fmt.Sprintf("%X", canary[:6]), strings.Trim(fmt.Sprint(canary[:6]), "[]")} {
			assert.NotContains(t, s, form)
		}
	}
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

// Files of other keys, and keyrings with a bad entry, get an error in the form that
// package jwe has too: the file, the entry, why, and what to do.
func TestErrorsOfKeyFiles(t *testing.T) {
	var ring bytes.Buffer
	require.NoError(t, bank().WriteCertificate(&ring))
	armored := ring.String()
	for in, want := range map[string]string{
		`{"kty":"EC"}`: "keys for JOSE are read with package jwe",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "it is an X.509 certificate, and not an OpenPGP one; keys for JOSE are read with package jwe",
		"\x30\x82\x01\x00": "PKCS #12 file, and not OpenPGP; keys for JOSE",
		"\xc6\x01\x09":     "pgp: binary OpenPGP keys: certificate 1: ",
		strings.Replace(armored, "\n\n", "\n\n!", 1): "pgp: OpenPGP keys in ASCII armor: ",
	} {
		_, err := pgp.ReadKeys(strings.NewReader(in))
		assert.ErrorContains(t, err, want)
	}
}
