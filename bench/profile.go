package main

import (
	"fmt"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
)

// An implementation seals and opens the messages of one profile, for several goroutines at
// once.
type implementation struct {
	name string
	seal func(payload []byte) ([]byte, error)
	open func(sealed []byte) ([]byte, error)

	receiver envelope.Envelope // that opens, if this is us
}

// Names of implementations.
const (
	limit    = "limit"
	us       = "sealwax"
	goJOSE   = "go-jose"
	jwxName  = "jwx"
	goCrypto = "go-crypto"
	gopenpgp = "gopenpgp"
)

// A profile is a choice of algorithms, and everybody who can do it.
type profile struct {
	id, keys string // keys as docs/scale.md calls them
	title    string
	peers    []string
	compared bool // it has its table in docs/performance.md
	scaled   bool // it has its row in docs/scale.md

	// build returns us and the peers for payloads of at most size bytes, under the same
	// keys each time.
	build func(size int) ([]implementation, error)

	// bare returns the primitives of a message.
	bare func(size int) (seal, open []step, err error)
}

// Names of profiles that studies use, too.
const (
	joseRSA = "jwe-rsa"
	joseEC  = "jwe-ec"
	pgpRSA  = "pgp-rsa"
	pgpV6   = "pgp-v6"
)

var profiles = sync.OnceValue(func() []profile {
	jose := func(p profile, zip bool, sign, decrypt func() (private, error), algs ...jwe.Algorithm) profile {
		keys := sync.OnceValues(func() (joseKeys, error) {
			two, err := onAllCores(2, func(i int) (private, error) { return []func() (private, error){sign, decrypt}[i]() })
			if err != nil {
				return joseKeys{}, err
			}
			return joseKeys{two[0], two[1], jwe.Algorithms{Signature: algs[0], Key: algs[1], Content: algs[2]}, zip}, nil
		})
		all := []func(joseKeys, int) (implementation, error){joseUs}
		if p.compared {
			p.peers, all = []string{goJOSE, jwxName}, append(all, joseGoJOSE, joseJWX)
		}
		p.build, p.bare = builder(keys, all...), bare(keys, joseKeys.bare)
		return p
	}
	pgp := func(p profile, c *packet.Config) profile {
		keys := sync.OnceValues(func() (pgpKeys, error) { return newPGPKeys(c) })
		all := []func(pgpKeys, int) (implementation, error){pgpUs}
		switch {
		case c.Algorithm == packet.PubKeyAlgoMldsa65Ed25519:
			p.peers, all = []string{goCrypto}, append(all, pgpGoCrypto)
		case p.compared:
			p.peers, all = []string{goCrypto, gopenpgp}, append(all, pgpGoCrypto, pgpGopenpgp)
		}
		p.build, p.bare = builder(keys, all...), bare(keys, pgpKeys.bare)
		return p
	}
	both := func(id, keys, title string) profile {
		return profile{id: id, keys: keys, title: title, compared: true, scaled: true}
	}
	scaled := func(id, keys string) profile { return profile{id: id, keys: keys, scaled: true} }
	return []profile{
		jose(both(joseRSA, "JWE, RSA-2048", "PS256, RSA-OAEP-256, A256GCM"), false, newRSA(2048), newRSA(2048), jwe.PS256, jwe.RSAOAEP256, jwe.A256GCM),
		jose(scaled("jwe-rsa3072", "JWE, RSA-3072"), false, newRSA(3072), newRSA(3072), jwe.PS256, jwe.RSAOAEP256, jwe.A256GCM),
		jose(both(joseEC, "JWE, P-256", "ES256, ECDH-ES+A256KW, A256GCM"), false, newP256, newP256, jwe.ES256, jwe.ECDHESA256KW, jwe.A256GCM),
		jose(scaled("jwe-25519", "JWE, Curve25519"), false, newEd25519, newX25519, jwe.EdDSA, jwe.ECDHESA256KW, jwe.A256GCM),
		jose(profile{id: "jwe-def", title: "RS256, RSA1_5, A128CBC-HS256, DEF", compared: true}, true, newRSA(2048), newRSA(2048), jwe.RS256, jwe.RSA1_5, jwe.A128CBCHS256),
		pgp(both(pgpRSA, "PGP, RSA-2048", "RSA, SHA-384, AES-256 SEIPDv1"), pgpConfig(packet.PubKeyAlgoRSA, 2048, "", false)),
		pgp(scaled("pgp-rsa3072", "PGP, RSA-3072"), pgpConfig(packet.PubKeyAlgoRSA, 3072, "", false)),
		pgp(scaled("pgp-p256", "PGP, P-256"), pgpConfig(packet.PubKeyAlgoECDSA, 0, packet.CurveNistP256, false)),
		// Curve25519 of RFC 4880, as GnuPG reads it.
		pgp(both("pgp-25519", "PGP, Curve25519", "Curve25519, SHA-384, AES-256 SEIPDv1"), pgpConfig(packet.PubKeyAlgoEdDSA, 0, packet.Curve25519, false)),
		pgp(both(pgpV6, "PGP version 6, Curve25519, AEAD", "Ed25519, X25519, v6, AES-256-GCM"), pgpConfig(packet.PubKeyAlgoEd25519, 0, "", true)),
		pgp(both("pgp-pq", "PGP version 6, ML-DSA-65+Ed25519 and ML-KEM-768+X25519, AEAD", "ML-DSA-65+Ed25519, ML-KEM-768+X25519, v6, AES-256-GCM"), pgpConfig(packet.PubKeyAlgoMldsa65Ed25519, 0, "", true)),
	}
})

func profileOf(id string) profile {
	for _, p := range profiles() {
		if p.id == id {
			return p
		}
	}
	panic("no profile " + id)
}

// Sizes of payloads, in bytes.
const (
	small, medium, large, huge = 1 << 10, 16 << 10, 1 << 20, 16 << 20
)

func sizeName(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// subjects returns Seal or Open of a payload: the limit, and every implementation, which
// opens what it sealed itself.
func (p profile) subjects(op string, size int) ([]subject, error) {
	all, err := p.build(size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.id, err)
	}
	seal, open, err := p.bare(size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.id, err)
	}
	steps := seal
	if op == "Open" {
		steps = open
	}
	out := []subject{{name: limit, alone: true, steps: steps}}
	for _, im := range all {
		s, err := im.subject(op, payload(size))
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", p.id, im.name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (im implementation) subject(op string, payload []byte) (subject, error) {
	sealed, err := im.seal(payload)
	if op == "Seal" {
		return once(im.name, func() error { _, err := im.seal(payload); return err }), err
	}
	return once(im.name, func() error { _, err := im.open(sealed); return err }), err
}

func once(name string, do func() error) subject {
	return subject{name: name, steps: []step{{name: name, do: do}}}
}

// builder returns a profile's build: the implementations under one set of keys.
func builder[K any](keys func() (K, error), each ...func(k K, size int) (implementation, error)) func(size int) ([]implementation, error) {
	return func(size int) (all []implementation, err error) {
		k, err := keys()
		for _, of := range each {
			if err != nil {
				return nil, err
			}
			var im implementation
			im, err = of(k, size)
			all = append(all, im)
		}
		return all, err
	}
}

func bare[K any](keys func() (K, error), of func(k K, size int) (seal, open []step, err error)) func(size int) (seal, open []step, err error) {
	return func(size int) (seal, open []step, err error) {
		k, err := keys()
		if err != nil {
			return nil, nil, err
		}
		return of(k, size)
	}
}
