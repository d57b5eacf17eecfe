package pgp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// OpenFile returns a [keyset.Opener] for sources "file:NAME" in fsys: a
// certificate or a keyring, armored or binary, with or without private halves,
// of which it takes the certificate that the manifest names. Use [os.Root.FS],
// [os.DirFS], an embed.FS, or a map in tests.
//
// passphrase is called for a file that is locked; it may be nil if none is. What
// it returns is not retained.
func OpenFile(fsys fs.FS, passphrase func(ctx context.Context, k keyset.ManifestKey) ([]byte, error)) keyset.Opener {
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		name, ok := strings.CutPrefix(k.Source, "file:")
		if !ok {
			return nil, errors.New("pgp: this is not the source of a file")
		}
		return openFile(ctx, fsys, name, k, passphrase)
	}
}

// openFile returns the certificate of a file that a manifest names, or the only one if it
// names none.
func openFile(ctx context.Context, fsys fs.FS, name string, k keyset.ManifestKey, passphrase func(ctx context.Context, k keyset.ManifestKey) ([]byte, error)) (*Key, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("pgp: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, cert.MaxArmoredFile+1))
	if err != nil {
		return nil, fmt.Errorf("pgp: %w: %w", keyset.ErrUnavailable, err)
	}
	keys, err := readKeys(bytes.NewReader(raw), nil)
	if errors.Is(err, cert.ErrLocked) && passphrase != nil {
		secret, perr := passphrase(ctx, k)
		if perr != nil {
			return nil, fmt.Errorf("pgp: passphrase: %w", perr)
		}
		keys, err = readKeys(bytes.NewReader(raw), append([]byte{}, secret...))
	}
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.info.ID == k.ID || k.ID == "" && len(keys) == 1 {
			return key, nil
		}
	}
	return nil, fmt.Errorf("pgp: %.128q holds %d other certificates", k.Source, len(keys))
}
