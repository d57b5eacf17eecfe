package keyset

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// lockName is the file that stands for a folder, which cannot be locked itself. The
// lock is not the file but one of its open handle, and ends with the process.
const lockName = ".lock"

func (in folder) lockable() (*os.File, error) {
	return in.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
}

// See LockFileEx in the documentation of Windows.
const (
	lockfileFailImmediately = 0x1
	lockfileExclusiveLock   = 0x2

	errorAccessDenied     = syscall.Errno(5)
	errorWriteProtect     = syscall.Errno(19)
	errorSharingViolation = syscall.Errno(32)
	errorLockViolation    = syscall.Errno(33)
	errorIOPending        = syscall.Errno(997)
)

func tryLock(f *os.File) (bool, error) {
	var at syscall.Overlapped
	ok, _, err := syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx").Call(
		f.Fd(), lockfileExclusiveLock|lockfileFailImmediately, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	switch {
	case ok != 0:
		return true, nil
	case errors.Is(err, errorLockViolation), errors.Is(err, errorIOPending):
		return false, nil
	default:
		return false, err
	}
}

// sync does nothing: Windows writes its directories itself.
func (in folder) sync() error { return nil }

// inTheWay reports whether somebody has the file open that a rename would replace.
func inTheWay(err error) bool {
	return errors.Is(err, errorAccessDenied) || errors.Is(err, errorSharingViolation)
}

func neverWritable(err error) bool { return errors.Is(err, errorWriteProtect) }
