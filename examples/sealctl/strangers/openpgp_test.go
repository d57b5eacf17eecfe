package strangers_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/des"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// openPGP is a network with two keys, with one that has expired, and one that is revoked.
func openPGP(t testing.TB) *stage {
	s := &stage{own: t.TempDir(), peer: t.TempDir(), algorithm: "RSA-2048/SHA-384", content: "AES-256/CFB", signers: 2, addressed: 2}
	ready := func(n int) *pgp.Key { return readKey(t, envelopetest.OpenPGPKey(t, n)) }
	bank1, bank2, net1, net2 := ready(0), ready(1), ready(2), ready(3)
	revoked, stranger := fresh(t, "revoked"), fresh(t, "stranger")
	file(t, s.own, "1.asc", bank1.WriteInsecurePrivateKey)
	file(t, s.own, "2.asc", bank2.WriteInsecurePrivateKey)
	file(t, s.peer, "1.asc", net1.WriteCertificate)
	file(t, s.peer, "2.asc", net2.WriteCertificate)
	file(t, s.peer, "3.asc", func(w io.Writer) error { return revoked.WriteRevocation(t.Context(), w, "lost") })
	expired := expiredSigner(t, s.peer)

	seal := func(from, to []*pgp.Key) []byte {
		e, err := pgp.New(pgp.Config{Own: set(t, from), Peer: set(t, to).Public()})
		require.NoError(t, err)
		sealed, err := e.Seal(t.Context(), []byte(echoAt(t, time.Now())))
		require.NoError(t, err)
		return sealed
	}
	var err error
	s.network, err = pgp.New(pgp.Config{Own: set(t, keys(net1, net2)), Peer: set(t, keys(bank1, bank2)).Public()})
	require.NoError(t, err)
	armored, err := pgp.New(pgp.Config{Own: set(t, keys(net1)), Peer: set(t, keys(bank1)).Public(), Encoding: pgp.Armor})
	require.NoError(t, err)
	inArmor, err := armored.Seal(t.Context(), []byte(echoAt(t, time.Now())))
	require.NoError(t, err)
	right := seal(keys(net1), keys(bank1))
	damaged := slices.Clone(right)
	damaged[len(damaged)-40] ^= 1
	hand := forger{t, entity(t, net1.WriteInsecurePrivateKey), entity(t, bank1.WriteCertificate)}
	s.messages = []message{
		{"right", right, 200, nil},
		{"a stranger", seal(keys(stranger), keys(bank1)), 401, nil},
		{"the second key", seal(keys(net2), keys(bank2)), 200, map[string]int{"first-key": 400}},
		{"both keys", seal(keys(net1, net2), keys(bank1, bank2)), 200, nil},
		{"our key after a stranger's", seal(keys(net1), keys(stranger, bank1)), 200, nil},
		{"armor", inArmor, 200, nil},
		{"a known and an unknown signer", seal(keys(net1, stranger), keys(bank1)), 200, map[string]int{"first-signature": 401}},
		{"an unknown and a known signer", seal(keys(stranger, net1), keys(bank1)), 200, nil},
		{"an expired signer", hand.sealed(forgery{}, expired), 401, map[string]int{"expired-signer": 200}},
		{"a revoked signer", seal(keys(revoked), keys(bank1)), 401, nil},
		{"a revoked and a good signer", seal(keys(revoked, net2), keys(bank1)), 200, nil},
		{"signed by itself", seal(keys(bank2), keys(bank1)), 401, nil},
		{"unsigned", hand.sealed(forgery{}), 401, nil},
		{"made by hand", hand.sealed(forgery{}, hand.network), 200, nil},
		{"an expired and a good signer", hand.sealed(forgery{}, expired, hand.network), 200, map[string]int{"first-signature": 401}},
		{"a good and an expired signer", hand.sealed(forgery{}, hand.network, expired), 200, nil},
		{"to nobody by name", hand.sealed(forgery{hidden: true}, hand.network), 200, nil},
		{"SHA-1", hand.sealed(forgery{sha1: true}, hand.network), 401, nil},
		{"Triple DES", hand.sealed(forgery{tripleDES: true}, hand.network), 400, nil},
		{"no integrity protection", hand.sealed(forgery{unprotected: true}, hand.network), 400, nil},
		{"to a stranger", seal(keys(net1), keys(stranger)), 400, nil},
		{"damaged", damaged, 400, nil},
		{"cut", right[:len(right)/2], 400, nil},
		{"not base64", []byte("hello, world"), 400, nil},
		{"one byte", []byte("A"), 400, nil},
		{"empty", nil, 400, nil},
	}
	return s
}

func keys(k ...*pgp.Key) []*pgp.Key { return k }

func set(t testing.TB, list []*pgp.Key) *keyset.Set {
	var entries []keyset.Key
	for _, k := range list {
		entries = append(entries, keyset.Key{Material: k, State: keyset.Active})
	}
	s, err := keyset.New(1, entries...)
	require.NoError(t, err)
	return s
}

func readKey(t testing.TB, raw []byte) *pgp.Key {
	k, err := pgp.ReadKey(bytes.NewReader(raw))
	require.NoError(t, err)
	return k
}

// fresh makes a key that GnuPG reads as well.
func fresh(t testing.TB, name string) *pgp.Key {
	e := newEntity(t, name, &packet.Config{RSABits: 2048})
	return readKey(t, privately(t, e, nil))
}

