package pgp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The library counts the bits of RSA keys of algorithm 1 only.
func TestT17ShortRSAUnderAnyNumber(t *testing.T) {
	short, err := openpgp.NewEntity("short", "", "", &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024})
	require.NoError(t, err)
	e := entity(t, newKey(t, "with a short subkey"))
	for _, number := range []packet.PublicKeyAlgorithm{packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly} {
		t.Run(fmt.Sprint("algorithm ", number), func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, short.Subkeys[0].PrivateKey.Serialize(&b))
			p := b.Bytes()
			p[3+5] = byte(number) // behind the header of three bytes, the version, and the time
			parsed, err := packet.Read(bytes.NewReader(p))
			require.NoError(t, err)
			sub := parsed.(*packet.PrivateKey)
			binding := e.Subkeys[0].Bindings[0].Packet
			require.NoError(t, binding.SignKey(&sub.PublicKey, e.PrivateKey, nil))
			e.Subkeys[0].PublicKey, e.Subkeys[0].PrivateKey = &sub.PublicKey, sub
			k := readEntity(t, e)

			_, err = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k))}).Seal(t.Context(), body)
			assert.ErrorContains(t, err, "1024 bits")
			sealed := newForger(t, public(k)).message(literalPacket(body), signaturePacket(t, partner(), body, nil))
			rejected(t, newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))}), sealed, envelope.Forbidden)
		})
	}
}

func TestT26TextAndMetadata(t *testing.T) {
	e, f, lit, sig := fixture(t)
	text := func(s *packet.Signature) { s.SigType = packet.SigTypeText }
	assert.False(t, open(t, e, f.message(lit, sig)).Text)
	assert.True(t, open(t, e, f.message(lit, signaturePacket(t, partner(), body, text))).Text) // no line ends
	long := strings.Repeat("0123456789abcdef", 1<<12-1) + "0123456789abcde"                    // up to the last byte of a block
	for lines, want := range map[string]envelope.Reason{
		"pay 1\r\nto A":       "",
		"pay 1\r\n":           "",
		"\r\n\r\n":            "",
		long + "\r\nend":      "", // CR and LF in two blocks
		"pay 1\nto A":         envelope.Forbidden,
		"pay 1\rto A":         envelope.Forbidden,
		"pay 1\r\nto A\nB":    envelope.Forbidden,
		"pay 1\r\nto A\r":     envelope.Forbidden,
		"pay 1\n\rto A":       envelope.Forbidden,
		"\npay 1\r\n":         envelope.Forbidden,
		long + "\rend\r\n":    envelope.Forbidden,
		long + "a\nend\r\n":   envelope.Forbidden,
		long + "\r\r\n":       envelope.Forbidden,
		"pay 1\r\r\nto A\r\n": envelope.Forbidden,
	} {
		sealed := f.message(literalPacket([]byte(lines)), signaturePacket(t, partner(), []byte(lines), text))
		if want != "" {
			rejected(t, e, sealed, want)
			continue
		}
		m := open(t, e, sealed)
		assert.Equal(t, lines, string(m.Payload), "what was signed is handed out")
		assert.True(t, m.Text)
		// Beside a signature over the bytes, the text is no more than that.
		both := f.message(literalPacket([]byte(lines)), signaturePacket(t, partner(), []byte(lines), text), signaturePacket(t, partner(), []byte(lines), nil))
		assert.False(t, open(t, e, both).Text)
	}
	// The name, the date, and the format of a literal are not signed.
	named := append([]byte{'u', 3, 'p', 'a', 'y', 1, 2, 3, 4}, body...)
	m, plain := open(t, e, f.message(rawPacket(11, named), sig)), open(t, e, f.message(lit, sig))
	m.Opened = plain.Opened
	assert.Equal(t, plain, m, "something that nobody signed is told")
}

// What says nothing can be added to a message: its bytes are no key against
// replay. The digest of a signature is.
func TestT27PaddingIsNoReplayKey(t *testing.T) {
	e, f, lit, sig := fixture(t)
	sealed := f.message(lit, sig)
	padded := bytes.Join([][]byte{rawPacket(10, []byte("PGP")), sealed, rawPacket(21, []byte("padding")), rawPacket(60, []byte("private"))}, nil)
	once, again := open(t, e, sealed), open(t, e, padded)
	assert.NotZero(t, once.Signers[0].Digest)
	assert.Equal(t, once.Signers[0].Digest, again.Signers[0].Digest)
}

func TestT28FlagsAndUserIDs(t *testing.T) {
	sealedTo := func(k *pgp.Key) []byte {
		return newForger(t, public(k)).message(literalPacket(body), signaturePacket(t, partner(), body, nil))
	}
	opens := func(t *testing.T, k *pgp.Key) {
		ours, theirs := conversation(t, k, partner())
		assert.Equal(t, body, open(t, ours, sealedTo(k)).Payload)
		assert.True(t, open(t, theirs, seal(t, ours, body)).SignedBy(k.Info().ID))
		assert.Equal(t, body, open(t, ours, seal(t, theirs, body)).Payload)
	}
	t.Run("no flags", func(t *testing.T) {
		e := entity(t, newKey(t, "no flags"))
		for _, id := range e.Identities {
			sig := id.SelfCertifications[0].Packet
			sig.FlagsValid = false
			require.NoError(t, sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, nil))
		}
		binding := e.Subkeys[0].Bindings[0].Packet
		binding.FlagsValid = false
		require.NoError(t, binding.SignKey(e.Subkeys[0].PublicKey, e.PrivateKey, nil))
		opens(t, readEntity(t, e))
	})
	t.Run("User ID revoked", func(t *testing.T) {
		e := entity(t, newKey(t, "former name"))
		for _, id := range e.Identities {
			revocation := &packet.Signature{
				Version:      4,
				SigType:      packet.SigTypeCertificationRevocation,
				PubKeyAlgo:   e.PrimaryKey.PubKeyAlgo,
				Hash:         5,
				CreationTime: time.Now(),
				IssuerKeyId:  &e.PrimaryKey.KeyId,
			}
			require.NoError(t, revocation.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, nil))
			id.Revocations = append(id.Revocations, &packet.VerifiableSignature{Packet: revocation})
		}
		opens(t, readEntity(t, e))
	})
}

