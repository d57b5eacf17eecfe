package command

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// revocation writes the certificate of one key with a revocation: the key of the one file,
// or the one that is named in a manifest and revoked there.
func revocation(ctx context.Context, keys *keyReader, name, why string) (func(io.Writer) error, error) {
	if len(keys.c.args) != 1 {
		return nil, misuse("-revoke takes one key file, or a manifest with -key")
	}
	m, err := toRevoke(ctx, keys, keys.c.args[0], name)
	if err != nil {
		return nil, err
	}
	key, ok := m.(*pgp.Key)
	switch {
	case !ok:
		return nil, fmt.Errorf("key %s is a JOSE key, which has no revocation: tell the partner", m.Info().ID)
	case !key.Info().Private:
		return nil, fmt.Errorf("key %s has no private half here, and only that can revoke it", key.Info().ID)
	}
	return func(w io.Writer) error { return key.WriteRevocation(ctx, w, why) }, nil
}

// toRevoke returns the one key that is meant, and an error that says what to name if that
// is not clear.
func toRevoke(ctx context.Context, keys *keyReader, file, name string) (keyset.Material, error) {
	all, _, err := keys.elsewhere(ctx, file, ".")
	if err == nil && all == nil {
		raw, err := keys.c.read(unprefixed(file), "the key", maxKeyFile)
		if err != nil {
			return nil, err
		}
		if isManifest(raw) {
			return revokedIn(ctx, keys, file, raw, name)
		}
		if all, err = keys.keys(file, raw); err != nil {
			return nil, err
		}
	}
	switch {
	case err != nil:
		return nil, err
	case name != "":
		return nil, misuse("-key is for a manifest, and %s is a key file", file)
	case len(all) != 1:
		return nil, fmt.Errorf("%s holds %d keys: -revoke takes a file with one", file, len(all))
	}
	return all[0], nil
}

// revokedIn opens a key that a manifest has revoked. The manifest itself does not open it
// any more.
func revokedIn(ctx context.Context, keys *keyReader, file string, raw []byte, name string) (keyset.Material, error) {
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if name == "" {
		return nil, misuse("%s is a manifest: say with -key which of its keys is revoked", file)
	}
	s, err := m.Open(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	k, err := find(s, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if k.State != keyset.Revoked {
		return nil, &exitError{refused, fmt.Errorf("key %s of %s is %s: revoke it there first: sealctl rotate %s revoke %s", k.ID(), file, k.State, file, k.ID())}
	}
	for _, entry := range m.Keys {
		if entry.ID == k.ID() {
			return keys.opener(m.Format, file)(ctx, entry)
		}
	}
	return nil, fmt.Errorf("%s: key %s has no entry", file, k.ID())
}
