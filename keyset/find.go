package keyset

import (
	"fmt"
	"path"
	"strings"
)

// minAffix is the shortest part of an ID that Find accepts, in characters.
const minAffix = 8

// Find returns the one key whose ID, Name, or Source is text, or whose ID
// begins or ends with it, at eight characters or more. Fingerprints of OpenPGP
// may be spelled as other programs do, in lower case and with spaces. Text may also
// be the address in a Name "Bank <keys@bank.example>", or the name of the file in a
// Source "file:keys/own-2027.asc", with or without its folder and its ending.
//
// A key whose ID is text is found whatever the others are called. Otherwise Find
// returns an error that lists the candidates unless there is exactly one: names
// are chosen by the owner of a key, who may have chosen the ID of another. The
// error wraps [ErrNotFound] if there is none.
func (s *Set) Find(text string) (Key, error) {
	if k, ok := s.Lookup(ID(text)); ok {
		return k, nil
	}
	id := text
	if s.format == OpenPGP {
		id = strings.ToUpper(strings.ReplaceAll(text, " ", ""))
		id = strings.TrimPrefix(id, "0X")
		if k, ok := s.Lookup(ID(id)); ok {
			return k, nil
		}
	}
	var found []*entry
	for _, e := range s.keys {
		own := string(e.info.ID)
		if text != "" && (e.info.Name == text || e.Source == text || address(e.info.Name) == text || isFile(e.Source, text)) ||
			len(id) >= minAffix && (strings.HasPrefix(own, id) || strings.HasSuffix(own, id)) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return Key{}, fmt.Errorf("%w: no ID, name, or source %.128q", ErrNotFound, text)
	case 1:
		return *found[0].Key, nil
	}
	var list strings.Builder
	for n, e := range found {
		if n != 0 {
			list.WriteString(", ")
		}
		fmt.Fprintf(&list, "%s %.64q (%v)", e.info.ID, e.info.Name, e.State)
	}
	return Key{}, fmt.Errorf("keyset: %.128q fits %d keys, name one by its ID: %s", text, len(found), &list)
}

// address is what stands in the angle brackets that end a User ID, or "".
func address(name string) string {
	_, rest, _ := strings.Cut(name, "<")
	in, ok := strings.CutSuffix(rest, ">")
	if !ok {
		return ""
	}
	return in
}

// isFile reports whether text names the file of a source, whose fragment is no part of it.
func isFile(source, text string) bool {
	name, ok := strings.CutPrefix(source, "file:")
	if !ok {
		return false
	}
	name, _, _ = strings.Cut(name, "#")
	base := path.Base(name)
	return text == name || text == base || text == strings.TrimSuffix(base, path.Ext(base))
}
