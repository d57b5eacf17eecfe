package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"runtime"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The parts that are not profiles.
const (
	partJOSEKeys = "keys-jwe" // recipients that the message does not name
	partPGPKeys  = "keys-pgp"
	partSigners  = "signers" // signers that the message does not name
	partParallel = "parallel-"
)

// Names of what is measured where several keys may be the right one. The right one is
// always the least preferred.
const (
	privateOp   = "private-key operation"
	usNamed     = us + ", named"
	usBefore    = us + ", unnamed, used before"
	usNew       = us + ", unnamed, not used before"
	usUnnamed   = us + ", unnamed"
	peerNamed   = "peer, named"
	peerUnnamed = "peer, unnamed"
	mostKeys    = keyset.MaxKeys
)

func counts() []int { return []int{1, 2, 8, mostKeys} }

// last returns a function that returns the last n keys of a party. Each is generated when
// it is asked for first.
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
	lastRSA = last(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	lastPGP = last(func() (*openpgp.Entity, error) { return newEntity(pgpRSA2048) })

	pgpRSA2048 = pgpConfig(packet.PubKeyAlgoRSA, 2048, "", false)
)

// A party has n RSA keys of JOSE, as they are and for us, and a partner that has one.
type party struct {
	joseKeys
	raw  []any
	keys []keyset.Material
}

func newParty(n int, use keyset.Use) (p party, err error) {
	all, err := lastRSA(n)
	if err != nil {
		return p, err
	}
	sign, err := newRSA(2048)()
	if err != nil {
		return p, err
	}
	p.joseKeys = joseKeys{sign, sign, jwe.Algorithms{Key: jwe.RSAOAEP256, Content: jwe.A256GCM, Signature: jwe.PS256}, false}
	for _, key := range all {
		k, err := jwe.NewKey("", key, use)
		if err != nil {
			return p, err
		}
		p.raw, p.keys = append(p.raw, key), append(p.keys, k)
	}
	return p, nil
}

// seal seals as go-jose does, which writes no "kid" where a key has none.
func (p party) seal(size int, by, to any) ([]byte, error) {
	signer, err := p.goJOSESigner(by)
	if err != nil {
		return nil, err
	}
	encrypter, err := p.goJOSEEncrypter(to)
	if err != nil {
		return nil, err
	}
	return goJOSESeal(signer, encrypter, payload(size))
}

// joseKeysStudy opens a message to the last of n keys.
func joseKeysStudy(n int) ([]subject, error) {
	p, err := newParty(n, keyset.Encryption)
	if err != nil {
		return nil, err
	}
	right := p.raw[n-1].(*rsa.PrivateKey)
	sign, err := jwe.NewKey("", p.sign, keyset.Signing)
	if err != nil {
		return nil, err
	}
	by := jose.JSONWebKey{Key: p.sign, KeyID: sign.Info().Name}
	named, err := p.seal(small, by, &jose.JSONWebKey{Key: &right.PublicKey, KeyID: p.keys[n-1].Info().Name})
	if err != nil {
		return nil, err
	}
	hidden, err := p.seal(small, by, &right.PublicKey)
	if err != nil {
		return nil, err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &right.PublicKey, make([]byte, 32), nil)
	if err != nil {
		return nil, err
	}
	return keysSubjects(named, hidden,
		func() error { _, err := rsa.DecryptOAEP(sha256.New(), nil, right, wrapped, nil); return err },
		func() (envelope.Envelope, error) {
			return between(sign.Public(), func(own, peer *keyset.Ring) (envelope.Envelope, error) { return jwe.New(p.settings(small, own, peer)) }, p.keys...)
		},
		func(sealed []byte, named bool) error {
			try := p.raw
			if named {
				try = p.raw[n-1:]
			}
			_, err := p.goJOSEOpen(sealed, try, []any{p.sign.Public()})
			return err
		})
}

