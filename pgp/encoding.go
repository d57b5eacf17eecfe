package pgp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/sealwax/sealwax/internal/base64url"
)

// An Encoding is how the octets of a message travel.
//
// Open tells them apart without guessing: an input that begins with an octet of
// 0x80 or above is binary, one that begins with the armor header line of a
// message is armor, and anything else is base64 in one of its two alphabets,
// padded or not, line breaks allowed, the alphabets never mixed. White space
// around armor and base64 is ignored.
type Encoding uint8

const (
	Base64URL Encoding = iota // web-safe base64 (RFC 4648, Section 5) without line breaks
	Armor                     // ASCII armor (RFC 9580, Section 6)
	Binary                    // as they are
)

// String returns "base64url", "armor", or "binary".
func (e Encoding) String() string {
	switch e {
	case Base64URL:
		return "base64url"
	case Armor:
		return "armor"
	case Binary:
		return "binary"
	}
	return "unknown encoding"
}

const (
	armorMessage = "PGP MESSAGE"
	armorPublic  = "PGP PUBLIC KEY BLOCK"
	armorPrivate = "PGP PRIVATE KEY BLOCK"
)

var (
	errEmpty     = errors.New("empty input")
	errNotBase64 = errors.New("neither an OpenPGP packet, nor armor, nor base64")
	errAlphabets = errors.New("base64 that mixes both alphabets")
	errTwice     = errors.New("base64 of ASCII armor: the partner encodes twice; it should encode the binary message")
	errArmor     = errors.New("invalid ASCII armor")
	errArmorType = errors.New("ASCII armor of another type")
)

// decodeMessage returns the octets of a message, and the name of its encoding. The
// result is in, or shares no memory with it; it is in space, if that is large
// enough and has a use.
func decodeMessage(in, space []byte) (binary []byte, encoding string, err error) {
	if len(in) != 0 && in[0] >= 0x80 {
		return in, Binary.String(), nil
	}
	in = bytes.Trim(in, " \t\r\n")
	switch {
	case len(in) == 0:
		return nil, "", errEmpty
	case bytes.HasPrefix(in, []byte("-----")):
		binary, rest, err := nextArmor(in, armorMessage)
		if err == nil && len(rest) != 0 {
			err = errArmor
		}
		return binary, Armor.String(), err
	}
	return decodeBase64(in, space)
}

// decodeBase64 decodes base64 of either alphabet. Strict: unused bits are zero.
func decodeBase64(in, space []byte) ([]byte, string, error) {
	// What has no line ends and no padding is what nearly everybody sends.
	out, n := space, base64url.DecodedLen(len(in))
	if len(out) < n {
		out = make([]byte, n)
	}
	if out = out[:n]; base64url.Decode(out, in) == nil && n != 0 && out[0] >= 0x80 {
		return out, Base64URL.String(), nil
	}
	std := bytes.ContainsAny(in, "+/")
	if std && bytes.ContainsAny(in, "-_") {
		return nil, "", errAlphabets
	}
	name, enc := Base64URL.String(), base64.RawURLEncoding.Strict()
	if std {
		name, enc = "base64", base64.RawStdEncoding.Strict()
	}
	text := make([]byte, 0, len(in))
	for _, c := range in {
		if c != '\r' && c != '\n' {
			text = append(text, c)
		}
	}
	if n := len(text); bytes.HasSuffix(text, []byte("=")) {
		if n%4 != 0 {
			return nil, name, errNotBase64
		}
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("=")), []byte("="))
	}
	n, err := enc.Decode(text, text)
	switch {
	case err != nil || n == 0:
		return nil, name, errNotBase64
	case bytes.HasPrefix(text[:n], []byte("-----BEGIN")):
		return nil, name, errTwice
	case text[0] < 0x80:
		return nil, name, errNotBase64
	}
	return text[:n], name, nil
}

// nextArmor reads the block of ASCII armor at the beginning of in, which must
// be of one of the given types. It is strict where the library's reader is not
// (T24): nothing stands before the block, its end is there, and the caller sees
// what follows. The checksum is not looked at (RFC 9580, Section 6.1).
func nextArmor(in []byte, types ...string) (binary, rest []byte, err error) {
	var name []byte
	for i := 0; ; i++ {
		if i == len(types) {
			if bytes.HasPrefix(in, []byte("-----BEGIN PGP ")) {
				return nil, nil, errArmorType
			}
			return nil, nil, errArmor
		}
		if after, ok := bytes.CutPrefix(in, []byte("-----BEGIN "+types[i]+"-----")); ok {
			name, in = []byte(types[i]), after
			break
		}
	}
	in, ok := endOfLine(in)
	if !ok {
		return nil, nil, errArmor
	}
	for { // headers, which nobody authenticates, up to an empty line
		line, after, ok := bytes.Cut(in, []byte("\n"))
		if !ok {
			return nil, nil, errArmor
		}
		in = after
		line = bytes.TrimRight(line, " \t\r")
		if len(line) == 0 {
			break
		}
		if !bytes.Contains(line, []byte(":")) {
			return nil, nil, errArmor
		}
	}
	end := append([]byte("-----END "), append(name, "-----"...)...)
	body, rest, ok := bytes.Cut(in, end)
	if !ok {
		return nil, nil, errArmor
	}
	if i := bytes.LastIndex(body, []byte("\n=")); i >= 0 && len(bytes.TrimRight(body[i:], " \t\r\n")) == len("\n=ABCD") {
		body = body[:i]
	}
	text := make([]byte, 0, len(body))
	for _, c := range body {
		if c != '\r' && c != '\n' && c != ' ' && c != '\t' {
			text = append(text, c)
		}
	}
	if len(text)%4 != 0 || len(text) == 0 {
		return nil, nil, errArmor
	}
	n, err := base64.StdEncoding.Strict().Decode(text, text)
	if err != nil {
		return nil, nil, errArmor
	}
	return text[:n], bytes.TrimLeft(rest, " \t\r\n"), nil
}

func endOfLine(in []byte) ([]byte, bool) {
	line, rest, ok := bytes.Cut(in, []byte("\n"))
	return rest, ok && len(bytes.TrimRight(line, " \t\r")) == 0
}

// encodeArmor writes ASCII armor with a checksum, which some programs still ask for.
func encodeArmor(w io.Writer, kind string, binary []byte) error {
	aw, err := armor.EncodeWithChecksumOption(w, kind, nil, true)
	if err != nil {
		return err
	}
	if _, err := aw.Write(binary); err != nil {
		return err
	}
	if err := aw.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// armored returns a message in ASCII armor.
func armored(binary []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(binary)*4/3 + len(binary)/48 + 128)
	err := encodeArmor(&b, armorMessage, binary)
	return b.Bytes(), err
}
