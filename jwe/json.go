package jwe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"
)

// The JSON serializations are read without decoding what is large: the members
// of the outermost object are found, and their strings taken as they stand. An
// escape in one of them is not base64url.

var (
	errMembers   = errors.New("members are missing, of the wrong type, or do not go together")
	errProtected = errors.New("a header parameter stands where nothing protects it, or in two places")
)

// mostMembers is more than any serialization has.
const mostMembers = 64

// isJSON reports whether a token is meant to be in JSON serialization: no
// compact one begins like that.
func isJSON(token []byte) bool { return bytes.HasPrefix(trimSpace(token), []byte("{")) }

func trimSpace(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// parseMembers returns the members of a JSON object as they stand. A name
// appears once, in one letter case, and not in another one than known ones.
func parseMembers(text []byte, known []string) (map[string][]byte, error) {
	text = trimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) || !utf8.Valid(text) || !json.Valid(text) {
		return nil, errNotObject
	}
	found, seen := map[string][]byte{}, map[string]bool{}
	var err error
	members(text, func(name string, value []byte) bool {
		folded := fold(name)
		switch {
		case len(found) == mostMembers:
			err = errMembers
		case seen[folded], variant(name, known):
			err = errTwice
		}
		found[name], seen[folded] = value, true
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// encodedMember returns a member that is a string in base64url, still encoded, or nil if
// there is none.
func encodedMember(m map[string][]byte, name string) ([]byte, error) {
	v, present := m[name]
	if !present {
		return nil, nil
	}
	if len(v) < 2 || v[0] != '"' {
		return nil, fmt.Errorf("%q: %w", name, errMembers)
	}
	return v[1 : len(v)-1 : len(v)-1], nil
}

// headerMember returns a member that is a header that nothing protects.
func headerMember(m map[string][]byte, name string) (map[string]any, error) {
	v, present := m[name]
	if !present {
		return nil, nil
	}
	if len(v) > maxHeader {
		return nil, fmt.Errorf("%q: %w", name, errTooLarge)
	}
	h, err := parseObject(v, interpreted, carried...)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	for _, p := range onlyProtected {
		if _, present := h[p]; present {
			return nil, fmt.Errorf("%q: %w", name, errProtected)
		}
	}
	return h, nil
}

// onlyProtected are parameters that have to be protected: RFC 7516, Sections
// 4.1.3 and 4.1.13, RFC 7515, Section 4.1.11, RFC 7797, Section 3.
var onlyProtected = []string{"crit", "zip", "b64"}

// listMember returns the elements of a member that is an array of objects.
func listMember(v []byte, known []string) ([]map[string][]byte, error) {
	if !bytes.HasPrefix(v, []byte("[")) {
		return nil, errMembers
	}
	var list []map[string][]byte
	var err error
	elements(v, func(value []byte) bool {
		if err = checkCount(len(list) + 1); err == nil {
			var m map[string][]byte
			m, err = parseMembers(value, known)
			list = append(list, m)
		}
		return err == nil
	})
	if err == nil && len(list) == 0 {
		err = errMembers
	}
	return list, err
}

// disjoint reports whether no parameter is in two headers: RFC 7516, Section
// 7.2.1.
func disjoint(headers ...map[string]any) bool {
	seen := map[string]bool{}
	for _, h := range headers {
		for name := range h {
			if seen[fold(name)] {
				return false
			}
			seen[fold(name)] = true
		}
	}
	return true
}

var sealedMembers = []string{
	"protected", "unprotected", "header", "encrypted_key", "iv", "aad", "ciphertext", "tag", "recipients",
}

// parseSealedJSON parses a JWE in general or flattened JSON serialization: RFC
// 7516, Section 7.2. The parameters of the shared unprotected header are those of every
// recipient.
func parseSealedJSON(text []byte) (*sealedToken, error) {
	m, err := parseMembers(text, sealedMembers)
	if err != nil {
		return nil, fmt.Errorf("not a JWE in JSON serialization: %w", err)
	}
	parts := map[string][]byte{}
	for _, name := range []string{"protected", "iv", "aad", "ciphertext", "tag"} {
		if parts[name], err = encodedMember(m, name); err != nil {
			return nil, err
		}
	}
	if len(parts["protected"]) == 0 || m["ciphertext"] == nil {
		return nil, errMembers
	}
	t := &sealedToken{encoding: inJSON, aad: parts["protected"], ciphertext: parts["ciphertext"], tag: parts["tag"]}
	if t.header, err = parseHeader(parts["protected"]); err != nil {
		return nil, err
	}
	if t.iv, err = decode(parts["iv"]); err != nil {
		return nil, err
	}
	if m["aad"] != nil { // RFC 7516, Section 5.1, step 14
		if _, err := decode(parts["aad"]); err != nil {
			return nil, err
		}
		t.aad = bytes.Join([][]byte{parts["protected"], parts["aad"]}, dot)
	}
	shared, err := headerMember(m, "unprotected")
	if err != nil {
		return nil, err
	}
	list := []map[string][]byte{m}
	if all, ok := m["recipients"]; ok {
		if m["header"] != nil || m["encrypted_key"] != nil {
			return nil, errMembers
		}
		if list, err = listMember(all, sealedMembers); err != nil {
			return nil, fmt.Errorf("recipients: %w", err)
		}
	}
	for _, one := range list {
		t.recipients = append(t.recipients, parseRecipient(t.header, shared, one))
	}
	return t, nil
}

// parseRecipient parses one recipient. What is wrong with it is no harm to another.
// The parameters of the shared unprotected header are as much worth as its own.
func parseRecipient(protected *header, shared map[string]any, m map[string][]byte) *recipient {
	r := &recipient{header: protected}
	own, err := headerMember(m, "header")
	if err == nil && !disjoint(protected.all, shared, own) {
		err = errProtected
	}
	if err == nil {
		all := maps.Clone(shared)
		if all == nil {
			all = own
		}
		maps.Copy(all, own)
		var h *header
		if h, err = protected.withRecipient(all); err == nil {
			r.header = h
		}
	}
	var key []byte
	if err == nil {
		key, err = encodedMember(m, "encrypted_key")
	}
	if err == nil {
		r.key, err = decode(key)
	}
	r.err = err
	return r
}

var signedMembers = []string{"payload", "protected", "header", "signature", "signatures"}

// parseSignedJSON parses a JWS in general or flattened JSON serialization: RFC
// 7515, Section 7.2. What is wrong with one signature is no harm to another.
func parseSignedJSON(text []byte) (*signedToken, error) {
	m, err := parseMembers(text, signedMembers)
	if err != nil {
		return nil, fmt.Errorf("not a JWS in JSON serialization: %w", err)
	}
	t := &signedToken{}
	if t.payload, err = encodedMember(m, "payload"); err != nil {
		return nil, err
	}
	if m["payload"] == nil {
		return nil, errMembers
	}
	list := []map[string][]byte{m}
	if all, ok := m["signatures"]; ok {
		if m["protected"] != nil || m["header"] != nil || m["signature"] != nil {
			return nil, errMembers
		}
		if list, err = listMember(all, signedMembers); err != nil {
			return nil, fmt.Errorf("signatures: %w", err)
		}
	}
	for _, one := range list {
		t.signatures = append(t.signatures, parseSignature(one))
	}
	return t, nil
}

// parseSignedMembers parses the parts of a compact JWS that are members of an object.
func parseSignedMembers(text []byte) (*signedToken, error) {
	m, err := parseMembers(text, []string{"header", "payload", "signature"})
	if err != nil {
		return nil, fmt.Errorf("not a JWS as an object of its parts: %w", err)
	}
	payload, err := encodedMember(m, "payload")
	if err != nil {
		return nil, err
	}
	s := parseSignature(map[string][]byte{"protected": m["header"], "signature": m["signature"]})
	return &signedToken{payload: payload, signatures: []*signature{s}}, s.err
}

func parseSignature(m map[string][]byte) *signature {
	s := &signature{}
	if s.protected, s.err = encodedMember(m, "protected"); s.err != nil {
		return s
	}
	if len(s.protected) == 0 {
		s.err = errProtected
		return s
	}
	protected, err := parseHeader(s.protected)
	if err != nil {
		s.err = err
		return s
	}
	own, err := headerMember(m, "header")
	if err == nil && !disjoint(protected.all, own) {
		err = errProtected
	}
	if err != nil {
		s.err = err
		return s
	}
	s.header = protected.withHints(own)
	octets, err := encodedMember(m, "signature")
	if err != nil {
		s.err = err
		return s
	}
	s.octets, s.err = decode(octets)
	return s
}
