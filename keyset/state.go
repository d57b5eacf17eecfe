package keyset

import "fmt"

// An ID names a key inside its set. It is printable, stable, and not secret.
//
// It is computed from the public key, so that two different keys never share
// one, whatever their owners call them. For OpenPGP it is the fingerprint of
// the primary key in upper-case hexadecimal. For JOSE it is the SHA-256
// thumbprint of RFC 7638 in base64url. What people call the key is [Info].Name.
type ID string

// A Format names the family of messages a key is for.
type Format string

const (
	OpenPGP Format = "openpgp" // RFC 9580
	JOSE    Format = "jose"    // RFC 7515, RFC 7516
)

// A State is a station in the life of a key. The zero State is invalid, so
// that a forgotten field can never mean a trusted key.
type State uint8

const (
	Pending  State = iota + 1 // trusted, not yet used to seal
	Active                    // used for everything
	Retiring                  // still trusted, no longer used to seal
	Revoked                   // used for nothing, for ever
)

var stateNames = [...]string{Pending: "pending", Active: "active", Retiring: "retiring", Revoked: "revoked"}

func (s State) valid() bool { return s >= Pending && s <= Revoked }

// opens reports whether a key in state s opens. That it seals needs no method:
// only Active does.
func (s State) opens() bool { return s == Pending || s == Active || s == Retiring }

// String returns the lower-case name of s, as it appears in stored
// configuration, logs, and metric labels.
func (s State) String() string {
	if !s.valid() {
		return fmt.Sprintf("invalid state %d", uint8(s))
	}
	return stateNames[s]
}

// MarshalText implements [encoding.TextMarshaler] with the names of String. It
// returns an error for a State that has none, such as the zero State.
func (s State) MarshalText() ([]byte, error) {
	if !s.valid() {
		return nil, fmt.Errorf("keyset: %v", s)
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler] with the names of String.
// Any other text, and the same text in another letter case, is an error.
func (s *State) UnmarshalText(text []byte) error {
	for state := Pending; state <= Revoked; state++ {
		if stateNames[state] == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("keyset: unknown state %.32q", text)
}

// A Use is a set of purposes.
type Use uint8

const (
	Signing    Use = 1 << iota // sign with a private key, verify with a public one
	Encryption                 // encrypt to a public key, decrypt with a private one
)

// String returns "signing", "encryption", or "signing+encryption", and "none"
// for the zero Use.
func (u Use) String() string {
	switch u {
	case 0:
		return "none"
	case Signing:
		return "signing"
	case Encryption:
		return "encryption"
	case Signing | Encryption:
		return "signing+encryption"
	default:
		return fmt.Sprintf("invalid use %d", uint8(u))
	}
}
