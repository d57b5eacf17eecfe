//go:build !unix

package pkcs11

import "github.com/miekg/pkcs11"

type decrypt func(c *pkcs11.Ctx, s pkcs11.SessionHandle, ciphertext []byte) ([]byte, error)

// newDecrypt returns the function of the binding, which loses some memory with each
// ciphertext that does not decrypt.
func newDecrypt(string) (decrypt, bool) { return (*pkcs11.Ctx).Decrypt, true }
