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
	members(object, func(name string, value []byte) {
		switch name {
		case "iss", "aud", "iat":
		default:
			return
		}
		var v any
		if _, twice := found[name]; twice {
			v = ""
		} else if json.Unmarshal(value, &v) != nil {
			return
		}
		found[name] = v
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

// members calls visit for each member of a valid JSON object, in order.
func members(object []byte, visit func(name string, value []byte)) {
	i := space(object, 1)
	for object[i] == '"' {
		end := pastString(object, i)
		var name string
		_ = json.Unmarshal(object[i:end], &name) // it is valid
		i = space(object, end)
		i = space(object, i+1) // past the colon
		end = pastValue(object, i)
		visit(name, object[i:end])
		if i = space(object, end); object[i] == ',' {
			i = space(object, i+1)
		}
	}
}

func space(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n' {
		i++
	}
	return i
}

func pastString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func pastValue(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = pastString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
		i++
	}
}
