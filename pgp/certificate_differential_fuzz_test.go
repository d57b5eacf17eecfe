package pgp_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

// stricterCertificates are the files of which go-crypto uses a key, and ReadKeys takes none:
// what the error says, and why.
var stricterCertificates = []stricture{
	{"truncated packet", "what is missing may be a revocation"},
	{"invalid packet header", "what cannot be read may be a revocation"},
	{"inside a certificate", "a packet that has no place there, or is of an unknown type that is critical (RFC 9580, Section 4.3)"},
	{"more than ", "work is bounded"},
	{"damaged key packet", "bytes behind the key, of which readers do not agree whether the fingerprint is over them"},
	{"the private half is locked by a scheme that is not supported", "a private key of ours that opens nothing would be found out by the first message"},
}

// What ReadKeys takes of one certificate, go-crypto reads as the same key, if it reads it. What
// it refuses, and go-crypto seals to or verifies with, is on the list.
func FuzzReadKeysAgainstGoCrypto(f *testing.F) {
	ours, theirs := fuzzKeys(f)
	f.Add(binaryKey(f, ours))
	f.Add(binaryKey(f, public(theirs)))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || in[0]&0x80 == 0 {
			return // text
		}
		entities, err := openpgp.ReadKeyRing(bytes.NewReader(in))
		if err != nil || len(entities) != 1 {
			return
		}
		e, now := entities[0], time.Now()
		_, encrypts := e.EncryptionKey(now, nil)
		_, signs := e.SigningKey(now, nil)
		keys, err := pgp.ReadKeys(bytes.NewReader(in))
		if err == nil {
			require.Len(t, keys, 1)
			require.Equal(t, fmt.Sprintf("%X", e.PrimaryKey.Fingerprint), string(keys[0].Info().ID))
			return
		}
		if !encrypts && !signs || e.Revoked(now) {
			return
		}
		require.True(t, told(stricterCertificates, err.Error()), "go-crypto uses it, and ReadKeys says %v", err)
	})
}
