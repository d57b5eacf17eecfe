package main

import (
	"context"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
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
	from, err := k.envelope(size, sign, decrypt.Public())
	if err != nil {
		return implementation{}, err
	}
	to, err := k.envelope(size, decrypt, sign.Public())
	return ours(from, to), err
}

// decryptionKey is bound to its algorithm, as RSA1_5 asks for.
func (k joseKeys) decryptionKey() (*jwe.Key, error) {
	key, err := jwe.NewKey("", k.decrypt, keyset.Encryption)
	if err != nil {
		return nil, err
	}
	return key.WithAlgorithm(k.algs.Key)
}

func (k joseKeys) envelope(size int, own, peer keyset.Material) (*jwe.Envelope, error) {
	mine, theirs, err := rings(peer, own)
	if err != nil {
		return nil, err
	}
	return jwe.New(k.config(size, mine, theirs))
}

func (k joseKeys) config(size int, own, peer keyset.Source) jwe.Config {
	c := jwe.Config{Own: own, Peer: peer, Seal: k.algs, MaxSize: int64(size), Compress: k.zip}
	if k.algs.Key == jwe.RSA1_5 {
		c.Waive = append(c.Waive, jwe.InsecureRSA1_5("to measure what partners insist on"))
	}
	if k.zip {
		c.Waive = append(c.Waive, jwe.InsecureCompression("to measure what partners insist on"))
	}
	return c
}

// ours is an implementation by two of our envelopes.
func ours(from, to envelope.Envelope) implementation {
	return implementation{
		name: us,
		seal: func(payload []byte) ([]byte, error) { return from.Seal(context.Background(), payload) },
		open: func(sealed []byte) ([]byte, error) {
			m, err := to.Open(context.Background(), sealed)
			if err != nil {
				return nil, err
			}
			return m.Payload, nil
		},
	}
}

// set returns active keys, the most preferred first.
func set[M keyset.Material](material ...M) (*keyset.Set, error) {
	var keys []keyset.Key
	for _, m := range material {
		keys = append(keys, keyset.Key{Material: m, State: keyset.Active})
	}
	return keyset.New(1, keys...)
}

// rings returns those of one side: of its own keys, and of the one of its partner.
func rings[M keyset.Material](peer keyset.Material, own ...M) (mine, theirs *keyset.Ring, err error) {
	if mine, err = ring(own...); err != nil {
		return nil, nil, err
	}
	theirs, err = ring(peer)
	return mine, theirs, err
}

func ring[M keyset.Material](material ...M) (*keyset.Ring, error) {
	s, err := set(material...)
	if err != nil {
		return nil, err
	}
	return keyset.NewRing(s), nil
}
