package jwe

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/sealwax/sealwax/internal/base64url"
)

var (
	errNotBase64 = errors.New("not base64url in its one spelling")
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

// decodeTo writes what part spells to dst, which has exactly decodedLen bytes.
// Other spellings of the same bytes are errors, so that a token has only one.
func decodeTo(dst, part []byte) error {
	if base64url.Decode(dst, part) != nil {
		return notBase64(part)
	}
	return nil
}

// notBase64 says what is wrong with the spelling of a part, and quotes none of it.
func notBase64(part []byte) error {
	switch {
	case bytes.ContainsAny(part, "+/"):
		return fmt.Errorf(`%w: "+" or "/" stands in it, which is base64 and not base64url`, errNotBase64)
	case bytes.IndexByte(part, '=') >= 0:
		return fmt.Errorf(`%w: it is padded with "="`, errNotBase64)
	case bytes.ContainsAny(part, " \t\r\n"):
		return fmt.Errorf("%w: spaces or line ends stand in it", errNotBase64)
	}
	return errNotBase64
}

func decodedLen(part []byte) int { return base64url.DecodedLen(len(part)) }

func decode(part []byte) ([]byte, error) {
	out := make([]byte, decodedLen(part))
	return out, decodeTo(out, part)
}

// decodeText decodes a base64url member of a header or a JWK.
func decodeText(s string) ([]byte, error) { return decode([]byte(s)) }
