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

	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

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
