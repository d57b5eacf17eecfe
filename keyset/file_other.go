//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package keyset

import "os"

func (in folder) lockable() (*os.File, error) { return in.Open(".") }

// tryLock locks nothing: these systems have no lock that a crash does not leave behind.
func tryLock(*os.File) (bool, error) { return true, nil }

func (in folder) sync() error { return nil }

func inTheWay(error) bool { return false }

func neverWritable(error) bool { return false }
