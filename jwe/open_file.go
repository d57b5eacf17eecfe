package jwe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

// OpenFile returns a [keyset.Opener] for sources "file:NAME" in fsys: a JWK, a
// JWK Set, of which it takes the key that the manifest names, a PEM block, or a
// certificate. Use [os.Root.FS], [os.DirFS], an embed.FS, or a map in tests.
//
// The use in the manifest says what a key is for that does not say so itself. The
// name in the manifest is the "kid" of the key, whatever its file says: partners find
// a key by its kid alone.
func OpenFile(fsys fs.FS) keyset.Opener {
	return func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		name, ok := strings.CutPrefix(k.Source, "file:")
		if !ok {
			return nil, fmt.Errorf("jwe: %.128q is not the source of a file", k.Source)
		}
		f, err := fsys.Open(name)
		if err != nil {
			return nil, fmt.Errorf("jwe: %w", err)
		}
		defer f.Close()
		raw, err := io.ReadAll(io.LimitReader(f, maxKeySet+1))
		if err != nil {
			return nil, fmt.Errorf("jwe: %w: %w", keyset.ErrUnavailable, err)
		}
		if len(raw) > maxKeySet {
			return nil, fmt.Errorf("jwe: %.128q is larger than %d bytes", k.Source, maxKeySet)
		}
		keys, err := ReadKeys(bytes.NewReader(raw))
		if err != nil {
			one, oneErr := ReadKey(bytes.NewReader(raw), manifestUse(k.Use))
			if oneErr != nil {
				return nil, oneErr
			}
			keys = []*Key{one}
		}
		for _, key := range keys {
			i := key.Info()
			if i.ID != k.ID {
				continue
			}
			if k.Name != "" && k.Name != i.Name {
				if !isName(k.Name) {
					return nil, fmt.Errorf("jwe: the name of key %s in the manifest becomes its \"kid\", and is not valid UTF-8 of at most %d bytes: shorten it", k.ID, maxName)
				}
				return key.WithName(k.Name), nil
			}
			return key, nil
		}
		return nil, fmt.Errorf("jwe: %.128q holds %d other keys", k.Source, len(keys))
	}
}

// manifestUse is the use that a manifest spells, zero for none.
func manifestUse(text string) keyset.Use {
	for _, u := range []keyset.Use{keyset.Signing, keyset.Encryption, keyset.Signing | keyset.Encryption} {
		if u.String() == text {
			return u
		}
	}
	return 0
}