// Nothing asks for a passphrase while a message waits: a locked key is an error
// when it is read, and a message to a password is for somebody else.
func TestT29NobodyIsAskedForAPassphrase(t *testing.T) {
	locked := entity(t, bank())
	require.NoError(t, locked.EncryptPrivateKeys([]byte("x"), nil))
	var b bytes.Buffer
	require.NoError(t, locked.SerializePrivateWithoutSigning(&b, nil))
	_, err := pgp.ReadKey(&b)
	assert.ErrorContains(t, err, "locked")
	e, f, lit, sig := fixture(t)
	password := rawPacket(3, []byte{4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 96})
	rejected(t, e, append(password, f.seipd(lit, sig)...), envelope.NotForUs)
}

func TestT30EverySignerSignsWithItsOwnKey(t *testing.T) {
	var own []*pgp.Key
	for _, name := range []string{"one", "two"} {
		e := entity(t, newKey(t, name))
		require.NoError(t, e.AddSigningSubkey(&packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}))
		own = append(own, readEntity(t, e))
	}
	later := func() time.Time { return time.Now().Add(2 * time.Second) }
	ours := newEnvelope(t, pgp.Config{Own: active(t, own...), Peer: active(t, public(partner())), Now: later})
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(own[0]), public(own[1]))})
	m := open(t, theirs, seal(t, ours, body))
	require.Len(t, m.Signers, 2)
	for _, s := range m.Signers {
		assert.NotEmpty(t, s.Subkey)
	}
}

// Whatever keeps Seal from a key, the primary key or a subkey, is one error.
func TestT31ErrorsAreOfOneType(t *testing.T) {
	end := partner().Info().NotAfter
	short, err := openpgp.NewEntity("short", "", "", &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024})
	require.NoError(t, err)
	for _, c := range []pgp.Config{
		{Own: active(t, bank()), Peer: active(t, public(partner())), Now: func() time.Time { return end.Add(time.Hour) }},
		{Own: active(t, bank()), Peer: active(t, publicEntity(t, short))},
		{Own: active(t, bank()), Peer: inState(t, keyset.Revoked, public(partner()))},
	} {
		_, err := newEnvelope(t, c).Seal(t.Context(), body)
		assert.ErrorIs(t, err, envelope.ErrNoKey)
	}
	e, _, _, _ := fixture(t)
	_, err = e.Open(t.Context(), []byte("x"))
	oe, ok := errors.AsType[*envelope.OpenError](fmt.Errorf("handler: %w", err))
	require.True(t, ok)
	assert.Equal(t, envelope.Malformed, oe.Reason)
}

// The key must be valid when it signed, and not long after it ended when the
// message is opened.
func TestT32ValidThenAndNow(t *testing.T) {
	end := partner().Info().NotAfter
	f := newForger(t, bank())
	at := func(signed, opened time.Duration, want envelope.Reason) {
		sealed := f.message(literalPacket(body), signaturePacket(t, partner(), body, func(s *packet.Signature) { s.CreationTime = end.Add(signed) }))
		check(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Now: func() time.Time { return end.Add(opened) }}), sealed, want)
	}
	at(-time.Hour, -time.Minute, "")
	at(-time.Hour, time.Hour, "")
	at(-time.Hour, 48*time.Hour, envelope.OutOfTime)
	at(time.Hour, 2*time.Hour, envelope.OutOfTime)
}

// There is no detached signature and no cleartext in this package.
func TestT33DetachedIsNoMessage(t *testing.T) {
	e, _, _, sig := fixture(t)
	rejected(t, e, sig, envelope.Malformed)
	rejected(t, e, armored(t, "PGP SIGNATURE", sig), envelope.Malformed)
	clear := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + string(body) + "\n" + string(armored(t, "PGP SIGNATURE", sig))
	rejected(t, e, []byte(clear), envelope.Malformed)
}

// The library's EAX appends wrongly to a slice that is not empty, as is the
// result of the first of several chunks.
func TestT34EAXOfSeveralChunks(t *testing.T) {
	k := v6Key(t, "reader", packet.AEADModeEAX)
	key := bytes.Repeat([]byte{5}, 32)
	config := &packet.Config{AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeEAX, ChunkSize: 64}}
	var b bytes.Buffer
	require.NoError(t, packet.SerializeEncryptedKeyAEAD(&b, entity(t, public(k)).Subkeys[0].PublicKey, packet.CipherAES256, true, key, config))
	w, err := packet.SerializeSymmetricallyEncrypted(&b, packet.CipherAES256, true, packet.CipherSuite{Cipher: packet.CipherAES256, Mode: packet.AEADModeEAX}, key, config)
	require.NoError(t, err)
	payload := []byte(strings.Repeat("0123456789", 100))
	_, err = w.Write(append(literalPacket(payload), signaturePacket(t, partner(), payload, nil)...))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
	m, err := e.Open(context.Background(), b.Bytes())
	require.NoError(t, err)
	assert.Equal(t, payload, m.Payload)
	assert.Equal(t, "AES-256/EAX", m.Content)
	open(t, e, b.Bytes())
}
