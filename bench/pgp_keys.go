package main

import (
	"bytes"
	"crypto"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// pgpKeys is one direction of an OpenPGP profile: a certificate of each party,
// and what go-crypto is told.
type pgpKeys struct {
	sign, decrypt *openpgp.Entity
	config        *packet.Config
}

// pgpConfig is the same for all profiles: what package pgp seals with.
func pgpConfig() *packet.Config {
	return &packet.Config{
		DefaultHash:   crypto.SHA384,
		DefaultCipher: packet.CipherAES256,
		RSABits:       rsaBits,
		Time:          time.Now,
	}
}

var pgpRSAKeys = sync.OnceValues(func() (pgpKeys, error) {
	c := pgpConfig()
	c.Algorithm = packet.PubKeyAlgoRSA
	return newPGPKeys(c)
})

var pgpCurveKeys = sync.OnceValues(func() (pgpKeys, error) {
	c := pgpConfig()
	c.Algorithm, c.Curve = packet.PubKeyAlgoEdDSA, packet.Curve25519 // of RFC 4880, as GnuPG reads it
	return newPGPKeys(c)
})

var pgpV6Keys = sync.OnceValues(func() (pgpKeys, error) {
	c := pgpConfig()
	c.Algorithm, c.V6Keys = packet.PubKeyAlgoEd25519, true
	c.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}
	return newPGPKeys(c)
})

var pgpPQKeys = sync.OnceValues(func() (pgpKeys, error) {
	c := pgpConfig()
	c.Algorithm, c.V6Keys = packet.PubKeyAlgoMldsa65Ed25519, true
	c.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}
	return newPGPKeys(c)
})

func newPGPKeys(c *packet.Config) (pgpKeys, error) {
	two, err := onAllCores(2, func(int) (*openpgp.Entity, error) { return newEntity(c) })
	if err != nil {
		return pgpKeys{}, err
	}
	return pgpKeys{two[0], two[1], c}, nil
}

func newEntity(c *packet.Config) (*openpgp.Entity, error) {
	return openpgp.NewEntity("Example Bank", "", "keys@bank.example", c)
}

// ourKey is the same key for package pgp.
func ourKey(e *openpgp.Entity) (*pgp.Key, error) {
	var b bytes.Buffer
	if err := e.SerializePrivate(&b, nil); err != nil {
		return nil, err
	}
	return pgp.ReadKey(&b)
}

// pgpUs is this library, with a ring on either side as a program has it.
func pgpUs(k pgpKeys, size int) (implementation, error) {
	sign, err := ourKey(k.sign)
	if err != nil {
		return implementation{}, err
	}
	decrypt, err := ourKey(k.decrypt)
	if err != nil {
		return implementation{}, err
	}
	from, err := pgpEnvelope(size, sign, decrypt.Public())
	if err != nil {
		return implementation{}, err
	}
	to, err := pgpEnvelope(size, decrypt, sign.Public())
	return ours(from, to), err
}

func pgpEnvelope(size int, own, peer keyset.Material) (*pgp.Envelope, error) {
	mine, theirs, err := rings(peer, own)
	if err != nil {
		return nil, err
	}
	return pgp.New(pgp.Config{Own: mine, Peer: theirs, MaxSize: int64(max(size, 1<<10))})
}
