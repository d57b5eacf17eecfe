package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// maxKeyFile is what the packages read of a key file, in bytes.
const maxKeyFile = 1 << 20

const keyFileHelp = `
A key file is an OpenPGP certificate or keyring, a JWK, a JWK Set, PEM, or DER, also
in base64. Write sign:FILE or encrypt:FILE for a key that does not say what it is for,
or the algorithm that it is bound to, as a key for RSA1_5 must be: RSA1_5:FILE. A
manifest stands alone; keys that are given as such are all active. A sealctl that is
built with a key service takes sources of its scheme in place of files.
`

// A keyReader reads key files.
type keyReader struct {
	c          *call
	passphrase string // the name of a file
}

func (r *keyReader) flag() {
	r.c.flags.StringVar(&r.passphrase, "passphrase", "", "the `file` with the passphrase of locked keys")
}

// secret returns the passphrase, without the end of its line.
func (r *keyReader) secret() ([]byte, error) {
	if r.passphrase == "" {
		return nil, errors.New("the key is locked: name the file with its passphrase with -passphrase")
	}
	raw, err := r.c.read(r.passphrase, "the passphrase", 1<<10)
	return bytes.TrimRight(raw, "\r\n"), err
}

// A half says which half of each key is asked for.
type half int

const (
	either  half = iota // what is there
	private             // private halves, and an error where there is none
	publics             // public halves, also of private keys
)

// set returns the keys of the files: as the manifest says, or else all active.
func (r *keyReader) set(ctx context.Context, what string, files []string, want half) (*keyset.Set, error) {
	if len(files) == 0 {
		return nil, misuse("-%s is missing: a key file, or a manifest", what)
	}
	var entries []keyset.Key
	for _, file := range files {
		keys, _, err := r.elsewhere(ctx, file, ".")
		if keys == nil && err == nil {
			var raw []byte
			if raw, err = r.c.read(unprefixed(file), "-"+what, maxKeyFile); err != nil {
				return nil, err
			}
			if isManifest(raw) {
				if len(files) > 1 {
					return nil, misuse("%s is a manifest: it stands alone", file)
				}
				return r.manifest(ctx, file, raw, want)
			}
			keys, err = r.keys(file, raw)
		}
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if want == publics {
				k = k.Public()
			}
			if want == private && !k.Info().Private {
				return nil, fmt.Errorf("%s: key %s has no private half: it belongs to the partner, or is what we hand out", file, k.Info().ID)
			}
			entries = append(entries, keyset.Key{Material: k, State: keyset.Active})
		}
	}
	return keyset.New(1, entries...)
}

// manifest opens the manifest, whose files lie in its folder.
func (r *keyReader) manifest(ctx context.Context, file string, raw []byte, want half) (*keyset.Set, error) {
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if want == private && !m.Private {
		return nil, fmt.Errorf(`%s lists public keys ("private": false): those are a partner's, not our own`, file)
	}
	s, err := r.openManifest(ctx, m, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if want == publics && s.Private() { // public ones keep those that are revoked
		return s.Public(), nil
	}
	return s, nil
}

func (r *keyReader) openManifest(ctx context.Context, m *keyset.Manifest, file string) (*keyset.Set, error) {
	return m.Open(ctx, r.opener(m.Format, file))
}

// opener opens the key files of a manifest, which lie in its folder.
func (r *keyReader) opener(format keyset.Format, file string) keyset.Opener {
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		folder, err := os.OpenRoot(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		secret := func(context.Context, keyset.ManifestKey) ([]byte, error) { return r.secret() }
		opener := r.c.files.Open(folder.FS(), secret)
		if format == keyset.OpenPGP {
			opener = pgp.OpenFile(folder.FS(), secret)
		}
		openers := map[string]keyset.Opener{"file": opener}
		for scheme, service := range r.c.files.Services {
			openers[scheme] = service(format, folder.FS(), r.secret)
		}
		return keyset.Schemes(openers)(ctx, k)
	}
}

// elsewhere returns the key that a source names, if a service has keys of its scheme, and
// the source as a manifest names it. Certificates lie in the folder of the manifest.
func (r *keyReader) elsewhere(ctx context.Context, file, manifest string) (keys []keyset.Material, source string, err error) {
	source = unprefixed(file)
	scheme, _, _ := strings.Cut(source, ":")
	if r.c.files.Services[scheme] == nil {
		return nil, "", nil
	}
	use, alg := prefixOf(file)
	if alg != "" {
		source += "#" + string(alg)
	}
	k, format := keyset.ManifestKey{Source: source}, keyset.JOSE
	if use != 0 {
		k.Use = use.String()
	}
	if strings.Contains(source, "?certificate=") || strings.Contains(source, "&certificate=") {
		format = keyset.OpenPGP
	}
	m, err := r.opener(format, manifest)(ctx, k)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", source, err)
	}
	return []keyset.Material{m}, source, nil
}

