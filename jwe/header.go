package jwe

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sealwax/sealwax/keyset"
)

// Errors about headers quote nothing of them: that of a JWS was decrypted.
var (
	errNotObject = errors.New("not a JSON object")
	errNested    = fmt.Errorf("nested more than %d deep", maxNested)
	errTwice     = errors.New("a member appears twice, or in two letter cases")
)

// A header is the protected header of a JWE or a JWS. JSON serialization has
// others, of which only this is taken: of a recipient, what is needed to unwrap
// its key, which nothing can protect that is in a message to several; and of a
// signature, hints at its key.
type header struct {
	all      map[string]any // the protected parameters, as encoding/json decodes them
	own      map[string]any // those of the recipient
	alg, enc Algorithm
	zip      bool   // whether what is encrypted is compressed
	kid, x5t string // hints, perhaps empty
}

// contextParameter holds the context of a conversation. RFC 7515, Section 4.3,
// leaves its name to the two parties.
const contextParameter = "sealwax-context"

// interpreted are the parameters that mean something here. One that differs
// from them only in its letter case is a trick or a mistake.
var interpreted = []string{
	"alg", "enc", "zip", "kid", "typ", "cty", "crit", "b64", "epk", "apu", "apv", "p2s", "p2c",
	"jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "iss", "aud", "iat", "jti", contextParameter,
}

func parseHeader(part []byte) (*header, error) {
	if decodedLen(part) > maxHeader {
		return nil, fmt.Errorf("header: %w", errTooLarge)
	}
	text, err := decode(part)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	h := &header{}
	if h.all, err = parseObject(text, interpreted, carried...); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for name, v := range h.all {
		if err := h.take(name, v); err != nil {
			return nil, err
		}
	}
	zip, compressed := h.all["zip"]
	if h.zip = compressed; compressed && zip != "DEF" {
		return nil, errors.New(`header: an unknown "zip"`)
	}
	return h, nil
}

// take takes a parameter that is interpreted here, and that is a string.
func (h *header) take(name string, v any) error {
	var to *string
	switch name {
	case "alg":
		to = (*string)(&h.alg)
	case "enc":
		to = (*string)(&h.enc)
	case "kid":
		to = &h.kid
	case "x5t#S256":
		to = &h.x5t
	case "x5t", "typ", "cty", "zip":
	default:
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("header: %q is not a string", name)
	}
	if to != nil {
		*to = s
	}
	return nil
}

// withRecipient returns h with what a recipient says of its key. The caller
// has seen that no parameter is in both.
func (h *header) withRecipient(own map[string]any) (*header, error) {
	if len(own) == 0 {
		return h, nil
	}
	out := *h
	out.own = own
	for _, name := range []string{"alg", "kid", "x5t#S256"} {
		if v, present := own[name]; present {
			if err := out.take(name, v); err != nil {
				return nil, err
			}
		}
	}
	return &out, nil
}

// withHints returns h with the names of the key that stand beside a signature.
func (h *header) withHints(own map[string]any) *header {
	out := *h
	for name, p := range map[string]*string{"kid": &out.kid, "x5t#S256": &out.x5t} {
		if s, ok := own[name].(string); ok {
			*p = s
		}
	}
	return &out
}

// parameter returns a parameter of a recipient.
func (h *header) parameter(name string) (any, bool) {
	if v, ok := h.all[name]; ok {
		return v, true
	}
	v, ok := h.own[name]
	return v, ok
}

// carried are parameters that bring their own key, or the place of one: RFC 8725,
// Section 3.10. They are refused, whatever they say, unless a waiver has them ignored.
// In no case are they parsed.
var carried = []string{"jwk", "jku", "x5c", "x5u"}

// refused are parameters that ask for what is not done here: RFC 8725, Section 3.1.
var refused = []string{"crit", "b64", "p2s", "p2c"}

