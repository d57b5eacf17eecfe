package jwe

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"
)

var errClaims = errors.New("the payload begins as an object of claims, and cannot be read as one")

// claims returns the named members of a payload that is a JSON object, and nil for any
// other. A payload is whatever the partner likes and may be large, so nothing else of
// it is decoded. A member that appears twice is ambiguous; it becomes a value that is
// neither a name nor a date.
//
// A payload that begins as an object, has one of the names in it, and is not JSON to
// its end is an error: what another program reads in it, this one cannot judge. So is
// one in UTF-16 or UTF-32, which many a parser of JSON recognizes by itself.
func claims(payload []byte, names ...string) (map[string]any, error) {
	if text := narrow(payload); bytes.HasPrefix(text, []byte("{")) && mayClaim(text, names) {
		return nil, errClaims
	}
	object := bytes.TrimLeft(bytes.TrimPrefix(payload, byteOrderMark), " \t\r\n")
	if !bytes.HasPrefix(object, []byte("{")) || !mayClaim(object, names) {
		return nil, nil
	}
	if bytes.HasPrefix(payload, byteOrderMark) || !utf8.Valid(object) || !json.Valid(object) {
		return nil, errClaims
	}
	found := map[string]any{}
	members(object, func(name string, value []byte) bool {
		if !slices.Contains(names, name) {
			return true
		}
		v, err := parseValue(value, 0)
		if _, twice := found[name]; twice || err != nil {
			v = ""
		}
		found[name] = v
		return true
	})
	return found, nil
}

// narrow returns the bytes of a payload that are not zero, if it may be an object in
// UTF-16 or UTF-32, and else nil: of the first four bytes one is zero (RFC 4627,
// Section 3), or they begin with a byte order mark.
func narrow(payload []byte) []byte {
	first := payload[:min(4, len(payload))]
	if bytes.IndexByte(first, 0) < 0 && !bytes.HasPrefix(first, []byte("\xff\xfe")) && !bytes.HasPrefix(first, []byte("\xfe\xff")) {
		return nil
	}
	text := bytes.ReplaceAll(payload, []byte{0}, nil)
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		text = bytes.TrimPrefix(text, []byte(mark))
	}
	return bytes.TrimLeft(text, " \t\r\n")
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// mayClaim saves most payloads from being parsed: a member can only be there if its
// name is, or letters of it are escaped.
func mayClaim(object []byte, names []string) bool {
	for _, name := range names {
		if bytes.Contains(object, []byte(`"`+name+`"`)) {
			return true
		}
	}
	return bytes.Contains(object, []byte(`\u00`))
}
