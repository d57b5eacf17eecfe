package keyset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A ManifestError is the error of [ReadManifest] for bytes that are no manifest.
type ManifestError struct {
	Line int // where the bytes cannot be read further; zero if they can, and say what cannot be

	// Revoked are the keys of which a complete entry says that they are revoked:
	// an emergency must not wait for a comma. Give them to [Ring.RevokeAll]. An
	// entry counts if it is whole, has exactly one ID and one state, and is the
	// only one with its ID.
	Revoked []ID

	Err error // what is wrong
}

// Error says where and what.
func (e *ManifestError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("keyset: manifest: line %d: %v", e.Line, e.Err)
}

// Unwrap returns Err.
func (e *ManifestError) Unwrap() error { return e.Err }

// salvage returns the keys that bytes revoke that are no manifest.
//
// Every position outside of a string at which an object begins is tried. Inside of a
// string no object can be read: its quotation marks are escaped there.
func salvage(raw []byte) []ID {
	count, revoked := map[ID]int{}, []ID(nil)
	format := OpenPGP
	if !bytes.Contains(raw, []byte(`"`+string(OpenPGP)+`"`)) {
		format = JOSE
	}
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = endOfString(raw, i)
		case '{':
			id, state, size := entryAt(raw[i:])
			if size == 0 {
				continue
			}
			id = normal(format, id)
			if count[id]++; state == Revoked && printable(id) {
				revoked = append(revoked, id)
			}
			i += size - 1
		}
	}
	var once []ID
	for _, id := range revoked {
		if count[id] == 1 {
			once = append(once, id)
		}
	}
	return once
}

// endOfString returns the position of the quotation mark that ends the string.
func endOfString(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}

// entryAt reads a flat object with exactly one ID and one state, whatever else it
// has. The size is zero if there is none.
func entryAt(raw []byte) (id ID, state State, size int) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", 0, 0
	}
	ids, states := 0, 0
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return "", 0, 0
		}
		name, _ := t.(string)
		value, err := d.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return "", 0, 0
		}
		text, _ := value.(string)
		// Members that differ in case are doubles too.
		switch {
		case strings.EqualFold(name, "id"):
			id, ids = ID(text), ids+1
		case strings.EqualFold(name, "state"):
			states++
			if err := state.UnmarshalText([]byte(text)); err != nil {
				state = 0
			}
		}
	}
	if _, err := d.Token(); err != nil || ids != 1 || states != 1 {
		return "", 0, 0
	}
	return id, state, int(d.InputOffset())
}
