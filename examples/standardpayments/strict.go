package standardpayments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// ErrJSON is wrapped by every error of [Decode].
var ErrJSON = errors.New("standardpayments: not the JSON that was agreed")

// UnknownMembers says what becomes of members that a type does not have.
type UnknownMembers uint8

const (
	// IgnoreUnknown passes them over. It is the default: a network that adds an optional
	// member in a minor version must not stop payments. Nothing acts on what it does not know.
	IgnoreUnknown UnknownMembers = iota

	// RefuseUnknown makes them an error, as a test of a partner's client wants it.
	RefuseUnknown
)

// Decode reads one JSON value into v, a pointer. It is strict where encoding/json is not,
// because two programs that read one text differently can be played against each other. It
// refuses:
//
//   - a member that stands twice in an object, at any depth, known or not
//   - a member whose name is that of a field but for the case of letters
//   - a missing member, or null, for a field that has neither omitempty nor omitzero
//   - text that is not valid UTF-8, and escapes of half a surrogate pair (RFC 8259, Section 8.2)
//   - unknown members, with [RefuseUnknown]
//
// What RFC 8259 does not have, such as comments, trailing commas, a byte order mark, NaN,
// single quotes, or a second value, is refused in any case. A type that implements
// [json.Unmarshaler] or [encoding.TextUnmarshaler] reads itself: only members that stand
// twice are looked for in it. The error wraps [ErrJSON]. It holds nothing of the text: names
// of members in it are those of v.
func Decode(text []byte, v any, unknown UnknownMembers) error {
	switch {
	case !utf8.Valid(text):
		return fmt.Errorf("%w: not valid UTF-8", ErrJSON)
	case !json.Valid(text):
		return fmt.Errorf("%w: not JSON by RFC 8259", ErrJSON)
	case halfPair(text):
		return fmt.Errorf("%w: half a surrogate pair", ErrJSON)
	}
	w := walk{json.NewDecoder(bytes.NewReader(text)), unknown}
	w.in.UseNumber()
	if err := w.value(place{reflect.TypeOf(v), "", true}); err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) { // its text can hold the value
			return fmt.Errorf("%w: %v is of the wrong type", ErrJSON, place{typ: reflect.TypeOf(v)}.along(wrong.Field))
		}
		return fmt.Errorf("%w: a member cannot be read", ErrJSON)
	}
	return nil
}

// halfPair reports whether valid JSON escapes a surrogate without its other half, for which
// encoding/json silently reads U+FFFD.
func halfPair(text []byte) bool {
	escaped := func(at int) uint64 { // the code unit that is escaped there, or 0
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0
		}
		unit, _ := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		return unit
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		switch unit := escaped(i); {
		case unit>>10 == 0xD800>>10 && escaped(i+6)>>10 == 0xDC00>>10:
			i += 11
		case unit>>11 == 0xD800>>11:
			return true
		default:
			i++ // of two backslashes the second escapes nothing
		}
	}
	return false
}
