package keyset

import "strings"

// normal returns the spelling of an ID that this package uses. A fingerprint of
// OpenPGP may come in lower case, with spaces, or after 0x. Everything else, and
// every thumbprint of JOSE, means what it says letter by letter.
func normal(f Format, id ID) ID {
	if f != OpenPGP {
		return id
	}
	if bare := bareHex(id); len(bare) == 40 || len(bare) == 64 {
		return ID(bare)
	}
	return id
}

// partial reports whether id can only be a part of a fingerprint of OpenPGP: it
// would name no key, and revoke none.
func partial(id ID) bool {
	n := len(bareHex(id))
	return n >= minAffix && n != 40 && n != 64
}

// bareHex returns the digits of id in upper case, or nothing if it has others.
func bareHex(id ID) string {
	text := strings.ToUpper(strings.ReplaceAll(string(id), " ", ""))
	text = strings.TrimPrefix(text, "0X")
	if strings.Trim(text, "0123456789ABCDEF") != "" {
		return ""
	}
	return text
}

func isDigest(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}
