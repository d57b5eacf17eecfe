package jwe

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/internal/base64url"
)

var (
	errNotBase64 = errors.New("a part is not base64url in its one spelling")
	rawURL       = base64.RawURLEncoding
)

// split returns the parts of a compact serialization: those before the large one,
// the large one, and the last. The ends are searched and not the middle, so that
// what is large is read once, when it is decoded: a dot in it is not base64url.
func split(token []byte, n int) ([][]byte, error) {
	parts := make([][]byte, 0, n)
	last := bytes.LastIndexByte(token, '.')
	rest := token[:max(last, 0)]
	for len(parts) < n-2 {
		part, after, found := bytes.Cut(rest, dot)
		if !found {
			return nil, fmt.Errorf("fewer than %d parts", n)
		}
		parts, rest = append(parts, part), after
	}
	return append(parts, rest, token[last+1:]), nil
}

// decodeTo writes what part spells to dst, which has exactly decodedLen octets.
// Other spellings of the same octets are errors, so that a token has only one.
func decodeTo(dst, part []byte) error {
	if base64url.Decode(dst, part) != nil {
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

// looksSigned reports whether content is meant to be a JWS: in compact
// serialization that is three parts, of which the first begins as a JSON object
// does in base64url. A content of more parts is told apart here only where it may
// be a payload; elsewhere it costs a pass, and will not decode.
func (e *Envelope) looksSigned(content []byte) bool {
	if looksSignedJSON(content) {
		return true
	}
	first := bytes.IndexByte(content, '.')
	if !bytes.HasPrefix(content, []byte("ey")) || first == bytes.LastIndexByte(content, '.') {
		return false
	}
	return !e.waived.encryptOnly || bytes.Count(content, dot) == 2
}
