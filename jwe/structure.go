package jwe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A structure is what a content is by its structure.
type structure struct {
	signed bool // it has the structure of a JWS, and must verify
	plain  bool // nothing stands around the JWS
}

// structureOf says whether a content is a JWS. That is for its structure to say and for
// nothing else: three parts of which the first is a header with "alg", or a JSON object
// with a payload and a signature with a protected header. What stands around a JWS
// makes it one that does not parse, and no payload.
func structureOf(content []byte) structure {
	inside := content
	for {
		next := bytes.Trim(bytes.TrimPrefix(inside, byteOrderMark), " \t\r\n\"")
		if len(next) == len(inside) {
			break
		}
		inside = next
	}
	return structure{
		signed: compactJWS(inside) || jsonJWS(inside),
		plain:  len(inside) == len(content) || isJSON(content) && len(trimSpace(content)) == len(inside),
	}
}

// structureOf is that of the content of a JWE.
func (e *Envelope) structureOf(content []byte) structure {
	if e.c.Members && hasMembers(content) {
		return structure{signed: true, plain: true}
	}
	return structureOf(content)
}

func compactJWS(content []byte) bool {
	first := bytes.IndexByte(content, '.')
	if first <= 0 || first == bytes.LastIndexByte(content, '.') || bytes.Count(content, dot) != 2 {
		return false
	}
	return hasAlgorithm(content[:first])
}

// hasAlgorithm reports whether a part spells an object with "alg". It is lenient, so
// that what any library may take for a header is one.
func hasAlgorithm(part []byte) bool {
	part = bytes.Join(bytes.Fields(bytes.TrimRight(part, "=")), nil)
	text := make([]byte, base64.RawURLEncoding.DecodedLen(len(part)))
	for _, alphabet := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		n, err := alphabet.Decode(text, part)
		text := text[:n]
		if err == nil && hasMember(firstValue(bytes.TrimPrefix(text, byteOrderMark)), "alg") {
			return true
		}
	}
	return false
}

// jsonJWS is as lenient as hasAlgorithm.
func jsonJWS(content []byte) bool {
	if !isJSON(content) {
		return false
	}
	if small := bytes.ToLower(content); !bytes.Contains(small, []byte(`"signature`)) && !bytes.Contains(small, []byte(`\u00`)) {
		return false
	}
	object := firstValue(content)
	if !hasMember(object, "payload") {
		return false
	}
	if hasMember(object, "protected") && hasMember(object, "signature") {
		return true
	}
	found := false
	eachMember(object, func(name string, value []byte) bool {
		if strings.EqualFold(name, "signatures") && value[0] == '[' {
			elements(value, func(one []byte) bool {
				found = hasMember(one, "protected")
				return !found
			})
		}
		return !found
	})
	return found
}

// firstValue returns the JSON value that a text begins with, whatever follows, or nil.
func firstValue(text []byte) []byte {
	if json.Valid(text) {
		return trimSpace(text)
	}
	var value json.RawMessage
	if json.NewDecoder(bytes.NewReader(text)).Decode(&value) != nil {
		return nil
	}
	return value
}

// eachMember is members for a value that may be no object.
func eachMember(value []byte, visit func(name string, value []byte) bool) {
	if len(value) != 0 && value[0] == '{' {
		members(value, visit)
	}
}

// hasMember reports whether a value is an object with a member of the name, in whatever
// letter case.
func hasMember(value []byte, name string) bool {
	found := false
	eachMember(value, func(n string, _ []byte) bool {
		found = strings.EqualFold(n, name)
		return !found
	})
	return found
}

// hasMembers reports whether content is an object of the parts of a compact JWS.
func hasMembers(content []byte) bool {
	var parts struct{ Header, Payload, Signature json.RawMessage }
	if !isJSON(content) || json.Unmarshal(content, &parts) != nil || parts.Payload == nil || parts.Signature == nil {
		return false
	}
	var header string
	return json.Unmarshal(parts.Header, &header) == nil && hasAlgorithm([]byte(header))
}

// describe says what a content is that is no JWS, and quotes nothing of it.
func describe(content []byte) error {
	text := trimSpace(content)
	switch {
	case len(text) == 0:
		return errors.New("the content is empty, and no JWS")
	case bytes.HasPrefix(text, byteOrderMark):
		return errors.New("the content begins with a byte order mark, and is no JWS")
	case bytes.Count(text, dot) == 4 && hasAlgorithm(text[:bytes.IndexByte(text, '.')]):
		return errors.New("the content is a JWE once more, and no JWS")
	case bytes.HasPrefix(text, []byte(`"`)) && json.Valid(text):
		return errors.New("the content is a JSON string, and no JWS")
	case hasMembers(text):
		return errors.New("the content is a JWS as an object of its parts, which Config.Members is for")
	case isJSON(text) && json.Valid(text):
		return errors.New("the content is a JSON object, and no JWS: it has no signature with a protected header")
	case bytes.Contains(text, dot) && bytes.Count(text, dot) != 2:
		return errors.New("the content is not a JWS: it has not three parts")
	}
	return errors.New("the content is not a JWS")
}

// errAround is the error of a JWS with something around it.
var errAround = errors.New("the content is a JWS in quotation marks, or with a byte order mark, spaces, or a line end around it: the JWS itself must be encrypted")

// around explains what stands around a JWE that does not parse, or what it is.
func around(sealed []byte, err error) error {
	text := trimSpace(sealed)
	has := func(what string) error { return fmt.Errorf("%w: %s", err, what) }
	switch {
	case structureOf(sealed).signed:
		return has("it is a JWS; if the partner signs what is encrypted, Config.Layers says so")
	case bytes.HasPrefix(text, byteOrderMark):
		return has("it begins with a byte order mark")
	case bytes.HasPrefix(text, []byte(`"`)):
		return has("it is in quotation marks: take the string out of the JSON first")
	case len(text) > 7 && bytes.EqualFold(text[:7], []byte("Bearer ")):
		return has(`it begins with "Bearer ", which belongs to an HTTP header`)
	case !isJSON(sealed) && len(text) != len(sealed):
		return has("spaces or line ends stand around it")
	case !isJSON(sealed) && bytes.ContainsAny(text, "\r\n"):
		return has("it is broken into lines")
	}
	return err
}
