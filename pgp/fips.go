package pgp

import (
	"crypto/fips140"
	"errors"
	"fmt"
)

// errFIPS is the error of what a program cannot do that does without unapproved
// algorithms altogether.
var errFIPS = fmt.Errorf("this program runs with GODEBUG=fips140=only, and OpenPGP names keys by fingerprints under SHA-1 "+
	"(RFC 9580, Section 5.5.4): %w", errors.ErrUnsupported)

// notUnderFIPSOnly returns an error where the standard library would panic.
func notUnderFIPSOnly() error {
	if fips140.Enforced() {
		return errFIPS
	}
	return nil
}
