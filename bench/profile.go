package main

import "fmt"

// An implementation seals and opens the messages of one profile, for several
// goroutines at once. The limit does so for one, and overwrites what it returned.
type implementation struct {
	name string
	seal func(payload []byte) ([]byte, error)
	open func(sealed []byte) ([]byte, error)
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
	id, title string
	peers     []string // beside the limit and us

	// build returns the implementations for payloads of at most size bytes:
	// the limit, us, and the peers. The keys are the same each time.
	build func(size int) ([]implementation, error)
}

// Names of profiles.
const (
	joseRSA  = "jwe-rsa"
	joseEC   = "jwe-ec"
	joseDEF  = "jwe-def"
	pgpRSA   = "pgp-rsa"
	pgpCurve = "pgp-25519"
	pgpV6    = "pgp-v6"
	pgpPQ    = "pgp-pq"
)

func profiles() []profile {
	jose, pgp := []string{goJOSE, jwxName}, []string{goCrypto, gopenpgp}
	return []profile{
		{joseRSA, "PS256, RSA-OAEP-256, A256GCM", jose, builder(joseRSAKeys, joseLimit, joseUs, joseGoJOSE, joseJWX)},
		{joseEC, "ES256, ECDH-ES+A256KW, A256GCM", jose, builder(joseECKeys, joseLimit, joseUs, joseGoJOSE, joseJWX)},
		{joseDEF, "RS256, RSA1_5, A128CBC-HS256, DEF", jose, builder(joseDEFKeys, joseLimit, joseUs, joseGoJOSE, joseJWX)},
		{pgpRSA, "RSA, SHA-384, AES-256 SEIPDv1", pgp, builder(pgpRSAKeys, pgpLimit, pgpUs, pgpGoCrypto, pgpGopenpgp)},
		{pgpCurve, "Curve25519, SHA-384, AES-256 SEIPDv1", pgp, builder(pgpCurveKeys, pgpLimit, pgpUs, pgpGoCrypto, pgpGopenpgp)},
		{pgpV6, "Ed25519, X25519, v6, AES-256-GCM", pgp, builder(pgpV6Keys, pgpLimit, pgpUs, pgpGoCrypto, pgpGopenpgp)},
		{pgpPQ, "ML-DSA-65+Ed25519, ML-KEM-768+X25519, v6, AES-256-GCM", pgp[:1], builder(pgpPQKeys, pgpLimit, pgpUs, pgpGoCrypto)},
	}
}

func profileOf(id string) (profile, error) {
	for _, p := range profiles() {
		if p.id == id {
			return p, nil
		}
	}
	return profile{}, fmt.Errorf("no profile %q", id)
}

// sizes are those of the payloads, in bytes.
func sizes() []int { return []int{1 << 10, 16 << 10, 1 << 20, 16 << 20} }

func sizeName(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// subjects returns Seal or Open of one payload by every implementation of a
// profile. Each opens what it sealed itself.
func (p profile) subjects(op string, payload []byte) ([]subject, error) {
	all, err := p.build(len(payload))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.id, err)
	}
	var out []subject
	for _, im := range all {
		s, err := im.subject(op, payload)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", p.id, im.name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (im implementation) subject(op string, payload []byte) (subject, error) {
	if op == "Seal" {
		return subject{name: im.name, alone: im.name == limit, op: func() (int, error) {
			out, err := im.seal(payload)
			return len(out), err
		}}, nil
	}
	sealed, err := im.seal(payload)
	if err != nil {
		return subject{}, err
	}
	return im.opening(append([]byte(nil), sealed...)), nil
}

func (im implementation) opening(sealed []byte) subject {
	return subject{name: im.name, alone: im.name == limit, op: func() (int, error) {
		out, err := im.open(sealed)
		return len(out), err
	}}
}

// builder returns a profile's build: the implementations under one set of keys.
func builder[K any](keys func() (K, error), each ...func(k K, size int) (implementation, error)) func(size int) ([]implementation, error) {
	return func(size int) ([]implementation, error) {
		k, err := keys()
		if err != nil {
			return nil, err
		}
		var all []implementation
		for _, of := range each {
			im, err := of(k, size)
			if err != nil {
				return nil, err
			}
			all = append(all, im)
		}
		return all, nil
	}
}
