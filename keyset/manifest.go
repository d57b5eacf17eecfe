package keyset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Manifest is a set as it is stored: everything but the keys themselves. It
// holds no secrets and is meant to be read, compared, and reviewed. Whoever can
// write it decides whom the program trusts.
//
//	{
//	  "version": 1,
//	  "revision": 12,
//	  "format": "openpgp",
//	  "private": true,
//	  "keys": [
//	    {"id": "8A1C…", "name": "Example Bank 2027", "use": "signing+encryption",
//	     "state": "active", "source": "file:own-2027.asc", "digest": "5f0c…",
//	     "not_after": "2028-01-01T00:00:00Z", "evidence": "echo 2026-12-03"},
//	    {"id": "04D7…", "state": "retiring", "source": "kms:own-2026"}
//	  ]
//	}
//
// Times are RFC 3339 in UTC. The order of keys is their preference. IDs of OpenPGP
// are whole fingerprints, and may be spelled as other programs do: in lower case,
// with spaces, or after 0x. Those of JOSE are thumbprints, letter by letter. An addition
// to this format in a later release has another version, and [Manifest.WriteTo]
// writes the lowest version that can hold the content, so that a release can be
// rolled back.
type Manifest struct {
	Version  int           `json:"version"` // 1
	Revision uint64        `json:"revision"`
	Format   Format        `json:"format"`
	Private  bool          `json:"private"`
	Keys     []ManifestKey `json:"keys"`
	Traces   []Trace       `json:"traces,omitempty"` // oldest first
}

// A Trace is what is left of a person's word that stood for a question: of a key that
// [Ring.RemoveUnchecked] removed without asking how it was used, or of a replica that
// [Ring.Forget] lets nobody wait for. It is for people, and decides nothing: the key,
// or the replica, may come back.
type Trace struct {
	ID      ID        `json:"id,omitempty"`      // the key, if it is about one
	Replica string    `json:"replica,omitempty"` // the replica, if it is about one
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
}

func (t Trace) check() error {
	switch {
	case (t.ID == "") == (t.Replica == ""):
		return errors.New("it names neither a key nor a replica, or both")
	case t.ID != "" && !printable(t.ID):
		return fmt.Errorf("the ID %.64q is not printable", t.ID)
	case t.Replica != "" && checkReplica(t.Replica) != nil:
		return checkReplica(t.Replica)
	case t.At.IsZero():
		return errors.New("it has no time")
	case strings.TrimSpace(t.Reason) == "":
		return errors.New("it has no reason")
	}
	return nil
}

func (t Trace) same(u Trace) bool {
	return t.ID == u.ID && t.Replica == u.Replica && t.At.Equal(u.At) && t.Reason == u.Reason
}

