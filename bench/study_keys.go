package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Names of what is measured where several keys may be the right one. The right
// one is always the least preferred.
const (
	privateOp   = "private-key operation"
	usNamed     = "sealwax, named"
	usBefore    = "sealwax, used before"
	usNew       = "sealwax, not used before"
	usUnnamed   = "sealwax, unnamed"
	peerNamed   = "peer, named"
	peerUnnamed = "peer, unnamed"
	mostKeys    = keyset.MaxKeys
	keysSize    = 1 << 10
	signersSize = 1 << 20
	chunksSize  = 1 << 10
)

func studies() []scenario {
	var out []scenario
	for _, n := range []int{1, 2, 8, mostKeys} {
		out = append(out, scenario{partJOSEKeys, "Open", keysSize, n, 0, func() ([]subject, error) { return joseKeysStudy(n) }})
	}
	for _, n := range []int{1, 2, 8, mostKeys} {
		out = append(out, scenario{partPGPKeys, "Open", keysSize, n, 0, func() ([]subject, error) { return pgpKeysStudy(n) }})
	}
	for _, n := range []int{1, 2, 8, mostKeys} {
		out = append(out, scenario{partSigners, "Open", signersSize, n, 0, func() ([]subject, error) { return signersStudy(n) }})
	}
	out = append(out, scenario{partChunks, "Open", chunksSize, 0, 0, chunksStudy})
	return append(out, loads()...)
}

// last returns a function that returns the last n keys of a party. Each is
// generated when it is asked for first.
func last[T any](generate func() (T, error)) func(n int) ([]T, error) {
	var keys [mostKeys]func() (T, error)
	for i := range keys {
		keys[i] = sync.OnceValues(generate)
	}
	return func(n int) ([]T, error) {
		return onAllCores(n, func(i int) (T, error) { return keys[mostKeys-n+i]() })
	}
}

var (
	lastRSA = last(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) })
	lastPGP = last(func() (*openpgp.Entity, error) {
		c := pgpConfig()
		c.Algorithm = packet.PubKeyAlgoRSA
		return newEntity(c)
	})
)

func name(i int) string { return fmt.Sprintf("key-%02d", i) }

// lastJOSE returns the last n keys, as they are and for us.
func lastJOSE(n int, use keyset.Use) (raw []any, keys []*jwe.Key, err error) {
	all, err := lastRSA(n)
	if err != nil {
		return nil, nil, err
	}
	for i, key := range all {
		k, err := jwe.NewKey(name(i), key, use)
		if err != nil {
			return nil, nil, err
		}
		raw, keys = append(raw, key), append(keys, k)
	}
	return raw, keys, nil
}

// joseKeysStudy opens a message to the last of n keys.
func joseKeysStudy(n int) ([]subject, error) {
	k, err := joseRSAKeys()
	if err != nil {
		return nil, err
	}
	raw, keys, err := lastJOSE(n, keyset.Encryption)
	if err != nil {
		return nil, err
	}
	last := raw[n-1].(*rsa.PrivateKey)
	sign, err := jwe.NewKey("", k.sign, keyset.Signing)
	if err != nil {
		return nil, err
	}
	signer, err := k.goJOSESigner(jose.JSONWebKey{Key: k.sign, KeyID: sign.Info().Name})
	if err != nil {
		return nil, err
	}
	seal := func(key any) ([]byte, error) {
		encrypter, err := k.goJOSEEncrypter(key)
		if err != nil {
			return nil, err
		}
		return goJOSESeal(signer, encrypter, payload(keysSize))
	}
	named, err := seal(&jose.JSONWebKey{Key: &last.PublicKey, KeyID: keys[n-1].Info().Name})
	if err != nil {
		return nil, err
	}
	hidden, err := seal(&last.PublicKey)
	if err != nil {
		return nil, err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &last.PublicKey, make([]byte, 32), nil)
	if err != nil {
		return nil, err
	}
	return keysSubjects(named, hidden,
		func() (int, error) {
			cek, err := rsa.DecryptOAEP(sha256.New(), nil, last, wrapped, nil)
			return len(cek), err
		},
		func() (envelope.Envelope, error) {
			own, peer, err := rings(sign.Public(), keys...)
			if err != nil {
				return nil, err
			}
			return jwe.New(k.config(keysSize, own, peer))
		},
		func(sealed []byte, named bool) ([]byte, error) {
			try := raw
			if named {
				try = raw[n-1:]
			}
			content, err := k.goJOSEDecrypt(sealed, try...)
			if err != nil {
				return nil, err
			}
			return k.goJOSEVerify(content, k.sign.Public())
		})
}

// keysSubjects compares what a message costs that names its key with one that
// does not, of which the envelope has opened one before, or none.
func keysSubjects(named, hidden []byte, private func() (int, error), fresh func() (envelope.Envelope, error),
	peer func(sealed []byte, named bool) ([]byte, error)) ([]subject, error) {
	one, err := fresh()
	if err != nil {
		return nil, err
	}
	var unused []envelope.Envelope
	unpack := func(e envelope.Envelope, sealed []byte) (int, error) {
		m, err := e.Open(context.Background(), sealed)
		if err != nil {
			return 0, err
		}
		return len(m.Payload), nil
	}
	return []subject{
		{name: privateOp, op: private},
		{name: usNamed, op: func() (int, error) { return unpack(one, named) }},
		{name: usBefore, op: func() (int, error) { return unpack(one, hidden) }},
		{name: usNew, alone: true,
			prepare: func(n int) error {
				unused = unused[:0]
				for range n {
					e, err := fresh()
					if err != nil {
						return err
					}
					unused = append(unused, e)
				}
				return nil
			},
			op: func() (int, error) {
				e := unused[len(unused)-1]
				unused = unused[:len(unused)-1]
				return unpack(e, hidden)
			}},
		{name: peerNamed, op: func() (int, error) {
			out, err := peer(named, true)
			return len(out), err
		}},
		{name: peerUnnamed, op: func() (int, error) {
			out, err := peer(hidden, false)
			return len(out), err
		}},
	}, nil
}

