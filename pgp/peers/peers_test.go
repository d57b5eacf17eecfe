package peers_test

import (
	"bytes"
	"crypto"
	_ "crypto/sha512"
	"fmt"
	"io"
	"testing"
	"time"

	gopenpgp2 "github.com/ProtonMail/gopenpgp/v2/crypto"
	gopenpgp3 "github.com/ProtonMail/gopenpgp/v3/crypto"
	keybase "github.com/keybase/go-crypto/openpgp"
	keybasepacket "github.com/keybase/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	//lint:ignore SA1019 old programs have it, and are our partners
	old "golang.org/x/crypto/openpgp"
	//lint:ignore SA1019 as above
	oldpacket "golang.org/x/crypto/openpgp/packet"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A peer is a library that holds a key of its own, and ours.
type peer interface {
	public(t *testing.T) []byte // its certificate
	seal(t *testing.T, payload []byte) []byte
	open(t *testing.T, sealed []byte) []byte // and verifies our signature
}

var sizes = []int{0, 1, 100, 490, 510, 511, 512, 513, 5000, 200 << 10}

func TestPeers(t *testing.T) {
	ours, err := pgp.GenerateKey("Ours <ours@example.org>", pgp.RSA3072, time.Hour)
	require.NoError(t, err)
	var private, public bytes.Buffer
	require.NoError(t, ours.WriteInsecurePrivateKey(&private))
	require.NoError(t, ours.WriteCertificate(&public))
	for name, make := range map[string]func(t *testing.T, ours []byte) peer{
		"golang.org/x/crypto": newOld, "keybase": newKeybase, "gopenpgp 2": newGopenpgp2, "gopenpgp 3": newGopenpgp3,
	} {
		t.Run(name, func(t *testing.T) {
			p := make(t, public.Bytes())
			theirs, err := pgp.ReadKey(bytes.NewReader(p.public(t)))
			require.NoError(t, err)
			e, err := pgp.New(pgp.Config{Own: set(t, ours), Peer: set(t, theirs), Encoding: pgp.Binary})
			require.NoError(t, err)
			for _, n := range sizes {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					payload := bytes.Repeat([]byte("pay 12.50\n"), n/10+1)[:n]
					sealed := p.seal(t, payload)
					m, err := e.Open(t.Context(), sealed)
					require.NoError(t, err)
					assert.True(t, bytes.Equal(payload, m.Payload))
					assert.True(t, m.SignedBy(theirs.Info().ID))
					var streamed bytes.Buffer
					_, err = e.OpenTo(t.Context(), &streamed, bytes.NewReader(sealed))
					require.NoError(t, err)
					assert.True(t, bytes.Equal(payload, streamed.Bytes()))

					sealed, err = e.Seal(t.Context(), payload)
					require.NoError(t, err)
					assert.True(t, bytes.Equal(payload, p.open(t, sealed)))
					streamed.Reset()
					require.NoError(t, e.SealTo(t.Context(), &streamed, bytes.NewReader(payload)))
					assert.True(t, bytes.Equal(payload, p.open(t, streamed.Bytes())))
				})
			}
		})
	}
}

func set(t *testing.T, k *pgp.Key) *keyset.Set {
	s, err := keyset.New(1, keyset.Key{Material: k, State: keyset.Active})
	require.NoError(t, err)
	return s
}

type oldPeer struct{ own, ours *old.Entity }

func newOld(t *testing.T, ours []byte) peer {
	own, err := old.NewEntity("Theirs", "", "theirs@example.org", &oldpacket.Config{RSABits: 2048, DefaultHash: crypto.SHA256})
	require.NoError(t, err)
	ring, err := old.ReadArmoredKeyRing(bytes.NewReader(ours))
	require.NoError(t, err)
	return &oldPeer{own, ring[0]}
}

func (p *oldPeer) public(t *testing.T) []byte {
	var b bytes.Buffer
	require.NoError(t, p.own.SerializePrivate(io.Discard, nil)) // it signs itself here
	require.NoError(t, p.own.Serialize(&b))
	return b.Bytes()
}

