package jwe

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
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
// if its name is, or letters of it are escaped. A payload may be large, so that
// eight octets are looked at together for a quotation mark before "i" or "a".
func mayClaim(object []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	zero := func(v uint64) uint64 { return (v - ones) & ^v & tops } // where an octet is zero
	i := 0
	for ; len(object)-i >= 16; i += 8 {
		quotes := binary.LittleEndian.Uint64(object[i:]) ^ ones*'"'
		letters := (binary.LittleEndian.Uint64(object[i+1:]) | ones*('a'^'i')) ^ ones*'i'
		for at := zero(quotes) & zero(letters); at != 0; at &= at - 1 {
			name := object[i+bits.TrailingZeros64(at)/8:]
			switch string(name[:5]) {
			case `"iss"`, `"aud"`, `"iat"`:
				return true
			}
		}
	}
	for _, name := range []string{`"iss"`, `"aud"`, `"iat"`} {
		if bytes.Contains(object[i:], []byte(name)) {
			return true
		}
	}
	return bytes.Contains(object, []byte(`\u00`))
}
