package pgp

import (
	"bytes"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// An Encoding is how the bytes of a message travel.
//
// Open tells them apart without guessing: an input that begins with a byte of
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
		return openpgp.Base64URL
	case Armor:
		return openpgp.Armor
	case Binary:
		return openpgp.Binary
	}
	return "unknown encoding"
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
	err := encodeArmor(&b, openpgp.ArmorMessage, binary)
	return b.Bytes(), err
}
