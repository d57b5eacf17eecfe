package rehearsal

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
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
	set     *keyset.Set
	opening []recipient // those that it decrypts with
	signs   []keyset.ID
	rsa     bool              // it has RSA keys
	sign    jwe.Algorithm     // what its software signs with
	open    jose.KeyAlgorithm // and decrypts
}

// readPartner reads the public keys of the partner, all of which are to work.
func readPartner(set *keyset.Set) (*partner, error) {
	p := &partner{set: set}
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
			p.opening = append(p.opening, r)
		}
		p.learn(info, r.jwk)
	}
	p.sign, p.open = cmp.Or(p.sign, jwe.ES256), cmp.Or(p.open, jose.ECDH_ES_A256KW)
	if len(p.opening) == 0 {
		return nil, fmt.Errorf("rehearsal: the partner has no active key to encrypt to in %v", set)
	}
	return p, nil
}

// learn notes what the software of the partner can do: what it does itself. It is RSA if it
// does nothing else, since such keys take long to make.
func (p *partner) learn(info keyset.Info, k jose.JSONWebKey) {
	_, isRSA := k.Key.(*rsa.PublicKey)
	switch {
	case k.Key == nil:
		p.rsa = p.rsa || strings.HasPrefix(info.Algorithm, "RSA")
	case info.Use == keyset.Encryption && (!isRSA || p.open == ""):
		p.open = keyAlgorithm(k)
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

// keyAlgorithm is how a key is encrypted to: as it says, or as it is done today.
func keyAlgorithm(k jose.JSONWebKey) jose.KeyAlgorithm {
	_, isEC := k.Key.(*ecdsa.PublicKey)
	switch {
	case k.Algorithm != "":
		return jose.KeyAlgorithm(k.Algorithm)
	case isEC:
		return jose.ECDH_ES_A256KW
	}
	return jose.RSA_OAEP_256
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
			err = r.jwk.UnmarshalJSON(b.Bytes())
		}
	default:
		err = fmt.Errorf("a %T is not a key of package pgp or jwe", m)
	}
	return r, err
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
