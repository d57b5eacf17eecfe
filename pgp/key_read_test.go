package pgp_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

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
