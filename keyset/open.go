package keyset

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// An Opener returns the material a manifest refers to. It must return an error
// wrapping [ErrUnavailable] if trying again later may help. See pgp.OpenFile and
// jwe.OpenFile for sources that begin with "file:", and [Schemes] for several.
type Opener func(ctx context.Context, k ManifestKey) (Material, error)

// Schemes returns an Opener that asks the one of the scheme of the source: what
// stands before the first colon.
func Schemes(openers map[string]Opener) Opener {
	return func(ctx context.Context, k ManifestKey) (Material, error) {
		scheme, _, _ := strings.Cut(k.Source, ":")
		open, ok := openers[scheme]
		if !ok || open == nil {
			return nil, fmt.Errorf("no opener for sources of scheme %.32q", scheme)
		}
		return open(ctx, k)
	}
}

// Open returns the set that m describes. Every key is opened with open, and the
// ID it reports must be the one in the manifest; a revoked key is not opened
// and enters as a [Tombstone]. If open is nil, no key is, and the set serves
// only to edit states. Private material is reduced to its public half if m is
// a manifest of public keys.
//
// The error lists every key that could not be opened, with its source. It wraps
// the errors of open.
func (m *Manifest) Open(ctx context.Context, open Opener) (*Set, error) {
	m = m.normal()
	if err := m.check(); err != nil {
		return nil, err
	}
	keys := make([]Key, len(m.Keys))
	var problems []error
	for n, k := range m.Keys {
		if k.State == Revoked || open == nil {
			keys[n] = k.key(m.tombstone(k))
			continue
		}
		material, err := m.open(ctx, k, open)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		keys[n] = k.key(material)
	}
	if len(problems) != 0 {
		return nil, errors.Join(problems...)
	}
	s, err := New(m.Revision, keys...)
	if err != nil {
		return nil, err
	}
	s.traces = slices.Clone(m.Traces)
	return s, nil
}

// pin is what RFC 7512, Section 2.4, has for a PIN in a URI. Openers refuse it, and no error
// repeats it.
var pin = regexp.MustCompile(`(?i)(pin-value=)[^;&?#]*`)

// shown is a source as errors show it.
func shown(source string) string {
	return fmt.Sprintf("%.128q", pin.ReplaceAllString(source, "${1}…"))
}

// open opens one key and compares what comes with what m says.
func (m *Manifest) open(ctx context.Context, k ManifestKey, open Opener) (Material, error) {
	material, err := open(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("keyset: key %s: open %s: %w", k.ID, shown(k.Source), err)
	}
	if isNil(material) || isTombstone(material) {
		return nil, fmt.Errorf("keyset: key %s: open %s: no key", k.ID, shown(k.Source))
	}
	if !m.Private {
		material = material.Public()
	}
	switch i := material.Info(); {
	case i.ID != k.ID:
		return nil, fmt.Errorf("keyset: key %s: open %s: it is another key, %.128s", k.ID, shown(k.Source), i.ID)
	case i.Format != m.Format:
		return nil, fmt.Errorf("keyset: key %s: open %s: it is for %s", k.ID, shown(k.Source), i.Format)
	case i.Private != m.Private:
		return nil, fmt.Errorf("keyset: key %s: open %s: its private half is missing", k.ID, shown(k.Source))
	}
	if k.Digest == "" {
		return material, nil
	}
	if d, ok := material.(Digester); !ok || d.Digest() != k.Digest {
		return nil, fmt.Errorf("%w: key %s: open %s; if a new copy is meant, give it another file, put the former one back, and Refresh, which compares them", ErrOtherCopy, k.ID, shown(k.Source))
	}
	return material, nil
}