func (p *oldPeer) seal(t *testing.T, payload []byte) []byte {
	var b bytes.Buffer
	w, err := old.Encrypt(&b, []*old.Entity{p.ours}, p.own, nil, &oldpacket.Config{DefaultHash: crypto.SHA384, DefaultCipher: oldpacket.CipherAES256})
	require.NoError(t, err)
	_, err = w.Write(payload)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func (p *oldPeer) open(t *testing.T, sealed []byte) []byte {
	md, err := old.ReadMessage(bytes.NewReader(sealed), old.EntityList{p.own, p.ours}, nil, nil)
	require.NoError(t, err)
	out, err := io.ReadAll(md.UnverifiedBody)
	require.NoError(t, err)
	require.NoError(t, md.SignatureError)
	require.NotNil(t, md.Signature)
	return out
}

type keybasePeer struct{ own, ours *keybase.Entity }

func newKeybase(t *testing.T, ours []byte) peer {
	own, err := keybase.NewEntity("Theirs", "", "theirs@example.org", &keybasepacket.Config{RSABits: 2048, DefaultHash: crypto.SHA256})
	require.NoError(t, err)
	ring, err := keybase.ReadArmoredKeyRing(bytes.NewReader(ours))
	require.NoError(t, err)
	return &keybasePeer{own, ring[0]}
}

func (p *keybasePeer) public(t *testing.T) []byte {
	var b bytes.Buffer
	require.NoError(t, p.own.SerializePrivate(io.Discard, nil))
	require.NoError(t, p.own.Serialize(&b))
	return b.Bytes()
}

func (p *keybasePeer) seal(t *testing.T, payload []byte) []byte {
	var b bytes.Buffer
	w, err := keybase.Encrypt(&b, []*keybase.Entity{p.ours}, p.own, nil, &keybasepacket.Config{DefaultHash: crypto.SHA384, DefaultCipher: keybasepacket.CipherAES256})
	require.NoError(t, err)
	_, err = w.Write(payload)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func (p *keybasePeer) open(t *testing.T, sealed []byte) []byte {
	md, err := keybase.ReadMessage(bytes.NewReader(sealed), keybase.EntityList{p.own, p.ours}, nil, nil)
	require.NoError(t, err)
	out, err := io.ReadAll(md.UnverifiedBody)
	require.NoError(t, err)
	require.NoError(t, md.SignatureError)
	require.NotNil(t, md.Signature)
	return out
}

type gopenpgp2Peer struct{ own, ours *gopenpgp2.KeyRing }

func newGopenpgp2(t *testing.T, ours []byte) peer {
	key, err := gopenpgp2.GenerateKey("Theirs", "theirs@example.org", "x25519", 0)
	require.NoError(t, err)
	own, err := gopenpgp2.NewKeyRing(key)
	require.NoError(t, err)
	partner, err := gopenpgp2.NewKeyFromArmored(string(ours))
	require.NoError(t, err)
	ring, err := gopenpgp2.NewKeyRing(partner)
	require.NoError(t, err)
	return &gopenpgp2Peer{own, ring}
}

func (p *gopenpgp2Peer) public(t *testing.T) []byte {
	key, err := p.own.GetKey(0)
	require.NoError(t, err)
	out, err := key.GetPublicKey()
	require.NoError(t, err)
	return out
}

func (p *gopenpgp2Peer) seal(t *testing.T, payload []byte) []byte {
	m, err := p.ours.Encrypt(gopenpgp2.NewPlainMessage(payload), p.own)
	require.NoError(t, err)
	return m.GetBinary()
}

func (p *gopenpgp2Peer) open(t *testing.T, sealed []byte) []byte {
	m, err := p.own.Decrypt(gopenpgp2.NewPGPMessage(sealed), p.ours, gopenpgp2.GetUnixTime())
	require.NoError(t, err)
	return m.GetBinary()
}

type gopenpgp3Peer struct{ own, ours *gopenpgp3.Key }

func newGopenpgp3(t *testing.T, ours []byte) peer {
	own, err := gopenpgp3.PGP().KeyGeneration().AddUserId("Theirs", "theirs@example.org").New().GenerateKey()
	require.NoError(t, err)
	partner, err := gopenpgp3.NewKeyFromArmored(string(ours))
	require.NoError(t, err)
	return &gopenpgp3Peer{own, partner}
}

func (p *gopenpgp3Peer) public(t *testing.T) []byte {
	out, err := p.own.GetPublicKey()
	require.NoError(t, err)
	return out
}

func (p *gopenpgp3Peer) seal(t *testing.T, payload []byte) []byte {
	e, err := gopenpgp3.PGP().Encryption().Recipient(p.ours).SigningKey(p.own).New()
	require.NoError(t, err)
	m, err := e.Encrypt(payload)
	require.NoError(t, err)
	return m.Bytes()
}

func (p *gopenpgp3Peer) open(t *testing.T, sealed []byte) []byte {
	d, err := gopenpgp3.PGP().Decryption().DecryptionKey(p.own).VerificationKey(p.ours).New()
	require.NoError(t, err)
	m, err := d.Decrypt(sealed, gopenpgp3.Bytes)
	require.NoError(t, err)
	require.NoError(t, m.SignatureError())
	return m.Bytes()
}
