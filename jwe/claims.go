package jwe

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// claims returns the members "iss", "aud", and "iat" of a payload that is a JSON
// object, and nil for any other. A payload is whatever the partner likes and may be
// large, so nothing else of it is decoded. One of them that appears twice is
// ambiguous; it becomes a value that is neither a name nor a date, and an
// audience that is nobody.
func claims(payload []byte) map[string]any {
	object := bytes.TrimLeft(payload, " \t\r\n")
	if !bytes.HasPrefix(object, []byte("{")) || !mayClaim(object) ||
		!utf8.Valid(object) || !json.Valid(object) {
		return nil
	}
	found := map[string]any{}
	members(object, func(name string, value []byte) bool {
		switch name {
		case "iss", "aud", "iat":
		default:
			return true
		}
		var v any
		if _, twice := found[name]; twice {
			v = ""
		} else if json.Unmarshal(value, &v) != nil {
			return true
		}
		found[name] = v
		return true
	})
	return found
}

// mayClaim saves most payloads from being parsed: a member can only be there
// if its name is, or letters of it are escaped.
func mayClaim(object []byte) bool {
	for _, s := range []string{`"iss"`, `"aud"`, `"iat"`, `\u00`} {
		if bytes.Contains(object, []byte(s)) {
			return true
		}
	}
	return false
}