func newEntity(t testing.TB, name string, c *packet.Config) *openpgp.Entity {
	e, err := openpgp.NewEntity(name, "", name+"@network.example", c)
	require.NoError(t, err)
	return e
}

func privately(t testing.TB, e *openpgp.Entity, c *packet.Config) []byte {
	return armored(t, openpgp.PrivateKeyType, func(w io.Writer) error { return e.SerializePrivate(w, c) })
}

func armored(t testing.TB, kind string, write func(io.Writer) error) []byte {
	var b bytes.Buffer
	w, err := armor.Encode(&b, kind, nil)
	require.NoError(t, err)
	require.NoError(t, write(w))
	require.NoError(t, w.Close())
	return b.Bytes()
}

// expiredSigner puts a certificate that has expired into the folder, and returns the key.
func expiredSigner(t testing.TB, folder string) *openpgp.Entity {
	c := &packet.Config{RSABits: 2048, KeyLifetimeSecs: 3600, Time: func() time.Time { return time.Now().AddDate(0, 0, -7) }}
	e := newEntity(t, "expired", c)
	_ = privately(t, e, c) // which signs the certificate
	require.NoError(t, os.WriteFile(filepath.Join(folder, "4.asc"), armored(t, openpgp.PublicKeyType, e.Serialize), 0o600))
	return e
}

func entity(t testing.TB, write func(io.Writer) error) *openpgp.Entity {
	var b bytes.Buffer
	require.NoError(t, write(&b))
	list, err := openpgp.ReadArmoredKeyRing(&b)
	require.NoError(t, err)
	return list[0]
}

func file(t testing.TB, folder, name string, write func(io.Writer) error) {
	var b bytes.Buffer
	require.NoError(t, write(&b))
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), b.Bytes(), 0o600))
}

// A forger makes messages that the library does not seal.
type forger struct {
	t             testing.TB
	network, bank *openpgp.Entity
}

// A forgery says what is odd about a message.
type forgery struct{ sha1, tripleDES, unprotected, hidden bool }

func (f forger) sealed(odd forgery, signers ...*openpgp.Entity) []byte {
	inner := f.signed(odd, signers, []byte(echoAt(f.t, time.Now())))
	cipher := packet.CipherAES256
	if odd.tripleDES {
		cipher = packet.Cipher3DES
	}
	session := make([]byte, cipher.KeySize())
	_, _ = rand.Read(session)
	key, ok := f.bank.EncryptionKey(time.Now())
	require.True(f.t, ok)
	var out bytes.Buffer
	require.NoError(f.t, packet.SerializeEncryptedKeyAEADwithHiddenOption(&out, key.PublicKey, cipher, false, session, odd.hidden, nil))
	f.encrypted(&out, odd, session, inner)
	return []byte(base64.RawURLEncoding.EncodeToString(out.Bytes()))
}

// signed writes literal data with signatures in the order of the signers, each announced by
// a One-Pass Signature packet in the reverse order: RFC 9580, Section 5.4.
func (f forger) signed(odd forgery, signers []*openpgp.Entity, payload []byte) []byte {
	hash := crypto.SHA384
	if odd.sha1 {
		hash = crypto.SHA1
	}
	var b bytes.Buffer
	for i, signer := range slices.Backward(signers) {
		ops := &packet.OnePassSignature{Version: 3, Hash: hash, PubKeyAlgo: signer.PrimaryKey.PubKeyAlgo, KeyId: signer.PrimaryKey.KeyId, IsLast: i == 0}
		require.NoError(f.t, ops.Serialize(&b))
	}
	w, err := packet.SerializeLiteral(nopCloser{&b}, true, "", 0)
	require.NoError(f.t, err)
	_, err = w.Write(payload)
	require.NoError(f.t, err)
	require.NoError(f.t, w.Close())
	for _, signer := range signers {
		sig := &packet.Signature{
			Version: 4, Hash: hash, CreationTime: time.Now(),
			PubKeyAlgo: signer.PrimaryKey.PubKeyAlgo, IssuerKeyId: &signer.PrimaryKey.KeyId,
		}
		digest := hash.New()
		digest.Write(payload)
		require.NoError(f.t, sig.Sign(digest, signer.PrivateKey, &packet.Config{NonDeterministicSignaturesViaNotation: new(bool)}))
		require.NoError(f.t, sig.Serialize(&b))
	}
	return b.Bytes()
}

// encrypted writes a packet with encrypted data, by RFC 9580, Section 5.13.1, or without
// integrity protection by Section 5.7.
func (f forger) encrypted(out *bytes.Buffer, odd forgery, session, inner []byte) {
	block, err := aes.NewCipher(session)
	if odd.tripleDES {
		block, err = des.NewTripleDESCipher(session)
	}
	require.NoError(f.t, err)
	random := make([]byte, block.BlockSize())
	_, _ = rand.Read(random)
	kind, version, resync := byte(18), []byte{1}, packet.OCFBNoResync
	if odd.unprotected {
		kind, version, resync = 9, nil, packet.OCFBResync
	} else {
		inner = append(inner, 0xD3, sha1.Size)
		digest := sha1.Sum(slices.Concat(random, random[len(random)-2:], inner))
		inner = append(inner, digest[:]...)
	}
	stream, prefix := packet.NewOCFBEncrypter(block, random, resync)
	stream.XORKeyStream(inner, inner)
	body := slices.Concat(version, prefix, inner)
	out.Write([]byte{0xC0 | kind, 0xFF})
	_ = binary.Write(out, binary.BigEndian, uint32(len(body)))
	out.Write(body)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