// forbidden returns an error if the header asks for what is not allowed.
func (e *Envelope) forbidden(h *header) error {
	for _, name := range refused {
		if _, ok := h.all[name]; ok {
			return fmt.Errorf("header parameter %q", name)
		}
	}
	for _, name := range carried {
		if _, ok := h.all[name]; ok && !e.waived.carried {
			return fmt.Errorf("header parameter %q, which InsecureCarriedKeys can have ignored", name)
		}
	}
	return nil
}

// carries reports whether there is anything to ignore.
func (h *header) carries() bool {
	return slices.ContainsFunc(carried, func(name string) bool { _, ok := h.all[name]; return ok })
}

// names reports whether the header names the key. It is a hint and decides
// only what is tried first, so letter case does not matter.
func (h *header) names(entry keyset.Key) bool {
	info := entry.Material.Info()
	if h.kid != "" && (strings.EqualFold(h.kid, info.Name) || h.kid == string(info.ID)) {
		return true
	}
	k, ok := entry.Material.(*Key)
	return ok && slices.ContainsFunc(k.hints, func(hint string) bool {
		return strings.EqualFold(h.kid, hint) || strings.EqualFold(h.x5t, hint)
	})
}

// message returns what goes into [envelope.Message].Header.
func (h *header) message() map[string]any {
	out := make(map[string]any, len(h.all))
	for name, v := range h.all {
		switch name {
		case "alg", "enc", "zip", "kid", "epk", "apu", "apv", "x5t", "x5t#S256", "jwk", "jku", "x5c", "x5u":
		default:
			out[name] = v
		}
	}
	return out
}

// parseObject decodes one JSON object: nothing after it, no member twice in
// any object, no letter-case variants of each other or of the known names, no
// invalid UTF-8. encoding/json alone is lenient in all of these. Members to omit are
// there, and nil.
func parseObject(text []byte, known []string, omit ...string) (map[string]any, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errNotObject
	}
	text = trimSpace(text)
	if text[0] != '{' {
		return nil, errNotObject
	}
	object, err := parseMap(text, 1, omit...)
	if err != nil {
		return nil, err
	}
	for name := range object {
		if variant(name, known) {
			return nil, errTwice
		}
	}
	return object, nil
}

// variant reports whether a name is not a known one, and differs from one of them only in
// its letter case. Of the known names themselves no two do.
func variant(name string, known []string) bool {
	return !slices.Contains(known, name) && slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(name, k) })
}

// parseValue decodes a value that is known to be valid JSON.
func parseValue(text []byte, depth int) (any, error) {
	switch text[0] {
	case '{', '[':
		if depth++; depth > maxNested {
			return nil, errNested
		}
		if text[0] == '[' {
			return parseArray(text, depth)
		}
		return parseMap(text, depth)
	case '"':
		return unquote(text), nil
	case 't', 'f':
		return text[0] == 't', nil
	case 'n':
		return nil, nil
	}
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return nil, errNotObject // one that does not fit
	}
	if math.Abs(number) >= 1<<53 { // not every digit of it fits
		return json.Number(text), nil
	}
	return number, nil
}

func parseArray(text []byte, depth int) (list []any, err error) {
	list = []any{}
	elements(text, func(value []byte) bool {
		var v any
		v, err = parseValue(value, depth)
		list = append(list, v)
		return err == nil
	})
	return list, err
}

func parseMap(text []byte, depth int, omit ...string) (object map[string]any, err error) {
	object = map[string]any{}
	var seen map[string]bool // what names that are not folded are without their letter case
	members(text, func(name string, value []byte) bool {
		folded := fold(name)
		if _, there := object[folded]; there || seen[folded] {
			err = errTwice
			return false
		}
		if folded != name {
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[folded] = true
		}
		if slices.Contains(omit, name) {
			object[name] = nil
			return true
		}
		object[name], err = parseValue(value, depth)
		return err == nil
	})
	return object, err
}

// fold makes names equal that differ only in their letter case.
func fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= 0x80 || c >= 'A' && c <= 'Z' {
			return strings.ToLower(strings.ToUpper(name))
		}
	}
	return name
}
