//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package keyset

import (
	"errors"
	"os"
	"syscall"
)

// lockable is the folder itself: a lock of the open file leaves nothing behind.
func (in folder) lockable() (*os.File, error) { return in.Open(".") }

func tryLock(f *os.File) (bool, error) {
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		return false, nil
	default:
		return false, err
	}
}

// sync makes a rename durable.
func (in folder) sync() error {
	d, err := in.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func inTheWay(error) bool { return false }

func neverWritable(err error) bool { return errors.Is(err, syscall.EROFS) }
