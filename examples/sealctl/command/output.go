package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// outputFlag adds -o.
func (c *call) outputFlag(what string) {
	c.flags.StringVar(&c.output, "o", "", "write "+what+" to this `file` instead of standard output")
}

// forEverybody are the permissions of a file that is made to be handed out.
const forEverybody fs.FileMode = 0o644

// write writes what the command made: to standard output, or to the file of -o
// at once and whole. Only its owner reads that file.
func (c *call) write(made func(io.Writer) error) error { return c.writeAs(0o600, made) }

// writeAs is write for a file with other permissions. What is there is replaced if it is
// a file: a link would be gone, and so would a device.
func (c *call) writeAs(mode fs.FileMode, made func(io.Writer) error) error {
	if c.output == "" {
		return made(c.out)
	}
	if info, err := os.Lstat(c.output); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("-o %s: it is a link, a device, or a folder, and -o writes files: name the file itself, or leave out -o", c.output)
	}
	f, err := os.CreateTemp(filepath.Dir(c.output), ".sealctl-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there once it has been renamed
	err = made(f)
	if err == nil {
		err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.output)
}

// writeSecret is write for a private key: nobody else reads the file, and none
// that exists is written over. Neither is a key shown on a terminal.
func (c *call) writeSecret(made func(io.Writer) error) error {
	if c.output == "" {
		if err := exposed(c.out); err != nil {
			return err
		}
		return made(c.out)
	}
	f, err := os.OpenFile(c.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: a key is never written over another; choose another name", c.output)
	}
	if err != nil {
		return err
	}
	return errors.Join(made(f), f.Sync(), f.Close())
}

// exposed says why a private key must not be written there. A pipe goes to a program that
// the user has chosen.
func exposed(w io.Writer) error {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeCharDevice != 0:
		return errors.New("standard output is a terminal or a device, which is no place for a private key: name a file with -o")
	case info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0:
		return errors.New("standard output is a file that others can read: name a file with -o, which only you can read, or set umask 077 first")
	}
	return nil
}