// pgpKeysStudy is joseKeysStudy for anonymous recipients.
func pgpKeysStudy(n int) ([]subject, error) {
	k, err := newPGPKeys(pgpRSA2048)
	if err != nil {
		return nil, err
	}
	all, err := lastPGP(n)
	if err != nil {
		return nil, err
	}
	named, err := goCryptoSeal(k, all[n-1:], nil, payload(small))
	if err != nil {
		return nil, err
	}
	hidden, err := goCryptoSeal(k, nil, all[n-1:], payload(small))
	if err != nil {
		return nil, err
	}
	private, err := wrapping(all[n-1].Subkeys[0].PrivateKey.PrivateKey, make([]byte, 35), false)
	if err != nil {
		return nil, err
	}
	var keys []keyset.Material
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
	return keysSubjects(named, hidden, private.undo,
		func() (envelope.Envelope, error) {
			return between(sign.Public(), func(own, peer *keyset.Ring) (envelope.Envelope, error) {
				return pgp.New(pgp.Config{Own: own, Peer: peer})
			}, keys...)
		},
		func(sealed []byte, _ bool) error { _, err := goCryptoOpen(k, everybody, sealed); return err })
}

// keysSubjects compares what a message costs that names its key with one that does not, of
// which the envelope has opened one before, or none.
func keysSubjects(named, hidden []byte, private func() error, fresh func() (envelope.Envelope, error),
	peer func(sealed []byte, named bool) error) ([]subject, error) {
	e, err := fresh()
	if err != nil {
		return nil, err
	}
	var unused envelope.Envelope
	return []subject{
		once(privateOp, private),
		once(usNamed, func() error { _, err := opened(e, named); return err }),
		once(usBefore, func() error { _, err := opened(e, hidden); return err }),
		{name: usNew, alone: true, steps: []step{
			{name: "new envelope", free: true, do: func() (err error) { unused, err = fresh(); return err }},
			{name: usNew, do: func() error { _, err := opened(unused, hidden); return err }},
		}},
		once(peerNamed, func() error { return peer(named, true) }),
		once(peerUnnamed, func() error { return peer(hidden, false) }),
	}, nil
}

// signersStudy opens a message that is signed by the last of n trusted keys.
func signersStudy(n int) ([]subject, error) {
	p, err := newParty(n, keyset.Signing)
	if err != nil {
		return nil, err
	}
	decrypt, err := p.decryptionKey()
	if err != nil {
		return nil, err
	}
	own, err := ring(decrypt)
	if err != nil {
		return nil, err
	}
	var public []any
	var trusted []keyset.Material
	for i, key := range p.raw {
		public, trusted = append(public, key.(crypto.Signer).Public()), append(trusted, p.keys[i].Public())
	}
	peer, err := ring(trusted...)
	if err != nil {
		return nil, err
	}
	e, err := jwe.New(p.settings(large, own, peer))
	if err != nil {
		return nil, err
	}
	var out []subject
	for _, c := range []struct {
		us, peer string
		by       any
		try      []any
	}{
		{usNamed, peerNamed, jose.JSONWebKey{Key: p.raw[n-1], KeyID: p.keys[n-1].Info().Name}, public[n-1:]},
		{usUnnamed, peerUnnamed, p.raw[n-1], public},
	} {
		sealed, err := p.seal(large, c.by, &jose.JSONWebKey{Key: p.decrypt.Public(), KeyID: decrypt.Info().Name})
		if err != nil {
			return nil, err
		}
		out = append(out, once(c.us, func() error { _, err := opened(e, sealed); return err }),
			once(c.peer, func() error { _, err := p.goJOSEOpen(sealed, []any{p.decrypt}, c.try); return err }))
	}
	return out, nil
}

// parallelStudy runs one message at a time on one core, and one on each core. The limit is
// not asked: it has one set of buffers.
func parallelStudy(id, op string, size int) ([]subject, error) {
	subjects, err := profileOf(id).subjects(op, size)
	if err != nil {
		return nil, err
	}
	return inParallel(subjects[1:3]), nil // us and the first of the peers
}

func inParallel(subjects []subject) (out []subject) {
	for _, s := range subjects {
		for _, cores := range []int{1, runtime.GOMAXPROCS(0)} {
			s.cores, s.workers = cores, cores
			out = append(out, s)
			out[len(out)-1].name = onCores(s.name, cores)
		}
	}
	return out
}

func onCores(name string, cores int) string {
	if cores == 1 {
		return name + ", one core"
	}
	return name + ", all cores"
}
