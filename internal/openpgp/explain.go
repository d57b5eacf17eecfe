package openpgp

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/sealwax/sealwax/internal/text"
)

// ExplainedOctets is how much of the beginning of an input [Explain] looks at.
const ExplainedOctets = 1 << 10

// Explain returns err, which says that an input is no message or no key file,
// with what the input seems to be instead. head is its beginning. It decides
// nothing, and quotes nothing.
func Explain(head []byte, err error) error {
	if err == nil {
		return nil
	}
	if what := seems(head[:min(len(head), ExplainedOctets)]); what != "" {
		return fmt.Errorf("%w: %s", err, what)
	}
	return err
}

// Beginnings of what people send instead, and what to say of them.
var beginnings = []struct{ octets, what string }{
	{"\xef\xbb\xbf", "it begins with a byte order mark (UTF-8); take the mark out"},
	{"-----BEGIN CERTIFICATE", "it is an X.509 certificate, and not an OpenPGP one"},
	{"-----BEGIN X509 CERTIFICATE", "it is an X.509 certificate, and not an OpenPGP one"},
	{"-----BEGIN TRUSTED CERTIFICATE", "it is an X.509 certificate, and not an OpenPGP one"},
	{"-----BEGIN PKCS7", "it is CMS (PKCS #7), and not OpenPGP"},
	{"-----BEGIN CMS", "it is CMS (PKCS #7), and not OpenPGP"},
	{"-----BEGIN OPENSSH PRIVATE KEY", "it is an SSH key, and not an OpenPGP one"},
	{"---- BEGIN SSH2 PUBLIC KEY", "it is an SSH key, and not an OpenPGP one"},
	{"ssh-", "it is an SSH key, and not an OpenPGP one"},
	{"ecdsa-sha2-", "it is an SSH key, and not an OpenPGP one"},
	{"-----BEGIN PUBLIC KEY", "it is a bare key in PEM; an OpenPGP certificate is needed"},
	{"-----BEGIN RSA PUBLIC KEY", "it is a bare key in PEM; an OpenPGP certificate is needed"},
	{"-----BEGIN PRIVATE KEY", "it is a bare key in PEM; an OpenPGP key is needed"},
	{"-----BEGIN RSA PRIVATE KEY", "it is a bare key in PEM; an OpenPGP key is needed"},
	{"-----BEGIN EC PRIVATE KEY", "it is a bare key in PEM; an OpenPGP key is needed"},
	{"-----BEGIN ENCRYPTED PRIVATE KEY", "it is a bare key in PEM; an OpenPGP key is needed"},
	{"-----BEGIN PGP SIGNED MESSAGE", "it is text that is signed, and not encrypted"},
	{"LS0tLS1CRUdJTi", "it is base64 of ASCII armor: it is encoded twice; take one encoding off"},
	{"eyJ", "it seems to be a JOSE token, and not OpenPGP"},
	{"\x30\x82", "it is DER, as of an X.509 certificate or a PKCS #12 file, and not OpenPGP"},
	{"\x30\x83", "it is DER, as of an X.509 certificate or a PKCS #12 file, and not OpenPGP"},
	{"{", "it is JSON; take the value out of it first"},
}

func seems(head []byte) string {
	if len(head) >= 12 && string(head[8:12]) == "KBXf" {
		return `it is a keybox of GnuPG; use "gpg --export"`
	}
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	for _, b := range beginnings {
		if bytes.HasPrefix(trimmed, []byte(b.octets)) {
			return b.what
		}
	}
	if what := text.Seems(head); what != "" {
		return what
	}
	switch at := bytes.Index(head, []byte("-----BEGIN PGP ")); {
	case at < 0:
	case bytes.Contains(head, []byte(`-----\n`)) || bytes.Contains(head, []byte(`-----\r`)):
		return `its line ends are spelled out as "\n"; they must be line ends`
	case len(bytes.TrimSpace(head[:at])) != 0:
		return "text stands before the ASCII armor; take it out"
	case bytes.Count(head, []byte("\n")) < 2 && len(head) > len("-----BEGIN PGP PRIVATE KEY BLOCK-----")+64:
		return "its line ends are lost; they must be kept"
	}
	if len(head) > 8 && (head[0] == 0xc2 || head[0] == 0xc3) && validUTF8(head) {
		return "bytes of a binary message were turned into text (UTF-8) on their way; send bytes, or base64"
	}
	return ""
}

// validUTF8 reports whether head is text, but for a character that is cut at its end.
func validUTF8(head []byte) bool {
	for len(head) != 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n <= 1 {
			return !utf8.FullRune(head)
		}
		head = head[n:]
	}
	return true
}
