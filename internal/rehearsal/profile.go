package rehearsal

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A Profile is what the network and its partners have agreed on, as a whole.
type Profile string

const (
	// StandardPayments is the profile of today: every message is signed and encrypted, in
	// OpenPGP or as a JWS in a JWE.
	StandardPayments Profile = "standard-payments"

	// StandardPaymentsOlder is the older JOSE profile: a JWE without a JWS, with RSA keys,
	// AES-CBC with HMAC, and "zip":"DEF". The transport authenticates, by client
	// certificates.
	StandardPaymentsOlder Profile = "standard-payments-older"
)

// Profiles are those that can be rehearsed.
func Profiles() []Profile { return []Profile{StandardPayments, StandardPaymentsOlder} }

// Check returns an error if there is no such profile, or if it is not for the format.
func (p Profile) Check(format keyset.Format) error {
	switch {
	case !slices.Contains(Profiles(), p):
		return fmt.Errorf("there is no profile %q: it is one of %q", string(p), Profiles())
	case !p.Signed() && format != keyset.JOSE:
		return fmt.Errorf("profile %s is for JOSE, and these keys are for %s", p, format)
	}
	return nil
}

// Signed reports whether messages are signed. If they are not, the transport has to
// authenticate.
func (p Profile) Signed() bool { return p != StandardPaymentsOlder }

// parts are the keys that a party has in JOSE.
func (p Profile) parts() []part {
	if p.Signed() {
		return parts
	}
	return parts[1:]
}

// rsaAlgorithm is how an RSA key is encrypted to that does not say it.
func (p Profile) rsaAlgorithm() jose.KeyAlgorithm {
	if p.Signed() {
		return jose.RSA_OAEP_256
	}
	return jose.RSA1_5
}

// content is how a letter's content is encrypted.
func (p Profile) content(l letter) jose.ContentEncryption {
	if p.Signed() {
		return cmp.Or(l.enc, jose.A256GCM)
	}
	return cmp.Or(l.enc, jose.A128CBC_HS256)
}

// waive is what opening replies takes.
func (p Profile) waive() []envelope.Waiver {
	if p.Signed() {
		return nil
	}
	const why = "a rehearsal of the older profile, with keys that were made for it"
	return []envelope.Waiver{jwe.InsecureEncryptOnly(why), jwe.InsecureRSA1_5(why), jwe.InsecureCompression(why)}
}
