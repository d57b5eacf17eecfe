package pgp

import (
	"crypto"
	"fmt"
	"io"
)

// NewRemoteKey returns a key whose certificate is read from cert and whose
// private operations are done by private: each a [crypto.Signer] to sign or a
// [keyset.Remote] to sign or decrypt, matched to the primary key and subkeys by
// its public key.
//
// Signing works with RSA and ECDSA keys, decryption with RSA keys (PKCS #1
// v1.5, RFC 9580, Section 5.1.3). The composites of RFC 9980 are in no service whole.
// Other algorithms are an error here, not when the first message arrives, and so is a
// key that fits no part of the certificate. A signature that comes back is checked before
// it is used.
//
// Errors of the service wrap [keyset.ErrUnavailable], but for those that
// [keyset.Remote.Undecryptable] claims.
func NewRemoteKey(cert io.Reader, private ...crypto.PrivateKey) (*Key, error) {
	k, err := ReadKey(cert)
	if err != nil {
		return nil, err
	}
	c, err := k.cert.WithoutPrivate().WithRemotes(private)
	if err != nil {
		return nil, fmt.Errorf("pgp: remote key %s: %w", k.info.ID, err)
	}
	return newKey(c)
}
