package main

import (
	"context"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// joseUs is this library, with a ring on either side as a program has it.
func joseUs(k joseKeys, size int) (implementation, error) {
	sign, err := jwe.NewKey("", k.sign, keyset.Signing)
	if err != nil {
		return implementation{}, err
	}
	decrypt, err := k.decryptionKey()
	if err != nil {
		return implementation{}, err
	}
	return ours(sign, decrypt, func(own, peer *keyset.Ring) (*jwe.Envelope, error) { return jwe.New(k.settings(size, own, peer)) })
}

// decryptionKey is bound to its algorithm, as RSA1_5 asks for.
func (k joseKeys) decryptionKey() (*jwe.Key, error) {
	key, err := jwe.NewKey("", k.decrypt, keyset.Encryption)
	if err != nil {
		return nil, err
	}
	return key.WithAlgorithm(k.algs.Key)
}

func (k joseKeys) settings(size int, own, peer keyset.Source) jwe.Config {
	c := jwe.Config{Own: own, Peer: peer, Seal: k.algs, MaxSize: int64(size), Compress: k.zip}
	if k.algs.Key == jwe.RSA1_5 {
		c.Waive = append(c.Waive, jwe.InsecureRSA1_5("to measure what partners insist on"))
	}
	if k.zip {
		c.Waive = append(c.Waive, jwe.InsecureCompression("to measure what partners insist on"))
	}
	return c
}

// pgpUs is joseUs for OpenPGP.
func pgpUs(k pgpKeys, size int) (implementation, error) {
	sign, err := ourKey(k.sign)
	if err != nil {
		return implementation{}, err
	}
	decrypt, err := ourKey(k.decrypt)
	if err != nil {
		return implementation{}, err
	}
	return ours(sign, decrypt, func(own, peer *keyset.Ring) (*pgp.Envelope, error) {
		return pgp.New(pgp.Config{Own: own, Peer: peer, MaxSize: int64(max(size, 1<<10))})
	})
}

// ours is an implementation by the envelopes of two parties: one signs, the other decrypts.
func ours[E envelope.Envelope](sign, decrypt keyset.Material, make func(own, peer *keyset.Ring) (E, error)) (implementation, error) {
	from, err := between(decrypt.Public(), make, sign)
	if err != nil {
		return implementation{}, err
	}
	to, err := between(sign.Public(), make, decrypt)
	return implementation{
		name: us,
		seal: func(payload []byte) ([]byte, error) { return from.Seal(context.Background(), payload) },
		open: func(sealed []byte) ([]byte, error) { return opened(to, sealed) },

		receiver: to,
	}, err
}

func opened(e envelope.Envelope, sealed []byte) ([]byte, error) {
	m, err := e.Open(context.Background(), sealed)
	if err != nil {
		return nil, err
	}
	return m.Payload, nil
}

// between returns the envelope of one side: of its own keys, and of the one of its partner.
func between[E any](peer keyset.Material, make func(own, peer *keyset.Ring) (E, error), own ...keyset.Material) (e E, err error) {
	mine, err := ring(own...)
	if err != nil {
		return e, err
	}
	theirs, err := ring(peer)
	if err != nil {
		return e, err
	}
	return make(mine, theirs)
}

// ring returns active keys, the most preferred first.
func ring(material ...keyset.Material) (*keyset.Ring, error) {
	var keys []keyset.Key
	for _, m := range material {
		keys = append(keys, keyset.Key{Material: m, State: keyset.Active})
	}
	s, err := keyset.New(1, keys...)
	if err != nil {
		return nil, err
	}
	return keyset.NewRing(s), nil
}
