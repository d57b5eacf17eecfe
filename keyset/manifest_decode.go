package keyset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A manifestDecoder reads the one shape that a manifest has. Package json alone
// takes the last of repeated members, and takes members in any letter case.
type manifestDecoder struct {
	raw []byte
	*json.Decoder
}

// line is where the decoder stands.
func (d *manifestDecoder) line() int {
	return 1 + bytes.Count(d.raw[:min(d.InputOffset(), int64(len(d.raw)))], []byte("\n"))
}

func (d *manifestDecoder) manifest() (*Manifest, error) {
	var m Manifest
	err := d.object(func(name string) (any, error) {
		switch name {
		case "version":
			return &m.Version, nil
		case "revision":
			return &m.Revision, nil
		case "format":
			return &m.Format, nil
		case "private":
			return &m.Private, nil
		case "keys":
			return nil, d.keys(&m.Keys)
		}
		return nil, errMember
	}, "version", "revision", "format", "private", "keys")
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("data after the manifest")
	}
	return &m, nil
}

func (d *manifestDecoder) keys(keys *[]ManifestKey) error {
	if err := d.expect('['); err != nil {
		return err
	}
	for d.More() {
		if len(*keys) == maxManifestKeys {
			return fmt.Errorf("more than %d keys", maxManifestKeys)
		}
		var k ManifestKey
		err := d.object(func(name string) (any, error) {
			switch name {
			case "id":
				return &k.ID, nil
			case "name":
				return &k.Name, nil
			case "use":
				return &k.Use, nil
			case "state":
				return &k.State, nil
			case "since":
				return &k.Since, nil
			case "source":
				return &k.Source, nil
			case "not_before":
				return &k.NotBefore, nil
			case "not_after":
				return &k.NotAfter, nil
			case "evidence":
				return &k.Evidence, nil
			case "note":
				return &k.Note, nil
			}
			return nil, errMember
		}, "id", "state")
		if err != nil {
			return fmt.Errorf("key number %d (%.64q): %w", len(*keys)+1, k.ID, err)
		}
		*keys = append(*keys, k)
	}
	return d.expect(']')
}

var errMember = errors.New("unknown member")

// object reads an object. field returns where to store the value of a member,
// or nil if it has read the value itself. The required members must be there.
func (d *manifestDecoder) object(field func(name string) (any, error), required ...string) error {
	if err := d.expect('{'); err != nil {
		return err
	}
	var seen []string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if slices.Contains(seen, name) {
			return fmt.Errorf("repeated member %.64q", name)
		}
		seen = append(seen, name)
		to, err := field(name)
		if err == nil && to != nil {
			err = d.value(to)
		}
		if errors.Is(err, errMember) {
			return fmt.Errorf("%w %.64q", err, name)
		}
		if err != nil {
			return fmt.Errorf("member %q: %w", name, err)
		}
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return fmt.Errorf("member %q is missing", name)
		}
	}
	return d.expect('}')
}

// value reads one value. Package json takes null for anything.
func (d *manifestDecoder) value(to any) error {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	if string(raw) == "null" {
		return errors.New("null")
	}
	return json.Unmarshal(raw, to)
}

func (d *manifestDecoder) expect(delim json.Delim) error {
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
