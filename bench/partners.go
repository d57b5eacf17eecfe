package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A kind of partner: what a program reads of its own and of the partner's keys, anew each
// time, and the envelope for both.
type kind struct {
	name      string
	own, peer func() ([]keyset.Material, error)
	envelope  func(own, peer *keyset.Ring) (envelope.Envelope, error)
}

func kinds() ([]kind, error) {
	var all []kind
	inJWE := func(own, peer *keyset.Ring) (envelope.Envelope, error) {
		return jwe.New(jwe.Config{Own: own, Peer: peer})
	}
	for _, c := range []struct {
		name          string
		sign, decrypt func() (private, error)
	}{{"JWE, RSA-2048", newRSA(2048), newRSA(2048)}, {"JWE, P-256", newP256, newP256}, {"JWE, Curve25519", newEd25519, newX25519}} {
		sign, err1 := c.sign()
		decrypt, err2 := c.decrypt()
		if err := firstOf(err1, err2); err != nil {
			return nil, err
		}
		all = append(all, kind{c.name, func() ([]keyset.Material, error) {
			s, err1 := jwe.NewKey("", sign, keyset.Signing)
			d, err2 := jwe.NewKey("", decrypt, keyset.Encryption)
			return []keyset.Material{s, d}, firstOf(err1, err2)
		}, func() ([]keyset.Material, error) {
			s, err1 := jwe.NewPublicKey("", sign.Public(), keyset.Signing)
			d, err2 := jwe.NewPublicKey("", decrypt.Public(), keyset.Encryption)
			return []keyset.Material{s, d}, firstOf(err1, err2)
		}, inJWE})
	}
	inPGP := func(own, peer *keyset.Ring) (envelope.Envelope, error) {
		return pgp.New(pgp.Config{Own: own, Peer: peer})
	}
	for _, c := range []struct {
		name string
		*packet.Config
	}{
		{"PGP, RSA-2048", pgpRSA2048},
		{"PGP, Curve25519", pgpConfig(packet.PubKeyAlgoEdDSA, 0, packet.Curve25519, false)},
		{"PGP version 6, ML-DSA-65+Ed25519 and ML-KEM-768+X25519", pgpConfig(packet.PubKeyAlgoMldsa65Ed25519, 0, "", true)},
	} {
		e, err := newEntity(c.Config)
		if err != nil {
			return nil, err
		}
		read := func(write func(*openpgp.Entity, io.Writer) error) func() ([]keyset.Material, error) {
			var b bytes.Buffer
			failed := write(e, &b)
			return func() ([]keyset.Material, error) {
				key, err := pgp.ReadKey(bytes.NewReader(b.Bytes()))
				return []keyset.Material{key}, firstOf(failed, err)
			}
		}
		all = append(all, kind{c.name, read(func(e *openpgp.Entity, w io.Writer) error { return e.SerializePrivate(w, nil) }), read((*openpgp.Entity).Serialize), inPGP})
	}
	return all, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// partners prints what a process keeps for each partner whose keys, rings, and envelope are
// the partner's alone, where our keys are the same for all, and what one more pair of ours
// takes. Every key is acknowledged and has been used.
func (o options) partners() (rows [][]string, err error) {
	all, err := kinds()
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		began := time.Now()
		row := []string{k.name}
		few, err := k.of(1000)
		if err != nil {
			return nil, err
		}
		ours, _, err := grown(1000, func() ([]keyset.Material, error) { return k.own() })
		if err != nil {
			return nil, err
		}
		many, err := k.of(100_000)
		if err != nil {
			return nil, err
		}
		for _, bytes := range append(few[:], few[0]+few[1]+few[2], ours) {
			row = append(row, fmt.Sprintf("%.1f", bytes/1024))
		}
		rows = append(rows, append(row, memory(1000*(few[0]+few[1]+few[2])), memory(100_000*(many[0]+many[1]+many[2]))))
		fmt.Fprintf(o.progress, "%6.1f s  partners of %s\n", time.Since(began).Seconds(), k.name)
	}
	return rows, nil
}

// of returns the bytes for each of n partners: the keys, the rings, and the envelopes.
func (k kind) of(n int) (each [3]float64, err error) {
	own, err := k.own()
	if err != nil {
		return each, err
	}
	var keys [][]keyset.Material
	if each[0], keys, err = grown(n, func() ([]keyset.Material, error) { return k.peer() }); err != nil {
		return each, err
	}
	i := 0
	var pairs [][2]*keyset.Ring
	each[1], pairs, err = grown(n, func() (pair [2]*keyset.Ring, err error) {
		for side, list := range [2][]keyset.Material{own, keys[i]} {
			if pair[side], err = ring(list...); err != nil {
				return pair, err
			}
			for _, m := range list {
				id := m.Info().ID
				pair[side].RecordSealed(id, time.Now())
				pair[side].RecordOpened(id, time.Now())
				if err := pair[side].Acknowledge(id, fmt.Sprintf("partner %d answered our probe", i)); err != nil {
					return pair, err
				}
			}
		}
		i++
		return pair, nil
	})
	if err != nil {
		return each, err
	}
	i = 0
	var envelopes []envelope.Envelope
	each[2], envelopes, err = grown(n, func() (envelope.Envelope, error) {
		i++
		return k.envelope(pairs[i-1][0], pairs[i-1][1])
	})
	runtime.KeepAlive(keys)
	runtime.KeepAlive(envelopes)
	return each, err
}

// grown makes n of something, and returns by how many bytes each has made the heap grow.
func grown[T any](n int, one func() (T, error)) (each float64, all []T, err error) {
	heap := func() float64 {
		runtime.GC()
		runtime.GC() // pools are emptied by the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	all = make([]T, 0, n)
	before := heap()
	for range n {
		made, err := one()
		if err != nil {
			return 0, nil, err
		}
		all = append(all, made)
	}
	return (heap() - before) / float64(n), all, nil
}
