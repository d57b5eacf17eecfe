package jwe

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

var (
	errNotBase64 = errors.New("a part is not base64url in its one spelling")
	base64url    = base64.RawURLEncoding.Strict()
)

// split returns the n parts of a compact serialization.
func split(token []byte, n int) ([][]byte, error) {
	if got := bytes.Count(token, []byte{'.'}) + 1; got != n {
		return nil, fmt.Errorf("%d parts instead of %d", got, n)
	}
	return bytes.Split(token, []byte{'.'}), nil
}

// decodeTo writes what part spells to dst, which has exactly decodedLen octets.
// Other spellings of the same octets are errors, so that a token has only one:
// the strict decoder of the standard library refuses padding and unused bits,
// but skips line ends.
func decodeTo(dst, part []byte) error {
	if bytes.IndexByte(part, '\n') >= 0 || bytes.IndexByte(part, '\r') >= 0 {
		return errNotBase64
	}
	if n, err := base64url.Decode(dst, part); err != nil || n != len(dst) {
		return errNotBase64
	}
	return nil
}

func decodedLen(part []byte) int { return base64url.DecodedLen(len(part)) }

func decode(part []byte) ([]byte, error) {
	out := make([]byte, decodedLen(part))
	return out, decodeTo(out, part)
}

// decodeText decodes a base64url member of a header or a JWK.
func decodeText(s string) ([]byte, error) { return decode([]byte(s)) }

// appendEncoded appends octets in base64url. It is append(dst, …) for a dst
// with the capacity, without a copy.
func appendEncoded(dst, octets []byte) []byte { return base64url.AppendEncode(dst, octets) }

// looksSigned reports whether content is meant to be a JWS: in compact
// serialization that is three parts, of which the first begins as a JSON object
// does in base64url.
func looksSigned(content []byte) bool {
	return looksSignedJSON(content) || bytes.HasPrefix(content, []byte("ey")) && bytes.Count(content, []byte{'.'}) == 2
}
