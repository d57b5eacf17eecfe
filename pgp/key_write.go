package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/keyset"
)

// WriteCertificates writes the public halves of the Pending and Active keys of
// s, in ASCII armor: the document to hand to the partner. Leaving a key out
// does not revoke it there.
//
// Retiring keys are left out, because a certificate cannot be handed out for verifying
// alone: the partner would go on encrypting to it. The partner keeps the certificate that
// it has. In JOSE it is otherwise: partners that fetch a JWK Set drop what is no longer
// in it, so that jwe.WriteJWKSet has the retiring keys that sign.
//
// It returns an error if there is no such key, or if s holds another format.
func WriteCertificates(w io.Writer, s *keyset.Set) error {
	var b bytes.Buffer
	for k := range s.All() {
		if k.State != keyset.Pending && k.State != keyset.Active {
			continue
		}
		key, ok := k.Material.(*Key)
		if !ok {
			return fmt.Errorf("pgp: key %s is not an OpenPGP key", k.ID())
		}
		if err := key.cert.Write(&b, false); err != nil {
			return err
		}
	}
	if b.Len() == 0 {
		return errors.New("pgp: no pending or active key to write")
	}
	return encodeArmor(w, openpgp.ArmorPublic, b.Bytes())
}

// WriteCertificate writes the public half of k in ASCII armor.
func (k *Key) WriteCertificate(w io.Writer) error {
	var b bytes.Buffer
	if err := k.cert.Write(&b, false); err != nil {
		return err
	}
	return encodeArmor(w, openpgp.ArmorPublic, b.Bytes())
}

// WriteInsecurePrivateKey writes k with its private half, unencrypted, in
// ASCII armor. It returns [errors.ErrUnsupported] for public and remote keys.
func (k *Key) WriteInsecurePrivateKey(w io.Writer) error {
	if !k.info.Private {
		return fmt.Errorf("pgp: key %s has no private half: %w", k.info.ID, errors.ErrUnsupported)
	}
	if k.cert.AnyRemote() {
		return fmt.Errorf("pgp: the private half of key %s is elsewhere: %w", k.info.ID, errors.ErrUnsupported)
	}
	var b bytes.Buffer
	if err := k.cert.Write(&b, true); err != nil {
		return err
	}
	return encodeArmor(w, openpgp.ArmorPrivate, b.Bytes())
}