// A ManifestKey is one key of a [Manifest].
type ManifestKey struct {
	ID    ID     `json:"id"`
	Name  string `json:"name,omitempty"` // in JOSE the "kid" that is written and read
	Use   string `json:"use,omitempty"`  // as [Use] prints
	State State  `json:"state"`

	// Since is when the key entered its state, if that is known.
	Since time.Time `json:"since,omitzero"`

	Source string `json:"source,omitempty"`

	// Digest says which copy of the key is meant, as [Digester] does. A source
	// that holds another copy is refused. Without a digest every new revision
	// opens every source again.
	Digest string `json:"digest,omitempty"`

	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	Evidence  string    `json:"evidence,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// Bounds on a manifest.
const (
	manifestVersion = 1
	maxManifest     = 1 << 20 // bytes
	maxManifestKeys = 4096    // revoked ones stay in it for ever
	maxTraces       = 256     // newest traces that are kept
)

// ReadManifest reads one manifest of at most 1 MiB from r.
//
// It is strict: unknown members, repeated members, members that differ only in
// case, trailing data, and versions other than 1 are errors, and so is what
// cannot be a set: no keys, repeated or unprintable IDs, parts of fingerprints,
// missing or unknown states, reversed bounds. The error is a [*ManifestError], which
// says at which line, and for which key.
func ReadManifest(r io.Reader) (*Manifest, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("keyset: manifest: %w", err)
	}
	if len(raw) > maxManifest {
		return nil, fmt.Errorf("keyset: manifest: larger than %d bytes", maxManifest)
	}
	d := &decoder{raw: raw, Decoder: json.NewDecoder(bytes.NewReader(raw))}
	var read Manifest
	if err := d.file(&read, "manifest"); err != nil {
		return nil, &ManifestError{Line: d.line(), Revoked: salvage(raw), Err: err}
	}
	m := read.normal()
	if err := m.check(); err != nil {
		return nil, &ManifestError{Revoked: m.revoked(), Err: err}
	}
	return m, nil
}

// normal returns a copy of m with IDs in the spelling of this package.
func (m *Manifest) normal() *Manifest {
	c := *m
	c.Keys = slices.Clone(m.Keys)
	for n := range c.Keys {
		c.Keys[n].ID = normal(m.Format, c.Keys[n].ID)
	}
	c.Traces = slices.Clone(m.Traces)
	for n := range c.Traces {
		c.Traces[n].ID = normal(m.Format, c.Traces[n].ID)
	}
	return &c
}

// revoked lists the keys that m revokes. A key that it lists twice is not among
// them: what it says of the key is not clear, and a revocation is for ever.
func (m *Manifest) revoked() []ID {
	count := map[ID]int{}
	for _, k := range m.Keys {
		count[k.ID]++
	}
	var ids []ID
	for _, k := range m.Keys {
		if k.State == Revoked && count[k.ID] == 1 && printable(k.ID) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// check returns everything that is wrong with a manifest that was read or made.
func (m *Manifest) check() error {
	var problems []error
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("keyset: manifest: "+format, args...))
	}
	if m.Version != manifestVersion {
		problem("version %d, and only %d is known", m.Version, manifestVersion)
	}
	if m.Format != OpenPGP && m.Format != JOSE {
		problem("unknown format %.32q", m.Format)
	}
	if len(m.Keys) == 0 {
		problem("no keys")
	}
	if len(m.Keys) > maxManifestKeys {
		problem("%d keys, at most %d", len(m.Keys), maxManifestKeys)
	}
	live := 0
	seen := make(map[ID]bool, len(m.Keys))
	for n, k := range m.Keys {
		switch {
		case !printable(k.ID):
			problem("key number %d: the ID %.64q is empty or not printable", n+1, k.ID)
		case seen[k.ID]:
			problem("key %s: listed twice", k.ID)
		case m.Format == OpenPGP && partial(k.ID):
			problem("key %s: this is a part of a fingerprint; write all 40 or 64 digits", k.ID)
		}
		if k.Digest != "" && !isDigest(k.Digest) {
			problem("key %s: the digest %.64q is not 64 digits of hexadecimal in lower case", k.ID, k.Digest)
		}
		seen[k.ID] = true
		if !k.State.valid() {
			problem("key %s: no state", k.ID)
		}
		if _, err := parseUse(k.Use); err != nil {
			problem("key %s: %w", k.ID, err)
		}
		if !k.NotBefore.IsZero() && !k.NotAfter.IsZero() && k.NotAfter.Before(k.NotBefore) {
			problem("key %s: it ends before it begins", k.ID)
		}
		if k.State != Revoked {
			live++
		}
	}
	if len(m.Traces) > maxManifestKeys {
		problem("%d traces, at most %d", len(m.Traces), maxManifestKeys)
	}
	for n, t := range m.Traces {
		if err := t.check(); err != nil {
			problem("trace number %d: %w", n+1, err)
		}
	}
	if live > MaxKeys {
		problem("%d keys that are not revoked, at most %d make a set", live, MaxKeys)
	}
	return errors.Join(problems...)
}

func parseUse(text string) (Use, error) {
	for _, u := range []Use{0, Signing, Encryption, Signing | Encryption} {
		if text == "" || text == u.String() {
			return u, nil
		}
	}
	return 0, fmt.Errorf("unknown use %.32q", text)
}

// WriteTo writes m as indented JSON. Equal manifests produce equal bytes. It
// returns an error, and writes nothing, if [ReadManifest] would refuse m.
func (m *Manifest) WriteTo(w io.Writer) (int64, error) {
	raw, err := m.encode()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(raw)
	return int64(n), err
}

func (m *Manifest) encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	c := *m
	c.Keys = make([]ManifestKey, len(m.Keys))
	for n, k := range m.Keys {
		for _, t := range []*time.Time{&k.Since, &k.NotBefore, &k.NotAfter} {
			*t = t.UTC().Round(0)
		}
		c.Keys[n] = k
	}
	c.Traces = slices.Clone(m.Traces)
	for n := range c.Traces {
		c.Traces[n].At = c.Traces[n].At.UTC().Round(0)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a name such as "Bank <keys@bank.example>" is for people
	e.SetIndent("", "  ")
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("keyset: manifest: %w", err)
	}
	if b.Len() > maxManifest {
		return nil, fmt.Errorf("keyset: manifest: larger than %d bytes", maxManifest)
	}
	return b.Bytes(), nil
}

// Manifest returns the manifest of s.
func (s *Set) Manifest() *Manifest {
	m := &Manifest{Version: manifestVersion, Revision: s.revision, Format: s.format, Private: s.private, Traces: slices.Clone(s.traces)}
	for _, e := range s.keys {
		k := ManifestKey{
			ID:        e.info.ID,
			Name:      e.info.Name,
			State:     e.State,
			Since:     e.Since,
			Source:    e.Source,
			NotBefore: e.NotBefore,
			NotAfter:  e.NotAfter,
			Evidence:  e.Evidence,
			Note:      e.Note,
		}
		if d, ok := e.Material.(Digester); ok {
			k.Digest = d.Digest()
		}
		if e.info.Use != 0 {
			k.Use = e.info.Use.String()
		}
		m.Keys = append(m.Keys, k)
	}
	return m
}

// info is what a manifest knows about one of its keys.
func (m *Manifest) info(k ManifestKey) Info {
	use, _ := parseUse(k.Use)
	return Info{ID: k.ID, Name: k.Name, Format: m.Format, Private: m.Private, Use: use}
}

// tombstone is all that m knows of a key that is not opened.
func (m *Manifest) tombstone(k ManifestKey) Material { return &tombstone{m.info(k), k.Digest} }

// key returns the entry that k describes, with the given material.
func (k ManifestKey) key(material Material) Key {
	return Key{
		Material:  material,
		State:     k.State,
		NotBefore: k.NotBefore,
		NotAfter:  k.NotAfter,
		Since:     k.Since,
		Evidence:  k.Evidence,
		Source:    k.Source,
		Note:      k.Note,
	}
}
