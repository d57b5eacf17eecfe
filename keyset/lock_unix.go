//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package keyset

import (
	"os"
	"syscall"
)

// lock waits for the folder. The lock is one of the open file, so that no crash
// leaves it behind, where it could hold back a revocation.
func lock(folder string) (unlock func(), err error) {
	d, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		_ = d.Close()
		return nil, &os.PathError{Op: "flock", Path: folder, Err: err}
	}
	return func() { _ = d.Close() }, nil
}
