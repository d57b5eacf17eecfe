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

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

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
