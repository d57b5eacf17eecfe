package keyset

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/sealwax/sealwax/internal/base64url"
)

// publishedScheme begins the source of a key that came by publication. The key itself
// follows, in base64url.
const publishedScheme = "published:"

func publishedSource(raw []byte) string {
	return publishedScheme + string(base64url.AppendEncode(nil, raw))
}

func byPublication(e *entry) bool { return strings.HasPrefix(e.Source, publishedScheme) }

// OpenPublished returns an [Opener] for the sources of keys that [TakePublished]
// admitted: each holds its key itself. files is the opener for files of the format, which
// is given a folder with that one file:
//
//	open := keyset.Schemes(map[string]keyset.Opener{
//		"file":      jwe.OpenFile(root.FS()),
//		"published": keyset.OpenPublished(jwe.OpenFile),
//	})
func OpenPublished(files func(fs.FS) Opener) Opener {
	return func(ctx context.Context, k ManifestKey) (Material, error) {
		text, ok := strings.CutPrefix(k.Source, publishedScheme)
		if !ok {
			return nil, fmt.Errorf("%s is not the source of a published key", shown(k.Source))
		}
		raw, err := base64url.DecodeString(text)
		if err != nil || len(raw) > maxPublishedKey {
			return nil, fmt.Errorf("the source of a published key is base64url of at most %d bytes", maxPublishedKey)
		}
		k.Source = "file:key"
		return files(oneFile(raw))(ctx, k)
	}
}

// A oneFile is a folder with one file, which is called "key".
type oneFile []byte

// Open implements [fs.FS].
func (f oneFile) Open(name string) (fs.File, error) {
	if name != "key" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return openFile{bytes.NewReader(f)}, nil
}

type openFile struct{ *bytes.Reader }

func (f openFile) Close() error               { return nil }
func (f openFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f openFile) Name() string               { return "key" }
func (f openFile) Mode() fs.FileMode          { return 0o444 }
func (f openFile) ModTime() time.Time         { return time.Time{} }
func (f openFile) IsDir() bool                { return false }
func (f openFile) Sys() any                   { return nil }
