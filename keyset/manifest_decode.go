package keyset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// A decoder reads the one shape that a file of this package has. Package json alone
// takes the last of repeated members, and takes members in any letter case.
type decoder struct {
	raw []byte
	*json.Decoder
}

// line is where the decoder stands.
func (d *decoder) line() int {
	return 1 + bytes.Count(d.raw[:min(d.InputOffset(), int64(len(d.raw)))], []byte("\n"))
}

// file reads one object, and nothing after it.
func (d *decoder) file(to any, what string) error {
	if err := d.object(to); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("data after the " + what)
	}
	return nil
}

// object reads an object into the struct that to points to. Its members are those that
// package json writes, and those that it never leaves out must be there.
func (d *decoder) object(to any) error {
	fields, required := map[string]any{}, []string(nil)
	v := reflect.ValueOf(to).Elem()
	for n := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(n).Tag.Get("json"), ",")
		fields[name] = v.Field(n).Addr().Interface()
		if options == "" {
			required = append(required, name)
		}
	}
	seen, err := d.members(func(name string) error {
		field, ok := fields[name]
		if !ok {
			return errMember
		}
		return d.field(field)
	})
	if err != nil {
		return err
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return fmt.Errorf("member %q is missing", name)
		}
	}
	return d.expect('}')
}

// field reads what stands in a member.
func (d *decoder) field(to any) error {
	switch to := to.(type) {
	case *[]ManifestKey:
		return list(d, "key", to, func(k *ManifestKey) ID { return k.ID })
	case *[]Trace:
		return list(d, "trace", to, func(t *Trace) ID { return t.ID })
	case *Outcome:
		return d.object(to)
	case *map[ID]Usage:
		*to = map[ID]Usage{}
		if _, err := d.members(func(name string) error {
			var u Usage
			err := d.object(&u)
			(*to)[ID(name)] = u
			return err
		}); err != nil {
			return err
		}
		return d.expect('}')
	}
	return d.value(to)
}

// list reads an array of objects, each about a key, or a trace.
func list[T any](d *decoder, what string, to *[]T, id func(*T) ID) error {
	if err := d.expect('['); err != nil {
		return err
	}
	for d.More() {
		if len(*to) == maxManifestKeys {
			return fmt.Errorf("more than %d of them", maxManifestKeys)
		}
		var k T
		if err := d.object(&k); err != nil {
			return fmt.Errorf("%s number %d (%.64q): %w", what, len(*to)+1, id(&k), err)
		}
		*to = append(*to, k)
	}
	return d.expect(']')
}

var errMember = errors.New("unknown member")

// members reads the members of an object, each once, without its end. member reads the
// value.
func (d *decoder) members(member func(name string) error) (seen []string, err error) {
	if err := d.expect('{'); err != nil {
		return nil, err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if slices.Contains(seen, name) {
			return nil, fmt.Errorf("repeated member %.64q", name)
		}
		seen = append(seen, name)
		err = member(name)
		if err == errMember { // of this object, and of none within
			return nil, fmt.Errorf("%w %.64q", err, name)
		}
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", name, err)
		}
	}
	return seen, nil
}

// value reads one value. Package json takes null for anything.
func (d *decoder) value(to any) error {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	if string(raw) == "null" {
		return errors.New("null")
	}
	return json.Unmarshal(raw, to)
}

func (d *decoder) expect(delim json.Delim) error {
	t, err := d.Token()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if t != delim {
		return fmt.Errorf("%v where %v was expected", t, delim)
	}
	return nil
}
