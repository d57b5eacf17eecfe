package keyset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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

func (d *decoder) manifest() (*Manifest, error) {
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
		case "removed":
			return nil, d.removed(&m.Removed)
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

func (d *decoder) keys(keys *[]ManifestKey) error {
	return d.list(func(n int) error {
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
			case "digest":
				return &k.Digest, nil
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
		*keys = append(*keys, k)
		return about(n, k.ID, err)
	})
}

func (d *decoder) removed(all *[]Removal) error {
	return d.list(func(n int) error {
		var r Removal
		err := d.object(func(name string) (any, error) {
			switch name {
			case "id":
				return &r.ID, nil
			case "at":
				return &r.At, nil
			case "reason":
				return &r.Reason, nil
			}
			return nil, errMember
		}, "id", "at", "reason")
		*all = append(*all, r)
		return about(n, r.ID, err)
	})
}

func about(n int, id ID, err error) error {
	if err != nil {
		err = fmt.Errorf("key number %d (%.64q): %w", n+1, id, err)
	}
	return err
}

// list reads an array of keys, each with f.
func (d *decoder) list(f func(n int) error) error {
	if err := d.expect('['); err != nil {
		return err
	}
	for n := 0; d.More(); n++ {
		if n == maxManifestKeys {
			return fmt.Errorf("more than %d keys", maxManifestKeys)
		}
		if err := f(n); err != nil {
			return err
		}
	}
	return d.expect(']')
}

// report reads a [Report].
func (d *decoder) report() (Report, error) {
	var p Report
	err := d.object(func(name string) (any, error) {
		switch name {
		case "replica":
			return &p.Replica, nil
		case "made":
			return &p.Made, nil
		case "ended":
			return &p.Ended, nil
		case "outcome":
			return nil, d.outcome(&p.Outcome)
		case "usage":
			p.Usage = map[ID]Usage{}
			return nil, d.object(func(name string) (any, error) {
				u, err := d.usage()
				p.Usage[ID(name)] = u
				return nil, err
			})
		}
		return nil, errMember
	}, "replica", "made", "usage")
	if err != nil {
		return Report{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Report{}, errors.New("data after the report")
	}
	return p, nil
}

func (d *decoder) usage() (Usage, error) {
	var u Usage
	err := d.object(func(name string) (any, error) {
		switch name {
		case "since":
			return &u.Since, nil
		case "sealed":
			return &u.Sealed, nil
		case "opened":
			return &u.Opened, nil
		case "unsigned":
			return &u.Unsigned, nil
		case "last_sealed":
			return &u.LastSealed, nil
		case "first_opened":
			return &u.FirstOpened, nil
		case "last_opened":
			return &u.LastOpened, nil
		case "last_unsigned":
			return &u.LastUnsigned, nil
		case "resealed":
			return &u.Resealed, nil
		}
		return nil, errMember
	}, "since", "sealed", "opened")
	return u, err
}

func (d *decoder) outcome(o *Outcome) error {
	return d.object(func(name string) (any, error) {
		switch name {
		case "revision":
			return &o.Revision, nil
		case "changed":
			return &o.Changed, nil
		case "revoked":
			return &o.Revoked, nil
		case "refused":
			return &o.Refused, nil
		}
		return nil, errMember
	}, "revision")
}

var errMember = errors.New("unknown member")

// object reads an object. field returns where to store the value of a member,
// or nil if it has read the value itself. The required members must be there.
func (d *decoder) object(field func(name string) (any, error), required ...string) error {
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
