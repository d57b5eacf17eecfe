package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// material reads the keys of a file, or of a service, and names it as the manifest does.
func (r *rotation) material(ctx context.Context, file string, private bool) (keys []keyset.Material, source string, err error) {
	keys, source, err = r.keys.elsewhere(ctx, file, r.file)
	if keys == nil && err == nil {
		keys, source, err = r.inFile(file)
	}
	if err != nil {
		return nil, "", err
	}
	var own string
	var ours []keyset.ManifestKey
	if !private {
		own, ours = r.ours()
	}
	for i, m := range keys {
		if keys[i], err = r.named(m, len(keys)); err != nil {
			return nil, "", fmt.Errorf("%s: %w", file, err)
		}
		switch {
		case !private && m.Info().Private:
			return nil, "", fmt.Errorf("%s: key %s has its private half: it is our own, and this manifest lists the partner's keys; what the partner gets of ours is made by sealctl public", file, m.Info().ID)
		case !private:
			if slices.ContainsFunc(ours, func(k keyset.ManifestKey) bool { return k.ID == m.Info().ID }) {
				return nil, "", fmt.Errorf("%s: key %s is our own: %s lists it, and this manifest is of the partner's", file, m.Info().ID, own)
			}
		case !m.Info().Private:
			return nil, "", fmt.Errorf("%s: key %s has no private half: it is a partner's, which init lists with -public, or what we hand out", file, m.Info().ID)
		}
	}
	return keys, source, nil
}

// ours returns the manifest of our own keys beside this one, and what it lists: that is own.json
// beside peer.json, and shop-own.json beside shop-peer.json. In one folder there may be those of
// both parties.
func (r *rotation) ours() (own string, keys []keyset.ManifestKey) {
	dir, name := filepath.Split(r.file)
	own = filepath.Join(dir, strings.Replace(name, "peer", "own", 1))
	if m, err := readManifest(own); err == nil && m.Private {
		keys = m.Keys
	}
	return own, keys
}

func (r *rotation) inFile(file string) (keys []keyset.Material, source string, err error) {
	if source, err = r.source(file); err != nil {
		return nil, "", err
	}
	raw, err := r.c.read(unprefixed(file), "the key", maxKeyFile)
	if err != nil {
		return nil, "", err
	}
	keys, err = r.keys.keys(file, raw)
	return keys, source, err
}

// source names a key file as the manifest does: from its own folder.
func (r *rotation) source(file string) (string, error) {
	path, err := filepath.Rel(filepath.Dir(r.file), unprefixed(file))
	if err != nil || !filepath.IsLocal(path) {
		there := filepath.Join(filepath.Dir(r.file), unprefixed(file))
		if _, err := os.Stat(there); err == nil && !filepath.IsAbs(unprefixed(file)) {
			return "", fmt.Errorf("%s: a key file is named from here, and not from the folder of the manifest: %s", file, there)
		}
		return "", fmt.Errorf("%s: a key file lies in the folder of the manifest, or below", file)
	}
	source := "file:" + filepath.ToSlash(path)
	if _, alg := prefixOf(file); alg != "" {
		source += "#" + string(alg)
	}
	return source, nil
}

// named gives a key of JOSE the "kid" of -name, which PEM and certificates cannot say.
func (r *rotation) named(m keyset.Material, of int) (keyset.Material, error) {
	if r.name == "" {
		return m, nil
	}
	k, ok := m.(*jwe.Key)
	switch {
	case !ok:
		return nil, misuse("-name is the kid of a JOSE key; the name of an OpenPGP key is its User ID")
	case of != 1:
		return nil, misuse("-name is for one key, and there are %d", of)
	}
	return k.WithName(r.name), nil
}
