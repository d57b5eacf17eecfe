//go:build darwin || linux

package main

import (
	"os"
	"syscall"
	"unsafe"
)

// columns returns how wide a terminal is, 0 if it does not say.
func columns(f *os.File) int {
	var size struct{ rows, columns, x, y uint16 }
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	if failed != 0 {
		return 0
	}
	return int(size.columns)
}
