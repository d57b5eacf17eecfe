package keyset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"
)

// lookAgain is how often a file is read while nothing changes. It bounds how long a
// revocation waits.
const lookAgain = time.Second

// File returns the store of one manifest in a file. Its version is its content, so
// that it does not matter how the file is replaced: by Swap, by a rename, in place, or
// by a link to another folder, as Kubernetes does. root must stay open. Every second
// the file is read again.
//
// Swap replaces the file so that, whenever the program or the machine stops, it holds
// either what it held before or all of data: to a temporary file in the same folder,
// synchronized, renamed, the folder synchronized. If the name is a symbolic link, the
// file that it leads to is replaced. A file that exists keeps its permissions; a new one
// has 0o644. A program that is killed meanwhile leaves the temporary file behind.
// Processes that write at once wait for each other by a lock that ends with the process
// that holds it: of the folder, by flock, or of a file ".lock" beside it on Windows. The
// error wraps [ErrReadOnly] if the file system or its permissions do not allow it.
//
// This holds for a local file system. NFS and other network file systems are not
// supported: their locks and renames promise less.
func File(root *os.Root, name string) Store { return &file{root, name} }

type file struct {
	root *os.Root
	name string
}

func (f *file) Load(ctx context.Context, known Version) ([]byte, Version, error) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		raw, err := f.read()
		if err != nil {
			return nil, "", err
		}
		if v := versionOf(raw); v != known {
			return raw, v, nil
		}
		select {
		case <-ctx.Done():
			return nil, "", context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (f *file) read() ([]byte, error) {
	r, err := f.root.Open(f.name)
	if err != nil {
		return nil, fmt.Errorf("keyset: %w", err)
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1)) // ReadManifest says if it is too large
	if err != nil {
		return nil, fmt.Errorf("keyset: %w", err)
	}
	return raw, nil
}

func (f *file) Swap(ctx context.Context, old Version, data []byte) (Version, error) {
	if len(data) > maxManifest {
		return "", fmt.Errorf("keyset: %s: larger than %d bytes", f.name, maxManifest)
	}
	err := editFile(ctx, f.root, f.name, func(is []byte) ([]byte, error) { return data, unchanged(is, old) })
	if err != nil {
		return "", fmt.Errorf("keyset: %s: %w", f.name, err)
	}
	return versionOf(data), nil
}

// unchanged returns nil if the bytes, nil for none, are of the given version.
func unchanged(is []byte, version Version) error {
	switch {
	case is == nil && version == "", is != nil && versionOf(is) == version:
		return nil
	case is == nil:
		return fmt.Errorf("%w: there is no such file any more", ErrConflict)
	case version == "":
		return fmt.Errorf("%w: there is such a file already", ErrConflict)
	}
	return fmt.Errorf("%w: the file is not what was read", ErrConflict)
}

func versionOf(raw []byte) Version {
	sum := sha256.Sum256(raw)
	return Version(hex.EncodeToString(sum[:]))
}
