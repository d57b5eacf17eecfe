package keyset

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// revokeIn returns the bytes with the key revoked, whatever else is wrong with them: an
// emergency must not wait for a comma.
//
// In bytes that are no manifest the state is replaced in the entry of the key, or, if
// they have no complete entry of it, an entry that says no more is added at the end.
// Nothing else changes, and nothing is repaired: they can be read no better than before,
// but whoever follows them takes the revocation; see [ManifestError]. What is returned is
// held against what a follower reads in it: the revocations of before, and this one.
//
// id is the whole ID: what a part of it or a name means cannot be told there.
func revokeIn(raw []byte, id ID) ([]byte, error) {
	m, err := ReadManifest(bytes.NewReader(raw))
	if err == nil {
		return m.revoking(id)
	}
	var broken *ManifestError
	if !errors.As(err, &broken) {
		return nil, err
	}
	id = normal(formatOf(raw), id)
	if slices.Contains(broken.Revoked, id) {
		return raw, nil
	}
	want := append(slices.Clone(broken.Revoked), id)
	slices.Sort(want)
	var entries []piece
	for _, e := range salvaged(raw) {
		if e.id == id {
			entries = append(entries, e)
		}
	}
	var next []byte
	switch {
	case len(entries) == 1:
		next = slices.Concat(raw[:entries[0].from], []byte(`"revoked"`), raw[entries[0].to:])
	case len(entries) > 1:
		return nil, fmt.Errorf("key %s is listed %d times; leave one entry: %w", id, len(entries), err)
	case broken.Line == 0:
		return nil, fmt.Errorf("%w: %.128q: %w", ErrNotFound, id, err)
	case !whole(formatOf(raw), id):
		return nil, fmt.Errorf("no complete entry has the ID %.128q; give the whole ID: %w", id, err)
	default:
		next = fmt.Appendf(bytes.TrimRight(slices.Clone(raw), "\n"), "\n{\"id\": %q, \"state\": \"revoked\"}\n", string(id))
	}
	got := revokedBy(next)
	if slices.Sort(got); !slices.Equal(got, want) || len(next) > maxManifest {
		return nil, fmt.Errorf("the revocation of key %s would not be read: %w", id, err)
	}
	return next, nil
}

// revoking returns the bytes of m with the key revoked.
func (m *Manifest) revoking(id ID) ([]byte, error) {
	id = normal(m.Format, id)
	n := slices.IndexFunc(m.Keys, func(k ManifestKey) bool { return k.ID == id })
	switch {
	case n < 0:
		return nil, fmt.Errorf("%w: %.128q", ErrNotFound, id)
	case m.Keys[n].State != Revoked:
		m.Keys[n].State, m.Keys[n].Since = Revoked, clock()
		if m.Revision != math.MaxUint64 { // no revision must keep a stolen key in use
			m.Revision++
		}
	}
	return m.encode()
}

// whole reports whether id is one as this module makes them: all of a fingerprint, or a
// SHA-256 thumbprint.
func whole(f Format, id ID) bool {
	if f == OpenPGP {
		return len(bareHex(id)) == 40 || len(bareHex(id)) == 64
	}
	return len(id) == 43 && strings.Trim(string(id), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
