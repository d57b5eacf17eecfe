package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrMissing says that a program or a library is not installed.
var ErrMissing = errors.New("it is not installed")

// SoftHSM is a SoftHSM whose tokens lie in a folder of the caller.
type SoftHSM struct {
	Library string // the PKCS #11 library
	Conf    string // what SOFTHSM2_CONF has to name
	Tokens  string // the folder
}

// SoftHSMLibrary returns where SoftHSM is installed, or an error that wraps [ErrMissing].
func SoftHSMLibrary() (string, error) {
	for _, file := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("SoftHSM, on Debian softhsm2: %w", ErrMissing)
}

// NewSoftHSM makes a folder for tokens in dir. It has no token yet.
func NewSoftHSM(dir string) (*SoftHSM, error) {
	library, err := SoftHSMLibrary()
	if err != nil {
		return nil, err
	}
	h := &SoftHSM{library, filepath.Join(dir, "softhsm2.conf"), filepath.Join(dir, "tokens")}
	if err := os.Mkdir(h.Tokens, 0o700); err != nil {
		return nil, err
	}
	return h, os.WriteFile(h.Conf, fmt.Appendf(nil, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", h.Tokens), 0o600)
}

// PullOut takes the tokens away, and returns the function that puts them back. SoftHSM
// looks at its folder when it is initialized: finalize is C_Finalize, in the process that
// uses the library, while no other call is under way (PKCS #11 Base Specification 3.0,
// Section 5.4).
func (h *SoftHSM) PullOut(finalize func() error) (back func() error, err error) {
	away := h.Tokens + ".away"
	if err := errors.Join(os.Rename(h.Tokens, away), os.Mkdir(h.Tokens, 0o700), finalize()); err != nil {
		return nil, err
	}
	return func() error {
		err := errors.Join(os.RemoveAll(h.Tokens), os.Rename(away, h.Tokens))
		_ = finalize() // if whoever uses the library has initialized it meanwhile
		return err
	}, nil
}
