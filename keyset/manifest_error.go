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
func salvage(raw []byte) []ID {
	count, revoked := map[ID]int{}, []ID(nil)
	for _, e := range salvaged(raw) {
		if count[e.id]++; e.state == Revoked && printable(e.id) {
			revoked = append(revoked, e.id)
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

// A piece is a complete entry of bytes that may be no manifest: a flat object with
// exactly one ID and one state, whatever else it has.
type piece struct {
	id       ID
	state    State // zero if it is none
	from, to int   // where the value of the state stands
}

// salvaged returns the complete entries.
//
// Every position outside of a string at which an object begins is tried. Inside of a
// string no object can be read: its quotation marks are escaped there.
func salvaged(raw []byte) (all []piece) {
	format := formatOf(raw)
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = endOfString(raw, i)
		case '{':
			e, size := pieceAt(raw[i:])
			if size == 0 {
				continue
			}
			e.id, e.from, e.to = normal(format, e.id), e.from+i, e.to+i
			all = append(all, e)
			i += size - 1
		}
	}
	return all
}

// formatOf guesses how IDs are spelled in bytes that are no manifest.
func formatOf(raw []byte) Format {
	if bytes.Contains(raw, []byte(`"`+string(OpenPGP)+`"`)) {
		return OpenPGP
	}
	return JOSE
}

// endOfString returns the position of the quotation mark that ends the string, or of
// the end of the line if the string is torn: JSON has no string of two lines.
func endOfString(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"' && raw[i] != '\n'; i++ {
		if raw[i] == '\\' && i+1 < len(raw) && raw[i+1] != '\n' {
			i++
		}
	}
	return i
}

// pieceAt reads a piece. The size is zero if there is none.
func pieceAt(raw []byte) (e piece, size int) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return piece{}, 0
	}
	ids, states := 0, 0
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return piece{}, 0
		}
		name, _ := t.(string)
		colon := int(d.InputOffset())
		value, err := d.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return piece{}, 0
		}
		text, _ := value.(string)
		// Members that differ in case are doubles too.
		switch {
		case strings.EqualFold(name, "id"):
			e.id, ids = ID(text), ids+1
		case strings.EqualFold(name, "state"):
			states++
			e.to = int(d.InputOffset())
			e.from = e.to - len(bytes.TrimLeft(raw[colon:e.to], ": \t\r\n"))
			if err := e.state.UnmarshalText([]byte(text)); err != nil {
				e.state = 0
			}
		}
	}
	if _, err := d.Token(); err != nil || ids != 1 || states != 1 {
		return piece{}, 0
	}
	return e, int(d.InputOffset())
}
