package pgp_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// libraryKey makes a key with the library, as another program would have it.
func libraryKey(t testing.TB, name string, c *packet.Config) *pgp.Key {
	e, err := openpgp.NewEntity(name, "", "", c)
	require.NoError(t, err)
	return readEntity(t, e)
}

func v6Key(t testing.TB, name string, mode packet.AEADMode) *pgp.Key {
	return libraryKey(t, name, &packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoEd25519,
		DefaultCipher: packet.CipherAES256, AEADConfig: &packet.AEADConfig{DefaultMode: mode}})
}

// readsAEAD is a version 4 key whose certificate says that it reads AEAD in a mode.
func readsAEAD(t testing.TB, name string, mode packet.AEADMode) *pgp.Key {
	return libraryKey(t, name, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519,
		DefaultCipher: packet.CipherAES256, AEADConfig: &packet.AEADConfig{DefaultMode: mode}})
}

// Trap T15: AEAD is used if all recipients say that they read it, and a certificate
// that says so for one of them changes nothing for the others.
func TestT15DataVersions(t *testing.T) {
	gcm, ocb := readsAEAD(t, "gcm", packet.AEADModeGCM), readsAEAD(t, "ocb", packet.AEADModeOCB)
	v6 := v6Key(t, "v6", packet.AEADModeGCM)
	v448 := libraryKey(t, "448", &packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoEd448, AEADConfig: &packet.AEADConfig{}})
	for _, tt := range []struct {
		name  string
		to    []*pgp.Key
		want  string
		chunk int
	}{
		{"nobody says so", []*pgp.Key{partner()}, "AES-256/CFB", 0},
		{"not all say so", []*pgp.Key{gcm, partner()}, "AES-256/CFB", 0},
		{"GCM", []*pgp.Key{gcm}, "AES-256/GCM", 0},
		{"OCB", []*pgp.Key{gcm, ocb}, "AES-256/OCB", 0},
		{"version 6", []*pgp.Key{v6}, "AES-256/GCM", 0},
		{"X448", []*pgp.Key{v448}, "AES-256/OCB", 0},
		{"versions 4 and 6", []*pgp.Key{v6, gcm}, "AES-256/GCM", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var peers []*pgp.Key
			for _, k := range tt.to {
				peers = append(peers, public(k))
			}
			ours := newEnvelope(t, pgp.Config{Own: active(t, bank(), v6Own(t)), Peer: active(t, peers...), Encoding: pgp.Binary})
			for _, n := range []int{0, 1, 64, 65, 1<<18 + 1} {
				payload := bytes.Repeat([]byte{'x'}, n)
				sealed := seal(t, ours, payload)
				for _, k := range tt.to {
					theirs := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(bank()), public(v6Own(t)))})
					m := open(t, theirs, sealed)
					assert.True(t, bytes.Equal(payload, m.Payload))
					assert.Equal(t, tt.want, m.Content)
					assert.Len(t, m.Signers, 2, "v4 beside v6")
					assert.True(t, m.Bound)
					if n < 5000 {
						libraryOpens(t, sealed, payload, k, bank(), v6Own(t))
					}
				}
			}
		})
	}
}

var v6OwnKey *pgp.Key

func v6Own(t testing.TB) *pgp.Key {
	if v6OwnKey == nil {
		v6OwnKey = v6Key(t, "our v6", packet.AEADModeOCB)
	}
	return v6OwnKey
}

func libraryOpens(t *testing.T, sealed, payload []byte, to *pgp.Key, signers ...*pgp.Key) {
	ring := openpgp.EntityList{entity(t, to)}
	for _, s := range signers {
		ring = append(ring, entity(t, public(s)))
	}
	md, err := openpgp.ReadMessage(bytes.NewReader(sealed), ring, nil, nil)
	require.NoError(t, err)
	var b bytes.Buffer
	_, err = b.ReadFrom(md.UnverifiedBody)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(payload, b.Bytes()))
	require.NoError(t, md.SignatureError)
	for _, c := range md.SignatureCandidates {
		assert.NoError(t, c.SignatureError)
	}
	assert.Len(t, md.SignatureCandidates, len(signers))
}

// What the library writes in every mode and chunk size, we read.
func TestAEADOfTheLibrary(t *testing.T) {
	k := v6Key(t, "reader", packet.AEADModeOCB)
	e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
	to := entity(t, public(k))
	for _, mode := range []packet.AEADMode{packet.AEADModeEAX, packet.AEADModeOCB, packet.AEADModeGCM} {
		for _, c := range []packet.CipherFunction{packet.CipherAES128, packet.CipherAES192, packet.CipherAES256} {
			for _, chunk := range []uint64{64, 4096, 1 << 22} {
				t.Run(fmt.Sprint(mode, " ", c, " ", chunk), func(t *testing.T) {
					var b bytes.Buffer
					key := bytes.Repeat([]byte{5}, c.KeySize())
					config := &packet.Config{AEADConfig: &packet.AEADConfig{DefaultMode: mode, ChunkSize: chunk}}
					require.NoError(t, packet.SerializeEncryptedKeyAEAD(&b, to.Subkeys[0].PublicKey, c, true, key, config))
					w, err := packet.SerializeSymmetricallyEncrypted(&b, c, true, packet.CipherSuite{Cipher: c, Mode: mode}, key, config)
					require.NoError(t, err)
					payload := bytes.Repeat(body, 200)
					_, err = w.Write(append(literalPacket(payload), signaturePacket(t, partner(), payload, nil)...))
					require.NoError(t, err)
					require.NoError(t, w.Close())
					sealed := b.Bytes()
					m := open(t, e, sealed)
					assert.Equal(t, payload, m.Payload)
					assert.Contains(t, m.Content, map[packet.AEADMode]string{1: "EAX", 2: "OCB", 3: "GCM"}[mode])

					// Every chunk and the final tag are authentic.
					for _, at := range []int{len(sealed) - 1, len(sealed) - 20, len(sealed) - 100} {
						rejected(t, e, flip(sealed, at), envelope.Corrupt)
					}
				})
			}
		}
	}
}
