package keyset

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// A folder is where a file is replaced: every write of this package goes through
// [folder.edit].
type folder struct{ *os.Root }

// maxLinks is how many symbolic links lead to a file.
const maxLinks = 40

// folderOf returns the folder of a file and its name there, behind symbolic links: a
// rename would replace the link, and followers read what it leads to.
func folderOf(root *os.Root, name string) (folder, string, error) {
	for range maxLinks {
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			in, err := root.OpenRoot(filepath.Dir(name))
			return folder{in}, filepath.Base(name), err
		}
		if err != nil {
			return folder{}, "", err
		}
		to, err := root.Readlink(name)
		if err != nil {
			return folder{}, "", err
		}
		if filepath.IsAbs(to) {
			return folder{}, "", &fs.PathError{Op: "readlink", Path: name, Err: errors.New("it leads out of the folder")}
		}
		// As the system resolves it, for the folder may itself be a link.
		name = path.Join(filepath.ToSlash(filepath.Dir(name)), filepath.ToSlash(to))
	}
	return folder{}, "", &fs.PathError{Op: "readlink", Path: name, Err: errors.New("too many links")}
}

// editFile puts what edit makes of a file, of nil if there is none, in its place.
// Nobody else who writes through this package does so meanwhile.
func editFile(ctx context.Context, root *os.Root, name string, edit func(is []byte) ([]byte, error)) error {
	in, base, err := folderOf(root, name)
	if err != nil {
		return err
	}
	defer in.Close()
	return in.edit(ctx, base, edit)
}

func (in folder) edit(ctx context.Context, name string, edit func(is []byte) ([]byte, error)) error {
	unlock, err := in.lock(ctx)
	if err != nil {
		return readOnly(err)
	}
	defer unlock()
	is, err := in.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		is = nil
	case err != nil:
		return err
	case is == nil:
		is = []byte{}
	}
	next, err := edit(is)
	if err != nil {
		return err
	}
	return readOnly(in.replace(name, next))
}

// askLock is how often a lock is asked for that somebody else holds. To be asked, and
// not to wait, lets ctx end the wait.
const askLock = 2 * time.Millisecond

// lock waits for the folder. The lock ends with the process that holds it, so that no
// crash leaves behind what could hold back a revocation.
func (in folder) lock(ctx context.Context) (unlock func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f, err := in.lockable()
	if err != nil {
		return nil, err
	}
	for {
		locked, err := tryLock(f)
		if locked {
			return func() { _ = f.Close() }, nil
		}
		if err != nil {
			_ = f.Close()
			return nil, &os.PathError{Op: "lock", Path: in.Name(), Err: err}
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("keyset: %s is locked by somebody else who writes: %w", in.Name(), context.Cause(ctx))
		case <-time.After(askLock):
		}
	}
}

// replace puts raw in the place of the named file, so that whenever the program or the
// machine stops, the file holds either what it held before or all of raw.
func (in folder) replace(name string, raw []byte) (err error) {
	mode := os.FileMode(0o644)
	if info, err := in.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	temporary := "." + name + "." + rand.Text()
	f, err := in.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		var failed *fs.PathError
		if errors.As(err, &failed) {
			err = &fs.PathError{Op: "replace", Path: name, Err: failed.Err} // the same text each time
		}
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = in.Remove(temporary)
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
	if err = in.rename(temporary, name); err != nil {
		return err
	}
	return in.sync()
}

// maxRenames bounds how often a rename is tried that a reader stands in the way of, as
// one does on Windows.
const maxRenames = 100

func (in folder) rename(from, to string) error {
	for n := 0; ; n++ {
		err := in.Rename(from, to)
		if err == nil || n == maxRenames || !inTheWay(err) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// readOnly adds [ErrReadOnly] to the error of a write that is not allowed.
func readOnly(err error) error {
	if err != nil && (errors.Is(err, fs.ErrPermission) || neverWritable(err)) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
