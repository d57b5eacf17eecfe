package jwe

import (
	"crypto/cipher"
	"crypto/fips140"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/internal/mldsa"
)

// runs returns an error for what the standard library does without: in a program that runs
// with GODEBUG=fips140=only, or that is built with an older Go release.
func (a Algorithm) runs() error {
	if a.mldsa() {
		return mldsa.Available()
	}
	if fips140.Enforced() && (a == RSA1_5 || a == RSAOAEP) {
		return fmt.Errorf("this program runs with GODEBUG=fips140=only, which has no %s: %w", a, errors.ErrUnsupported)
	}
	return nil
}

// A randomGCM is AES-GCM as a program has it that runs with GODEBUG=fips140=only:
// nobody but the module chooses the IV to seal with.
type randomGCM struct{ cipher.AEAD }

func newRandomGCM(block cipher.Block) (cipher.AEAD, error) {
	g, err := cipher.NewGCMWithRandomNonce(block)
	return randomGCM{g}, err
}

// Open takes the IV of the message, which the module has in front of the ciphertext.
func (g randomGCM) Open(dst, iv, body, aad []byte) ([]byte, error) {
	whole := append(append(make([]byte, 0, len(iv)+len(body)), iv...), body...)
	out, err := g.AEAD.Open(nil, nil, whole, aad)
	if err != nil {
		return nil, err
	}
	return append(dst, out...), nil
}

// Seal writes to iv the one that the module made.
func (g randomGCM) Seal(dst, iv, content, aad []byte) []byte {
	whole := g.AEAD.Seal(nil, nil, content, aad)
	return append(dst, whole[copy(iv, whole):]...)
}
