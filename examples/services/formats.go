package main

import (
	"bytes"
	"io/fs"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A format is what differs between OpenPGP and JOSE, but for making keys, which is the
// services'.
type format struct {
	title    string
	envelope func(own, peer keyset.Source, seal, open string) (envelope.Envelope, error)
	open     func(folder fs.FS) keyset.Opener // of what the partner handed over
	handOver func(keyset.Material) ([]byte, error)
	stranger func() (keyset.Source, error) // keys that nobody knows
	spoil    func(sealed []byte)
}

const (
	maxAge   = time.Minute
	validity = 365 * 24 * time.Hour
)

var openPGP = &format{
	title: "OpenPGP",
	envelope: func(own, peer keyset.Source, seal, open string) (envelope.Envelope, error) {
		return pgp.New(pgp.Config{Own: own, Peer: peer, SealContext: seal, OpenContext: open, MaxAge: maxAge})
	},
	open: func(folder fs.FS) keyset.Opener { return pgp.OpenFile(folder, nil) },
	handOver: func(m keyset.Material) ([]byte, error) {
		var b bytes.Buffer
		err := m.(*pgp.Key).WriteCertificate(&b)
		return b.Bytes(), err
	},
	stranger: func() (keyset.Source, error) {
		k, err := pgp.GenerateKey("Stranger", pgp.Curve25519, validity)
		if err != nil {
			return nil, err
		}
		return keyset.New(1, keyset.Key{Material: k, State: keyset.Active})
	},
	spoil: func(sealed []byte) { sealed[len(sealed)-30] ^= 1 }, // in what the session key encrypts
}

var jose = &format{
	title: "JOSE",
	envelope: func(own, peer keyset.Source, seal, open string) (envelope.Envelope, error) {
		return jwe.New(jwe.Config{Own: own, Peer: peer, SealContext: seal, OpenContext: open, MaxAge: maxAge})
	},
	open: func(folder fs.FS) keyset.Opener { return jwe.OpenFile(folder) },
	handOver: func(m keyset.Material) ([]byte, error) {
		var b bytes.Buffer
		err := m.(*jwe.Key).WritePublicJWK(&b)
		return b.Bytes(), err
	},
	stranger: func() (keyset.Source, error) {
		var keys []keyset.Key
		for _, a := range []jwe.Algorithm{jwe.ES256, jwe.ECDHESA256KW} {
			k, err := jwe.GenerateKey("stranger", a)
			if err != nil {
				return nil, err
			}
			keys = append(keys, keyset.Key{Material: k, State: keyset.Active})
		}
		return keyset.New(1, keys...)
	},
	spoil: func(sealed []byte) { // in the key that the service decrypts
		at := bytes.IndexByte(sealed, '.') + 9
		sealed[at] = map[bool]byte{true: 'B', false: 'A'}[sealed[at] == 'A']
	},
}
