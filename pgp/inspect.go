package pgp

import (
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/openpgp"
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
	binary, encoding, err := decodeMessage(sealed, nil)
	if err != nil {
		return nil, envelope.Reject(envelope.Malformed, err)
	}
	o, err := parseOuter(binary)
	if err != nil && !errors.Is(err, errPassword) {
		return nil, envelope.Reject(envelope.Malformed, err)
	}
	out := &envelope.Outline{
		Format:   keyset.OpenPGP,
		Encoding: encoding,
		Content:  o.content(),
		Size:     int64(len(binary)),
	}
	for _, s := range o.sessions {
		name := keyset.ID("")
		if !s.hidden() {
			name = s.name()
		}
		out.Recipients = append(out.Recipients, name)
		out.Algorithms = append(out.Algorithms, algorithmName(s.algorithm))
	}
	return out, nil
}

// content says how the data is encrypted, as far as that stands outside of it.
func (o *outer) content() string {
	switch {
	case o.data.Tag == openpgp.TagSED:
		return "unprotected"
	case o.data.Tag == openpgp.TagAEAD || len(o.data.Body) > 3 && o.data.Body[0] == 2:
		body := o.data.Body
		if len(body) < 3 {
			return ""
		}
		cipher, err := cipherName(packet.CipherFunction(body[1]))
		mode, ok := map[byte]string{1: "EAX", 2: "OCB", 3: "GCM"}[body[2]]
		if err != nil || !ok {
			return "AEAD"
		}
		return cipher + "/" + mode
	}
	return "" // the cipher is in the session key packet
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
	return fmt.Sprintf("algorithm %d", a)
}
