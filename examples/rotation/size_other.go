//go:build !darwin && !linux

package main

import "os"

// columns returns how wide a terminal is, 0 if it does not say.
func columns(*os.File) int { return 0 }
