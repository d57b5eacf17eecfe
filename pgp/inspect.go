package pgp

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// Inspect reports what a message says about itself to anyone, in whichever
// encoding it is. It needs no key, and nothing it reports is authenticated. A
// message to passwords only, which Open rejects, has no recipients.
//
// It returns an [*envelope.OpenError] if sealed is not an encrypted OpenPGP
// message, or larger than Open accepts by default.
func Inspect(sealed []byte) (*envelope.Outline, error) {
	if int64(len(sealed)) > maxSealed(defaultMaxSize) {
		return nil, envelope.Reject(envelope.TooLarge, errTooLarge)
	}
	o, _, encoding, err := readWhole(sealed, nil)
	if err != nil && !errors.Is(err, openpgp.ErrPassword) {
		return nil, envelope.Reject(envelope.Malformed, openpgp.Explain(sealed, err))
	}
	out := &envelope.Outline{
		Format:   keyset.OpenPGP,
		Encoding: encoding,
		Content:  o.outline(),
		Size:     o.decoded,
	}
	for _, s := range o.sessions {
		name := keyset.ID("")
		if !s.Hidden() {
			name = s.Name()
		}
		out.Recipients = append(out.Recipients, name)
		out.Algorithms = append(out.Algorithms, algorithmName(s.Algorithm))
	}
	return out, nil
}

// outline says how the data is encrypted, as far as that stands outside of it.
func (o *outer) outline() string {
	switch {
	case o.failed != nil:
		return ""
	case o.header == nil:
		return "unprotected"
	case !o.header.AEAD:
		return "" // the cipher is in the session key packet
	}
	cipher, err := cipherName(o.header.Cipher)
	if err != nil {
		return "AEAD"
	}
	return cipher + "/" + o.header.ModeName()
}

func algorithmName(a packet.PublicKeyAlgorithm) string {
	switch a {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly:
		return "RSA"
	case packet.PubKeyAlgoElGamal:
		return "ElGamal"
	case packet.PubKeyAlgoECDH:
		return "ECDH"
	case packet.PubKeyAlgoX25519:
		return "X25519"
	case packet.PubKeyAlgoX448:
		return "X448"
	}
	return cmp.Or(cert.PostQuantumName(a), fmt.Sprintf("algorithm %d", a))
}
