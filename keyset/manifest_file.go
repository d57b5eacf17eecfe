package keyset

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes m to the named file so that, whenever the program or the
// machine stops, the file holds either what it held before or all of m: to a
// temporary file in the same folder, synchronized, renamed, the folder
// synchronized. If the name is a symbolic link, the file that it leads to is
// replaced. A file that exists keeps its permissions; a new one has 0o644. A
// program that is killed meanwhile leaves the temporary file behind.
//
// It returns [ErrRevocationLost], and writes nothing, if the file revokes a key that
// m does not. Whoever writes what was made of a file that was read uses
// [Manifest.ReplaceFile].
func (m *Manifest) WriteFile(name string) error {
	return m.write(name, func([]byte) error { return nil })
}

// ReplaceFile does what WriteFile does if the file still holds the given bytes, and
// returns [ErrConflict] if it does not: read it again, and make the change again. Two
// programs that do so at once lose nothing. This holds for files that are local; on
// systems without flock, Windows among them, the two can still meet in the moment
// of the write.
func (m *Manifest) ReplaceFile(name string, was []byte) error {
	return m.write(name, func(is []byte) error {
		if bytes.Equal(is, was) {
			return nil
		}
		return fmt.Errorf("%w: %s is not what was read; look at it, and do it again", ErrConflict, name)
	})
}

// write writes m to the file if allowed returns nil for what it holds.
func (m *Manifest) write(name string, allowed func(is []byte) error) error {
	raw, err := m.encode()
	if err != nil {
		return err
	}
	return editFile(name, func(is []byte) ([]byte, error) {
		if err := allowed(is); err != nil {
			return nil, err
		}
		if err := m.keepsRevoked(is); err != nil {
			return nil, fmt.Errorf("%w: %s", err, name)
		}
		return raw, nil
	})
}

// editFile puts what edit makes of the file, of nothing if there is none, in its
// place. Nobody else who uses it writes meanwhile.
func editFile(name string, edit func(is []byte) ([]byte, error)) error {
	if to, err := filepath.EvalSymlinks(name); err == nil {
		name = to // the rename would replace the link, and followers read what it leads to
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unlock, err := lock(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer unlock()
	is, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next, err := edit(is)
	if err != nil {
		return err
	}
	return replaceFile(name, next)
}

// keepsRevoked returns an error if the bytes revoke a key that m does not.
func (m *Manifest) keepsRevoked(is []byte) error {
	if len(is) == 0 {
		return nil
	}
	states := map[ID]State{}
	for _, k := range m.Keys {
		states[normal(m.Format, k.ID)] = k.State
	}
	var lost []error
	for _, id := range revokedBy(is) {
		if states[id] != Revoked {
			lost = append(lost, fmt.Errorf("%w: key %s", ErrRevocationLost, id))
		}
	}
	return errors.Join(lost...)
}

// revokedBy returns the keys that bytes revoke, a manifest or not: those that a
// follower revokes.
func revokedBy(raw []byte) []ID {
	m, err := ReadManifest(bytes.NewReader(raw))
	var broken *ManifestError
	switch {
	case err == nil:
		return m.revoked()
	case errors.As(err, &broken):
		return broken.Revoked
	}
	return nil
}

// replaceFile puts raw in the place of the named file.
func replaceFile(name string, raw []byte) (err error) {
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
