package jwe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

// OpenFile returns a [keyset.Opener] for sources "file:NAME" in fsys: whatever
// [ReadKeys] reads, of which it takes the key that the manifest names. Use [os.Root.FS],
// [os.DirFS], an embed.FS, or a map in tests.
//
// The use in the manifest says what a key is for that does not say so itself, and
// narrows what a key is for that says more: a file that lists a key once more, for
// another use, widens nothing. "file:NAME#RSA1_5", and so with every algorithm, binds the
// key to it, as [Key.WithAlgorithm] does: PEM and certificates cannot say it. The name in
// the manifest is the "kid" of the key, whatever its file says: partners find a key by
// its kid alone.
func OpenFile(fsys fs.FS) keyset.Opener {
	return func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		name, ok := strings.CutPrefix(k.Source, "file:")
		if !ok {
			return nil, errors.New("jwe: this is not the source of a file")
		}
		use := manifestUse(k.Use)
		name, alg := boundTo(name)
		if use == 0 {
			use = alg.use()
		}
		f, err := fsys.Open(name)
		if err != nil {
			return nil, fmt.Errorf("jwe: %w", err)
		}
		defer f.Close()
		read, err := readFile(unavailable{f}, use, false)
		if err != nil {
			return nil, prefixed(err)
		}
		for _, key := range read.keys {
			if key.info.ID == k.ID {
				return key.asInManifest(k, use, alg)
			}
		}
		others := ""
		for _, p := range read.passed {
			others += "; " + p.String()
		}
		return nil, fmt.Errorf("jwe: %.128q holds %d other keys%s", k.Source, len(read.keys), others)
	}
}

// unavailable makes an outage of what reading a file returns.
type unavailable struct{ file io.Reader }

func (u unavailable) Read(b []byte) (int, error) {
	n, err := u.file.Read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", keyset.ErrUnavailable, err)
	}
	return n, err
}

// boundTo takes the algorithm off the end of a source, if there is one.
func boundTo(source string) (name string, alg Algorithm) {
	if i := strings.LastIndexByte(source, '#'); i >= 0 {
		if alg = Algorithm(source[i+1:]); alg.use() != 0 {
			return source[:i], alg
		}
	}
	return source, ""
}

// asInManifest returns k with what the manifest has for it: the use, the algorithm, and
// the name.
func (k *Key) asInManifest(m keyset.ManifestKey, use keyset.Use, alg Algorithm) (*Key, error) {
	out := k
	if use != 0 && k.info.Use&^use != 0 {
		if k.info.Use&use == 0 {
			return nil, fmt.Errorf("jwe: key %s is for %s, and the manifest says %s", m.ID, k.info.Use, use)
		}
		out = k.narrowed(use)
	}
	if alg != "" {
		var err error
		if out, err = out.WithAlgorithm(alg); err != nil {
			return nil, err
		}
	}
	if m.Name == "" || m.Name == out.info.Name {
		return out, nil
	}
	if !isName(m.Name) {
		return nil, fmt.Errorf("jwe: the name of key %s in the manifest becomes its \"kid\", and is not valid UTF-8 of at most %d bytes: shorten it", m.ID, maxName)
	}
	return out.WithName(m.Name), nil
}

// narrowed returns k for one of its uses.
func (k *Key) narrowed(use keyset.Use) *Key {
	out := *k
	out.info.Use, out.info.Name, out.encKid = use, k.kid(use), ""
	out.algs = forUse(k.algs, use)
	return &out
}

// manifestUse is the use that a manifest spells, zero for none.
func manifestUse(text string) keyset.Use {
	for _, u := range []keyset.Use{keyset.Signing, keyset.Encryption, bothUses} {
		if u.String() == text {
			return u
		}
	}
	return 0
}
