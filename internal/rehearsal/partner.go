package rehearsal

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A recipient is a public key that is encrypted to.
type recipient struct {
	id     keyset.ID
	entity *openpgp.Entity // OpenPGP
	jwk    jose.JSONWebKey // JOSE
}

// A partner is the side that is rehearsed.
type partner struct {
	profile Profile
	set     *keyset.Set
	opening []recipient // those that it decrypts with
	signs   []keyset.ID
	rsa     bool              // it has RSA keys
	sign    jwe.Algorithm     // what its software signs with
	open    jose.KeyAlgorithm // and decrypts
}

// readPartner reads the public keys of the partner, all of which are to work.
func readPartner(set *keyset.Set, profile Profile) (*partner, error) {
	if err := profile.Check(set.Format()); err != nil {
		return nil, fmt.Errorf("rehearsal: %w", err)
	}
	p := &partner{profile: profile, set: set}
	for k := range set.All() {
		if k.State != keyset.Active {
			continue
		}
		info := k.Material.Info()
		if info.Use&keyset.Signing != 0 {
			p.signs = append(p.signs, k.ID())
		}
		r, err := readRecipient(k)
		if err != nil {
			return nil, fmt.Errorf("rehearsal: the partner's key %s: %w", k.ID(), err)
		}
		if info.Use&keyset.Encryption != 0 {
			if err := p.fit(r); err != nil {
				return nil, fmt.Errorf("rehearsal: the partner's key %s: %w", k.ID(), err)
			}
			p.opening = append(p.opening, r)
		}
		p.learn(info, r.jwk)
	}
	if !profile.Signed() {
		p.signs = nil
	}
	p.sign, p.open = cmp.Or(p.sign, jwe.ES256), cmp.Or(p.open, jose.ECDH_ES_A256KW)
	if len(p.opening) == 0 {
		return nil, fmt.Errorf("rehearsal: the partner has no active key to encrypt to in %v", set)
	}
	return p, nil
}

// fit returns an error for a key that the profile does not encrypt to.
func (p *partner) fit(r recipient) error {
	if _, isRSA := r.jwk.Key.(*rsa.PublicKey); !isRSA && !p.profile.Signed() {
		return fmt.Errorf("it is no RSA key, and profile %s has no others", p.profile)
	}
	return nil
}

// learn notes what the software of the partner can do: what it does itself. It is RSA if it
// does nothing else, since such keys take long to make.
func (p *partner) learn(info keyset.Info, k jose.JSONWebKey) {
	_, isRSA := k.Key.(*rsa.PublicKey)
	switch {
	case k.Key == nil:
		p.rsa = p.rsa || strings.HasPrefix(info.Algorithm, "RSA")
	case info.Use == keyset.Encryption && (!isRSA || p.open == ""):
		p.open = p.profile.keyAlgorithm(k)
	case info.Use == keyset.Signing && (!isRSA || p.sign == ""):
		p.sign = signatureAlgorithm(k)
	}
}

// signatureAlgorithm is what a key signs with: as it says, or as it is done today.
func signatureAlgorithm(k jose.JSONWebKey) jwe.Algorithm {
	_, isRSA := k.Key.(*rsa.PublicKey)
	switch {
	case k.Algorithm != "":
		return jwe.Algorithm(k.Algorithm)
	case isRSA:
		return jwe.PS256
	}
	return jwe.ES256
}

// keyAlgorithm is how a key is encrypted to: as it says, or as the profile does.
func (p Profile) keyAlgorithm(k jose.JSONWebKey) jose.KeyAlgorithm {
	_, isEC := k.Key.(*ecdsa.PublicKey)
	switch {
	case k.Algorithm != "":
		return jose.KeyAlgorithm(k.Algorithm)
	case isEC:
		return jose.ECDH_ES_A256KW
	}
	return p.rsaAlgorithm()
}

func readRecipient(k keyset.Key) (r recipient, err error) {
	r.id = k.ID()
	var b bytes.Buffer
	switch m := k.Material.Public().(type) {
	case interface{ WriteCertificate(io.Writer) error }:
		if err = m.WriteCertificate(&b); err == nil {
			r.entity, err = readEntity(b.Bytes())
		}
	case interface{ WritePublicJWK(io.Writer) error }:
		if err = m.WritePublicJWK(&b); err == nil {
			r.jwk, err = readJWK(b.Bytes())
		}
	default:
		err = fmt.Errorf("a %T is not a key of package pgp or jwe", m)
	}
	return r, err
}

// readJWK reads a key as another library does, so that the two are held against each other.
// That library has no X25519.
func readJWK(raw []byte) (k jose.JSONWebKey, err error) {
	var kind struct {
		Curve string `json:"crv"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return k, err
	}
	if kind.Curve == "X25519" {
		return k, errors.New("it is for X25519, and a rehearsal cannot encrypt to it: give the endpoint a key for P-256, P-384, P-521, or RSA, and rehearse with that")
	}
	return k, k.UnmarshalJSON(raw)
}

func readEntity(armored []byte) (*openpgp.Entity, error) {
	read, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armored))
	if err == nil && len(read) != 1 {
		err = fmt.Errorf("there are %d certificates, and not 1", len(read))
	}
	if err != nil {
		return nil, err
	}
	return read[0], nil
}
