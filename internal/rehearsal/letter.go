package rehearsal

import (
	"crypto"

	"github.com/go-jose/go-jose/v4"
)

// A letter is a message before it is made. What the zero value leaves open is done as the
// network does it.
type letter struct {
	payload []byte
	by      []string    // who signs, in this order
	to      []recipient // who can read it

	signedOnly bool // it is not encrypted
	badSig     bool // the signature is damaged, and then encrypted

	// OpenPGP.
	hidden   bool        // the recipients are not named
	hash     crypto.Hash // SHA-384 if zero
	cast5    bool        // instead of AES-256
	unmarked bool        // without the modification detection code

	// JOSE.
	enc     jose.ContentEncryption // that of the profile if empty
	zip     bool                   // it is compressed
	kid     func(string) string    // what to say in place of the kid; nil leaves it, "" says none
	signAs  string                 // another "alg" of the signature: none, or HS256 with the public key
	carried bool                   // the header carries the key it is to be verified with
}
