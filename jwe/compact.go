package jwe

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
)

var (
	errNotBase64 = errors.New("a part is not base64url in its one spelling")
	base64url    = base64.RawURLEncoding.Strict()
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
	if len(part) <= large {
		return decodeRun(dst, part)
	}
	var first error
	var wg sync.WaitGroup
	half := len(part) / 8 * 4
	wg.Go(func() { first = decodeRun(dst[:half/4*3], part[:half]) })
	err := decodeRun(dst[half/4*3:], part[half:])
	wg.Wait()
	return cmp.Or(first, err)
}

// decodeRun counts what it got: the strict decoder of the standard library refuses
// padding and unused bits but skips line ends, and a part that has some spells fewer
// octets than its length does. That holds for every length of base64url, of which
// 1 modulo 4 is none.
func decodeRun(dst, part []byte) error {
	n, err := base64url.Decode(dst, part)
	if err != nil || n != len(dst) || len(part)%4 == 1 {
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

// large is where it pays to encode or decode in two halves at once: base64 is the
// most expensive part of a large message.
const large = 128 << 10

// appendEncoded appends octets in base64url. It is append(dst, …) for a dst
// with the capacity, without a copy.
func appendEncoded(dst, octets []byte) []byte {
	if len(octets) <= large {
		return base64url.AppendEncode(dst, octets)
	}
	n := base64url.EncodedLen(len(octets))
	dst = slices.Grow(dst, n)
	out := dst[len(dst) : len(dst)+n]
	var wg sync.WaitGroup
	half := len(octets) / 6 * 3
	wg.Go(func() { base64url.Encode(out, octets[:half]) })
	base64url.Encode(out[half/3*4:], octets[half:])
	wg.Wait()
	return dst[:len(dst)+n]
}

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
