package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes m to the named file as [Store].Swap of [File] does, whatever the file
// holds but for revocations: it returns [ErrRevocationLost], and writes nothing, if the
// file revokes a key that m does not. It is for a first manifest, and for what a person
// decides; a change of what is there is a [Step].
func (m *Manifest) WriteFile(name string) error {
	raw, err := m.encode()
	if err != nil {
		return err
	}
	if to, err := filepath.EvalSymlinks(name); err == nil {
		name = to // which a root would not follow out of its folder
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	return editFile(context.Background(), root, filepath.Base(name), func(is []byte) ([]byte, error) {
		if err := keepsRevoked(is, raw); err != nil {
			return nil, fmt.Errorf("%w: %s", err, name)
		}
		return raw, nil
	})
}

// keepsRevoked returns an error if the bytes that are there revoke a key that the next
// ones do not. No store is given bytes that it was not asked about.
func keepsRevoked(is, next []byte) error {
	revoked := map[ID]bool{}
	for _, id := range revokedBy(next) {
		revoked[id] = true
	}
	var lost []error
	for _, id := range revokedBy(is) {
		if !revoked[id] {
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