// keys returns every key of a file, in whatever format it is.
func (r *keyReader) keys(file string, raw []byte) ([]keyset.Material, error) {
	var keys []keyset.Material
	fail := func(err error) ([]keyset.Material, error) { return nil, fmt.Errorf("%s: %w", file, err) }
	if len(raw) == 0 {
		return fail(errors.New("is empty"))
	}
	if raw[0] >= 0x80 && !bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")) || bytes.Contains(raw, []byte("-----BEGIN PGP ")) {
		read, err := pgp.ReadKeys(bytes.NewReader(raw))
		if err != nil && r.passphrase != "" {
			secret, secretErr := r.secret()
			if secretErr != nil {
				return fail(secretErr)
			}
			var one *pgp.Key
			one, err = pgp.ReadLockedKey(bytes.NewReader(raw), secret)
			read = []*pgp.Key{one}
		}
		if err != nil {
			if text, ok := strings.CutSuffix(err.Error(), "; use ReadLockedKey"); ok { // advice for programs
				err = fmt.Errorf("%s; name the file with the passphrase: -passphrase FILE", text)
			}
			return fail(err)
		}
		for _, k := range read {
			keys = append(keys, k)
		}
		return keys, nil
	}
	use, alg := prefixOf(file)
	read, passed, err := r.c.files.Read(bytes.NewReader(raw), use, r.secret)
	if err != nil {
		return fail(err)
	}
	for _, p := range passed {
		fmt.Fprintf(r.c.err, "sealctl %s: %s: passed over: %s\n", r.c.name, file, p)
	}
	for _, k := range read {
		if alg != "" {
			if k, err = k.WithAlgorithm(alg); err != nil {
				return fail(err)
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// prefixOf returns what the prefix of a key file says that its keys are for.
func prefixOf(file string) (keyset.Use, jwe.Algorithm) {
	prefix, _, ok := strings.Cut(file, ":")
	switch alg := jwe.Algorithm(prefix); {
	case !ok:
		return 0, ""
	case prefix == "sign":
		return keyset.Signing, ""
	case prefix == "encrypt":
		return keyset.Encryption, ""
	case slices.Contains(keyAlgorithms, alg):
		return keyset.Encryption, alg
	case slices.Contains(signatureAlgorithms, alg):
		return keyset.Signing, alg
	}
	return 0, ""
}

var (
	keyAlgorithms       = []jwe.Algorithm{jwe.RSAOAEP256, jwe.RSAOAEP, jwe.RSA1_5, jwe.ECDHES, jwe.ECDHESA128KW, jwe.ECDHESA192KW, jwe.ECDHESA256KW}
	signatureAlgorithms = []jwe.Algorithm{jwe.PS256, jwe.PS384, jwe.PS512, jwe.ES256, jwe.ES384, jwe.ES512, jwe.EdDSA, jwe.Ed25519, jwe.MLDSA44, jwe.MLDSA65, jwe.MLDSA87, jwe.RS256, jwe.RS384, jwe.RS512}
)

func unprefixed(file string) string {
	if use, _ := prefixOf(file); use != 0 {
		_, file, _ = strings.Cut(file, ":")
	}
	return file
}

func isManifest(raw []byte) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(raw, &members) == nil && members["revision"] != nil
}