// pgpKeysStudy is joseKeysStudy for anonymous recipients.
func pgpKeysStudy(n int) ([]subject, error) {
	k, err := pgpRSAKeys()
	if err != nil {
		return nil, err
	}
	all, err := lastPGP(n)
	if err != nil {
		return nil, err
	}
	last := all[n-1]
	private, ok := last.Subkeys[0].PrivateKey.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a subkey of type %T", last.Subkeys[0].PrivateKey.PrivateKey)
	}
	named, err := goCryptoSeal(k, []*openpgp.Entity{last}, nil, payload(keysSize))
	if err != nil {
		return nil, err
	}
	hidden, err := goCryptoSeal(k, nil, []*openpgp.Entity{last}, payload(keysSize))
	if err != nil {
		return nil, err
	}
	//lint:ignore SA1019 OpenPGP has nothing else
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, &private.PublicKey, make([]byte, 35))
	if err != nil {
		return nil, err
	}
	var keys []*pgp.Key
	for _, e := range all {
		key, err := ourKey(e)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	sign, err := ourKey(k.sign)
	if err != nil {
		return nil, err
	}
	everybody := append(openpgp.EntityList{k.sign}, all...)
	return keysSubjects(named, hidden,
		func() (int, error) {
			session, err := private.Decrypt(nil, wrapped, nil)
			return len(session), err
		},
		func() (envelope.Envelope, error) {
			own, peer, err := rings(sign.Public(), keys...)
			if err != nil {
				return nil, err
			}
			return pgp.New(pgp.Config{Own: own, Peer: peer})
		},
		func(sealed []byte, _ bool) ([]byte, error) { return goCryptoOpen(k, everybody, sealed) })
}

// signersStudy opens a message that is signed by the last of n trusted keys.
func signersStudy(n int) ([]subject, error) {
	k, err := joseRSAKeys()
	if err != nil {
		return nil, err
	}
	raw, keys, err := lastJOSE(n, keyset.Signing)
	if err != nil {
		return nil, err
	}
	var public []any
	var trusted []keyset.Material
	for i := range raw {
		public = append(public, raw[i].(crypto.Signer).Public())
		trusted = append(trusted, keys[i].Public())
	}
	decrypt, err := k.decryptionKey()
	if err != nil {
		return nil, err
	}
	own, err := ring(decrypt)
	if err != nil {
		return nil, err
	}
	peer, err := ring(trusted...)
	if err != nil {
		return nil, err
	}
	e, err := jwe.New(k.config(signersSize, own, peer))
	if err != nil {
		return nil, err
	}
	encrypter, err := k.goJOSEEncrypter(&jose.JSONWebKey{Key: k.decrypt.Public(), KeyID: decrypt.Info().Name})
	if err != nil {
		return nil, err
	}
	var out []subject
	for _, c := range []struct {
		us, peer string
		key      any
		try      []any
	}{
		{usNamed, peerNamed, jose.JSONWebKey{Key: raw[n-1], KeyID: keys[n-1].Info().Name}, public[n-1:]},
		{usUnnamed, peerUnnamed, raw[n-1], public},
	} {
		signer, err := k.goJOSESigner(c.key)
		if err != nil {
			return nil, err
		}
		sealed, err := goJOSESeal(signer, encrypter, payload(signersSize))
		if err != nil {
			return nil, err
		}
		out = append(out, subject{name: c.us, op: func() (int, error) {
			m, err := e.Open(context.Background(), sealed)
			if err != nil {
				return 0, err
			}
			return len(m.Payload), nil
		}}, subject{name: c.peer, op: func() (int, error) {
			content, err := k.goJOSEDecrypt(sealed, k.decrypt)
			if err != nil {
				return 0, err
			}
			payload, err := k.goJOSEVerify(content, c.try...)
			return len(payload), err
		}})
	}
	return out, nil
}

// chunksStudy opens messages whose senders chose chunks of several sizes.
func chunksStudy() ([]subject, error) {
	k, err := pgpV6Keys()
	if err != nil {
		return nil, err
	}
	usually, err := pgpUs(k, chunksSize)
	if err != nil {
		return nil, err
	}
	peer, err := pgpGoCrypto(k, chunksSize)
	if err != nil {
		return nil, err
	}
	var out []subject
	for _, chunk := range chunkOctets() {
		bare, err := newPGPBare(k, chunksSize, chunk)
		if err != nil {
			return nil, err
		}
		sealed, err := bare.seal(payload(chunksSize))
		if err != nil {
			return nil, err
		}
		sealed = bytes.Clone(sealed)
		for _, im := range []implementation{usually, peer} {
			s := im.opening(sealed)
			s.name = chunkName(im.name, chunk)
			out = append(out, s)
		}
	}
	return out, nil
}

// chunkOctets are the smallest, the usual, and the largest chunks of AEAD: 2^(6+n)
// bytes, RFC 9580, Section 5.13.2.
func chunkOctets() []byte { return []byte{0, 12, 16} }

func chunkName(implementation string, chunk byte) string {
	return fmt.Sprintf("%s, chunks of 2^%d", implementation, 6+chunk)
}
