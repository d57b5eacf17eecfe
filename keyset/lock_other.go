//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package keyset

// lock does nothing where there is no flock; see [Manifest.ReplaceFile].
func lock(string) (unlock func(), err error) { return func() {}, nil }
