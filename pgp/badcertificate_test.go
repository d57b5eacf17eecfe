package pgp_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// A signing subkey consents to its binding by a signature of its own. Where
// that one ends, so does the subkey.
func TestCrossSignatureExpires(t *testing.T) {
	e := entity(t, newKey(t, "cross"))
	require.NoError(t, e.AddSigningSubkey(&packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}))
	sub := e.Subkeys[1]
	binding := sub.Bindings[0].Packet
	lasts := func(seconds uint32) *pgp.Key {
		cross := binding.EmbeddedSignature
		cross.SigLifetimeSecs = ptr(seconds)
		require.NoError(t, cross.CrossSignKey(sub.PublicKey, e.PrimaryKey, sub.PrivateKey, nil))
		require.NoError(t, binding.SignKey(sub.PublicKey, e.PrivateKey, nil))
		return publicEntity(t, e)
	}
	sealed := newForger(t, bank()).message(literalPacket(body), signatureBy(t, sub.PrivateKey, body, nil))
	later := func() time.Time { return time.Now().Add(49 * time.Hour) }
	for seconds, want := range map[uint32]envelope.Reason{1: envelope.OutOfTime, 100 * 3600: ""} {
		check(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, lasts(seconds)), Now: later}), sealed, want)
	}
}

// The end of a version 4 key may stand in a direct-key signature, beside User
// IDs that know of none.
func TestDirectKeySignatureEndsTheKey(t *testing.T) {
	e := entity(t, newKey(t, "direct"))
	for _, id := range e.Identities {
		sig := id.SelfCertifications[0].Packet
		sig.KeyLifetimeSecs = nil
		require.NoError(t, sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, nil))
	}
	direct := func(after time.Duration, lifetime *uint32) {
		sig := &packet.Signature{
			Version:         4,
			SigType:         packet.SigTypeDirectSignature,
			PubKeyAlgo:      e.PrimaryKey.PubKeyAlgo,
			Hash:            5,
			CreationTime:    e.PrimaryKey.CreationTime.Add(after),
			KeyLifetimeSecs: lifetime,
			IssuerKeyId:     &e.PrimaryKey.KeyId,
		}
		require.NoError(t, sig.SignDirectKeyBinding(e.PrimaryKey, e.PrivateKey, nil))
		e.DirectSignatures = append(e.DirectSignatures, &packet.VerifiableSignature{Packet: sig})
	}
	sealed := newForger(t, bank()).message(literalPacket(body), signatureBy(t, e.PrivateKey, body, nil))
	opens := func(k *pgp.Key, want envelope.Reason) {
		later := func() time.Time { return time.Now().Add(49 * time.Hour) }
		e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, k), Now: later})
		check(t, e, sealed, want)
		_, err := e.Seal(t.Context(), body)
		assert.Equal(t, want == "", err == nil, "%v", err)
	}
	opens(publicEntity(t, e), "")
	direct(0, ptr(uint32(3600)))
	opens(publicEntity(t, e), envelope.OutOfTime)
	direct(time.Second, ptr(uint32(100*3600))) // and can be extended there
	opens(publicEntity(t, e), "")
}

// Anyone can add a public subkey that makes no sense to a certificate, and it
// counts for nothing. A private one in a file of ours was damaged: without it
// the key would seem to be one that only signs (T25).
func TestT25DamagedSubkeys(t *testing.T) {
	good := binaryKey(t, bank())
	var damaged bytes.Buffer
	for r := packet.NewOpaqueReader(bytes.NewReader(good)); ; {
		p, err := r.Next()
		if err != nil {
			break
		}
		if p.Tag == 7 {
			p.Contents = flip(p.Contents, len(p.Contents)-1) // the checksum of the secret
		}
		require.NoError(t, p.Serialize(&damaged))
	}
	require.NotEqual(t, good, damaged.Bytes())
	_, err := pgp.ReadKey(&damaged)
	require.Error(t, err)
	assert.ErrorContains(t, err, string(bank().Info().ID))

	unknown := append(bytes.Clone(good), rawPacket(7, []byte{4, 1, 2, 3, 4, 99, 1, 2, 3})...)
	k, err := pgp.ReadKey(bytes.NewReader(unknown))
	require.NoError(t, err)
	assert.Equal(t, bank().Info(), k.Info())

	senseless := append(binaryKey(t, public(bank())), rawPacket(14, []byte{4, 1, 2, 3, 4, 22, 1, 2, 3})...)
	k, err = pgp.ReadKey(bytes.NewReader(senseless))
	require.NoError(t, err)
	assert.Equal(t, bank().Public().Info(), k.Info())
}

// What is computed with a key depends on its size: a size that is refused is
// refused before.
func TestHugeRSA(t *testing.T) {
	e, err := openpgp.NewEntity("huge", "", "", &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, e.SerializePrivateWithoutSigning(&b, nil))
	in := b.Bytes()
	at := bytes.Index(in, []byte{1, 8, 0}) // the algorithm, and a modulus of 2048 bits
	require.Positive(t, at)
	huge := bytes.Clone(in)
	binary.BigEndian.PutUint16(huge[at+1:], 16384)
	_, err = pgp.ReadKey(bytes.NewReader(huge))
	assert.ErrorContains(t, err, "16384 bits")
}

func TestInspectMessageToPasswords(t *testing.T) {
	f := newForger(t, bank())
	o, err := pgp.Inspect(append(rawPacket(3, []byte{4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 96}), f.seipd(literalPacket(body))...))
	require.NoError(t, err)
	assert.Empty(t, o.Recipients)
	assert.Equal(t, "binary", o.Encoding)
}
