package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/internal/secret"
)

// ReadKey reads exactly one certificate, armored or binary, from at most 1 MiB
// of r before its armor. A private half must not be encrypted; see [ReadLockedKey].
//
// It returns an error if the certificate has no valid self-signature, or no part that is
// fit for a use, and says why of each part. A revocation counts wherever it stands. If
// the key itself made a revocation that this package does not understand, that is an
// error. A certificate that has expired or is revoked is returned: it does not seal, and
// whether it opens is for its state in the set to say.
//
// An RSA part of ours that is flagged both to sign and to decrypt is read, and not
// used without [InsecureRSADualUse]. So is an RSA key below 2048 bits, for which
// there is no waiver.
func ReadKey(r io.Reader) (*Key, error) { return readOne(r, nil) }

// ReadLockedKey is like [ReadKey] for a private half that is encrypted with a
// passphrase. The passphrase is not retained.
func ReadLockedKey(r io.Reader, passphrase []byte) (*Key, error) {
	if passphrase == nil {
		passphrase = []byte{}
	}
	return readOne(r, passphrase)
}

func readOne(r io.Reader, passphrase []byte) (*Key, error) {
	all, err := readKeys(r, passphrase)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("pgp: %d certificates where one was expected; use ReadKeys", len(all))
	}
	return all[0], nil
}

// ReadKeys reads every certificate of a keyring, binary or armored, in one block
// or in several, from at most 1 MiB of r. It returns all of them, or an error
// that names the one that could not be read.
//
// Copies of one certificate are merged: the union of their self-signatures and
// revocations decides, in whatever order they come.
func ReadKeys(r io.Reader) ([]*Key, error) { return readKeys(r, nil) }

func readKeys(r io.Reader, passphrase []byte) ([]*Key, error) {
	return secret.Value(func() ([]*Key, error) { return parseKeys(r, passphrase) })
}

func parseKeys(r io.Reader, passphrase []byte) ([]*Key, error) {
	if err := notUnderFIPSOnly(); err != nil {
		return nil, fmt.Errorf("pgp: reading keys: %w", err)
	}
	in, err := io.ReadAll(io.LimitReader(r, cert.MaxArmoredFile+1))
	if err != nil {
		return nil, fmt.Errorf("pgp: reading keys: %w", err)
	}
	binary, err := openpgp.DecodeKeys(in)
	if err != nil {
		return nil, unreadable(in, err)
	}
	if len(in) > cert.MaxArmoredFile || len(binary) > cert.MaxFile {
		return nil, fmt.Errorf("pgp: keys of more than %d bytes", cert.MaxFile)
	}
	certs, err := cert.Read(binary, passphrase)
	switch {
	case errors.Is(err, cert.ErrLocked):
		return nil, fmt.Errorf("pgp: %s: %w; use ReadLockedKey", kindOfFile(in), err)
	case err != nil:
		return nil, unreadable(in, err)
	}
	keys := make([]*Key, len(certs))
	for i, c := range certs {
		if keys[i], err = newKey(c); err != nil {
			return nil, fmt.Errorf("pgp: %s: %w", kindOfFile(in), err)
		}
	}
	return keys, nil
}

// unreadable is an error in the form that package jwe has too: what the file is, which
// entry of it is wrong and why, and what to do.
func unreadable(in []byte, err error) error {
	err = openpgp.Explain(in, err)
	if kind := kindOfFile(in); kind != "" {
		return fmt.Errorf("pgp: %s: %w", kind, err)
	}
	trimmed := bytes.TrimLeft(in, "\xef\xbb\xbf \t\r\n")
	for _, begins := range []string{"{", "-----BEGIN ", "\x30"} {
		if bytes.HasPrefix(trimmed, []byte(begins)) {
			return fmt.Errorf("pgp: %w; keys for JOSE are read with package jwe", err)
		}
	}
	return fmt.Errorf("pgp: %w", err)
}

// kindOfFile says how the keys of OpenPGP are written, or returns the empty string if
// there are none.
func kindOfFile(in []byte) string {
	switch {
	case bytes.Contains(in, []byte("-----BEGIN PGP ")):
		return "OpenPGP keys in ASCII armor"
	case len(in) != 0 && in[0] >= 0x80:
		return "binary OpenPGP keys"
	}
	return ""
}
