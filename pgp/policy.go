package pgp

import (
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// Names of waivers, as [envelope.Waiver.Name] returns them.
const (
	waiveUnsigned         = "pgp.InsecureUnsigned"
	waiveEvidence         = "pgp.InsecureUnsignedEvidence"
	waiveForgetful        = "pgp.InsecureForgetfulStart"
	waiveSHA1Certificates = "pgp.InsecureSHA1Certificates"
	waiveRSADualUse       = "pgp.InsecureRSADualUse"
)

// InsecureUnsigned permits Open to accept messages without any signature. A
// message that carries signatures still needs one that verifies.
func InsecureUnsigned(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveUnsigned, reason)
}

// InsecureUnsignedEvidence is for use beside [InsecureUnsigned] and says that the
// transport authenticates the partner: a message that opens without a signature then
// counts for the rotation of keys as one that is signed. Without this waiver such a
// message makes a key busy, and is evidence of nothing. With it, whoever else can send
// us messages can have an old key removed while the partner still uses it.
func InsecureUnsignedEvidence(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveEvidence, reason)
}

// InsecureForgetfulStart is for use beside [Config.Replays]. It has Open accept messages
// that are dated before the memory began; without it they are an outage of ours. Then,
// each time that a memory begins, what was accepted within MaxAge before can be accepted
// once more. An [envelope.Memory] begins whenever the process starts.
func InsecureForgetfulStart(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveForgetful, reason)
}

// InsecureSHA1Certificates permits self-signatures that use SHA-1, as old
// certificates have them. Revocations count under any hash without it.
func InsecureSHA1Certificates(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveSHA1Certificates, reason)
}

// InsecureRSADualUse permits the RSA keys with the given IDs, of which there must
// be one at least, for what a key should not do at once: one of ours both to sign
// and to decrypt, and one of the partner without key flags to encrypt to. Whoever
// can make us decrypt PKCS #1 v1.5 with such a key comes near to signing with it.
// Use it to rotate away from it. It panics if there is no ID.
func InsecureRSADualUse(reason string, ids ...keyset.ID) envelope.Waiver {
	if len(ids) == 0 {
		panic("pgp: InsecureRSADualUse without the ID of a key")
	}
	return envelope.NewKeyWaiver(waiveRSADualUse, reason, ids...)
}

// cipherName returns the name of a cipher that is allowed, or an error.
func cipherName(c packet.CipherFunction) (string, error) {
	switch c {
	case packet.CipherAES128:
		return "AES-128", nil
	case packet.CipherAES192:
		return "AES-192", nil
	case packet.CipherAES256:
		return "AES-256", nil
	}
	names := map[packet.CipherFunction]string{
		1: "IDEA", 2: "TripleDES", 3: "CAST5", 4: "Blowfish", 10: "Twofish",
		11: "Camellia-128", 12: "Camellia-192", 13: "Camellia-256",
	}
	if name, ok := names[c]; ok {
		return "", fmt.Errorf("the cipher %s is not allowed", name)
	}
	return "", fmt.Errorf("cipher %d is not known", c)
}

// allowed returns why the component of the key with the given ID is refused for a
// use under the policy of a call, or nil.
func allowed(k *cert.Component, use keyset.Use, id keyset.ID, c *exchange.Call) error {
	if err := k.Strong(); err != nil {
		return err
	}
	if (k.Dual || k.Flagless && use == keyset.Encryption) && !c.WaiveFor(waiveRSADualUse, id) {
		return fmt.Errorf("an RSA key both to sign and to encrypt, which %s can permit for key %s", waiveRSADualUse, id)
	}
	return nil
}
