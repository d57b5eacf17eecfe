package keyset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
//	     "state": "active", "source": "file:own-2027.asc",
//	     "not_after": "2028-01-01T00:00:00Z", "evidence": "echo 2026-12-03"},
//	    {"id": "04D7…", "state": "retiring", "source": "kms:own-2026"}
//	  ]
//	}
//
// Times are RFC 3339 in UTC. The order of keys is their preference. An addition
// to this format in a later release has another version, and [Manifest.WriteTo]
// writes the lowest version that can hold the content, so that a release can be
// rolled back.
type Manifest struct {
	Version  int           `json:"version"` // 1
	Revision uint64        `json:"revision"`
	Format   Format        `json:"format"`
	Private  bool          `json:"private"`
	Keys     []ManifestKey `json:"keys"`
}

// A ManifestKey is one key of a [Manifest].
type ManifestKey struct {
	ID        ID        `json:"id"`
	Name      string    `json:"name,omitempty"`
	Use       string    `json:"use,omitempty"` // as [Use] prints
	State     State     `json:"state"`
	Since     time.Time `json:"since,omitzero"`
	Source    string    `json:"source,omitempty"`
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
)

// ReadManifest reads one manifest of at most 1 MiB from r.
//
// It is strict: unknown members, repeated members, members that differ only in
// case, trailing data, and versions other than 1 are errors, and so is what
// cannot be a set: no keys, repeated or unprintable IDs, missing or unknown
// states, reversed bounds. The error says at which line, and for which key.
func ReadManifest(r io.Reader) (*Manifest, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("keyset: manifest: %w", err)
	}
	if len(raw) > maxManifest {
		return nil, fmt.Errorf("keyset: manifest: larger than %d bytes", maxManifest)
	}
	d := &manifestDecoder{raw: raw, Decoder: json.NewDecoder(bytes.NewReader(raw))}
	m, err := d.manifest()
	if err != nil {
		return nil, fmt.Errorf("keyset: manifest: line %d: %w", d.line(), err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
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

// WriteFile writes m to the named file so that, whenever the program or the
// machine stops, the file holds either what it held before or all of m: to a
// temporary file in the same folder, synchronized, renamed, the folder
// synchronized. A file that exists keeps its permissions; a new one has 0o644. A
// program that is killed meanwhile leaves the temporary file behind.
func (m *Manifest) WriteFile(name string) (err error) {
	raw, err := m.encode()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	folder := filepath.Dir(name)
	f, err := os.CreateTemp(folder, "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(raw); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncFolder(folder)
}

// syncFolder makes a rename durable.
func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Manifest returns the manifest of s.
func (s *Set) Manifest() *Manifest {
	m := &Manifest{Version: manifestVersion, Revision: s.revision, Format: s.format, Private: s.private}
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
