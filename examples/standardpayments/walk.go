package standardpayments

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A walk holds the members of valid JSON against the fields of a type.
type walk struct {
	in      *json.Decoder
	unknown UnknownMembers
}

// A place is where a value stands: in which field, if any.
type place struct {
	typ      reflect.Type // nil if there is nothing to hold the value against
	name     string       // for errors, made of the names of fields
	required bool         // null is not enough
}

func (p place) String() string {
	if p.name == "" {
		return "the request"
	}
	return p.name
}

// in is the place of what the field holds.
func (p place) in(f place) place {
	f.name = strings.TrimPrefix(p.name+"."+f.name, ".")
	return f
}

// along is the place that the path of encoding/json leads to, as far as it goes by fields.
// From Go 1.27 on the path has the places in arrays, and the names in maps, which the
// sender chose.
func (p place) along(path string) place {
	for path != "" {
		name, rest, _ := strings.Cut(path, ".")
		switch p.typ = shape(p.typ); {
		case p.typ == nil:
			return p
		case p.typ.Kind() == reflect.Struct:
			f, known := fieldsOf(p.typ)[name]
			if !known {
				return p
			}
			p = p.in(f)
		case p.typ.Kind() == reflect.Slice || p.typ.Kind() == reflect.Array:
			p.typ = p.typ.Elem()
			if _, err := strconv.Atoi(name); err != nil {
				continue
			}
		default:
			return p
		}
		path = rest
	}
	return p
}

// value walks over one value, and all that is in it.
func (w *walk) value(p place) error {
	token, err := w.in.Token()
	if err != nil {
		return err
	}
	p.typ = shape(p.typ)
	switch token {
	case json.Delim('{'):
		err = w.object(p)
	case json.Delim('['):
		each := place{elem(p.typ, reflect.Slice, reflect.Array), p.name, p.typ != nil}
		for err == nil && w.in.More() {
			err = w.value(each)
		}
	case nil:
		if p.required {
			return fmt.Errorf("%v is null", p)
		}
		return nil
	default:
		return nil
	}
	if err == nil {
		_, err = w.in.Token() // the end
	}
	return err
}

func (w *walk) object(p place) error {
	each := place{elem(p.typ, reflect.Map), p.name, false}
	isStruct := p.typ != nil && p.typ.Kind() == reflect.Struct
	fields := map[string]place{}
	if isStruct {
		fields = fieldsOf(p.typ)
	}
	seen := map[string]bool{}
	for w.in.More() {
		token, err := w.in.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("a member stands twice in %v", p)
		}
		seen[name] = true
		at := each
		if f, known := fields[name]; known {
			at = p.in(f)
		} else if isStruct {
			if err := w.stranger(p, fields, name); err != nil {
				return err
			}
		}
		if err := w.value(at); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if f := fields[name]; f.required && !seen[name] {
			return fmt.Errorf("%v is missing", p.in(f))
		}
	}
	return nil
}

// stranger judges a member that the type does not have.
func (w *walk) stranger(p place, fields map[string]place, name string) error {
	for known := range fields {
		if strings.EqualFold(known, name) { // encoding/json would read it as the field
			return fmt.Errorf("%v is spelled in another case", p.in(fields[known]))
		}
	}
	if w.unknown == RefuseUnknown {
		return fmt.Errorf("an unknown member in %v", p)
	}
	return nil
}

// fieldsOf returns the fields of a struct, those of embedded structs among them, by their
// names in JSON.
func fieldsOf(t reflect.Type) map[string]place {
	fields := map[string]place{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" || !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[name] = place{f.Type, name, !strings.Contains(options, "omit")}
	}
	return fields
}

// shape is the type whose fields or elements a value is held against, or nil for one that
// reads itself.
func shape(t reflect.Type) reflect.Type {
	for t != nil {
		p := reflect.PointerTo(t)
		if p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			return nil
		}
		if t.Kind() != reflect.Pointer {
			return t
		}
		t = t.Elem()
	}
	return nil
}

// elem is the type of the elements of t, if it is of one of the kinds.
func elem(t reflect.Type, kinds ...reflect.Kind) reflect.Type {
	if t == nil || !slices.Contains(kinds, t.Kind()) {
		return nil
	}
	return t.Elem()
}
